import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// Gateways that are not as they should be.
@Suite("Gateways that report", .serialized)
struct GatewaysTests {
    private static func report(_ word: String = "test", refused: String? = nil) -> GatewayReportView {
        GatewayReportView(
            version: word, generation: 0, source: "control", ready: true, exchangesInFlight: 0, exchanges: 0,
            failures: 0, refused: refused, shedding: "none")
    }

    private static func token(_ id: String, at control: TestControl) async throws -> String {
        let new = Tokens.NewToken(id: id, kind: .node)
        return try await control.server.tokens.create(new, by: .system, now: WallClock.readMilliseconds()).text
    }

    @Test("One that floods is refused by itself, and takes nothing from the others")
    func flood() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let (flooding, calm) = (
                try await Self.token("flooding", at: control), try await Self.token("calm", at: control)
            )
            let began = MonotonicClock.read()
            var refusals = 0
            var asked = 0
            // More than it takes, on any machine, until some were refused.
            while refusals < 20, asked < 3_000 {
                asked += 1
                let answer = try await control.ask("POST", "/v1/pull", token: flooding, body: Self.report())
                guard answer.status != 200 else { continue }
                #expect(answer.status == 429)
                #expect(answer.headers["retry-after"].flatMap { Int($0) } ?? 0 >= 1)
                #expect(answer.problem?.mend.contains("token") == true)
                refusals += 1
            }
            // Ten at once and five a second, however long it takes here.
            let seconds = Int(MonotonicClock.read().nanoseconds(since: began) / Span.second) + 1
            #expect(asked - refusals <= 10 + 5 * seconds && refusals > 0)
            let answer = try await control.ask("POST", "/v1/pull", token: calm, body: Self.report())
            #expect(answer.status == 200)
        }
    }

    @Test("What is kept of what one says is bounded, whatever it says")
    func lies() async throws {
        try await TestControl.run { control in
            let token = try await Self.token("liar", at: control)
            // A letter with so many accents is one character.
            let long = "a" + String(repeating: "\u{301}", count: 100_000)
            let answer = try await control.ask(
                "POST", "/v1/pull", token: token, body: Self.report(long, refused: long))
            #expect(answer.status == 204)
            let page = try await control.ask("GET", "/v1/gateways", token: control.admin).view(Page<GatewayView>.self)
            let kept = try #require(page.items.first?.report)
            #expect(kept.version.unicodeScalars.count == GatewayReportView.longestWord)
            #expect(kept.refused?.unicodeScalars.count == GatewayReportView.longestText)
        }
    }

    @Test("What it says of drills can be, or is refused")
    func drills() throws {
        func isTaken(_ change: (inout DrillObservationView) -> Void) -> Bool {
            var report = Self.report()
            var drill = DrillObservationView(order: "ov-1", phase: .fault)
            change(&drill)
            report.drills = [drill]
            return (try? report.checked()) != nil
        }
        #expect(isTaken { _ in })
        #expect(
            isTaken {
                $0.ended = "lost_critical"
                $0.endedAfterMilliseconds = -10
                $0.answerers = [.init(deployment: "a/b", count: 3)]
                $0.seconds = [.init(second: -2, counts: .init())]
            })
        #expect(!isTaken { $0.order = "\u{1B}[31m" })
        #expect(!isTaken { $0.ended = "because" })
        #expect(!isTaken { $0.met = -1 })
        #expect(!isTaken { $0.critical.lost = .max })
        #expect(!isTaken { $0.ageMilliseconds = .min })
        #expect(!isTaken { $0.answerers = [.init(deployment: "no deployment", count: 1)] })
        #expect(!isTaken { $0.answerers = Array(repeating: .init(deployment: "a/b", count: 1), count: 65) })
        #expect(!isTaken { $0.seconds = Array(repeating: .init(second: 1, counts: .init()), count: 181) })
        #expect(!isTaken { $0.seconds = [.init(second: .min, counts: .init())] })
        var report = Self.report()
        report.drills = (0...8).map { DrillObservationView(order: "ov-\($0)", phase: .fault) }
        #expect((try? report.checked()) == nil)
        report.drills = (0...1).map { _ in DrillObservationView(order: "ov-1", phase: .fault) }
        #expect((try? report.checked()) == nil, "one order has one observation")
    }
}
