import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// What gateways tell of what goes through them, who hears it, and what one that lies gets.
@Suite("Figures of gateways", .serialized)
struct FiguresTests {
    private static func report(_ figures: FiguresView?, receipts: ReceiptsView? = nil) -> GatewayReportView {
        var report = GatewayReportView(
            version: "test", generation: 0, source: "control", ready: true, exchangesInFlight: 0, exchanges: 0,
            failures: 0, refused: nil, shedding: "none")
        (report.figures, report.receipts) = (figures, receipts)
        return report
    }

    /// Everything that there is, each once.
    private static var whole: FiguresView {
        var route = FiguresView.Route(
            name: "assistant", candidates: ["openai/gpt"], ended: 10, failed: 1, failovers: 2, inFlight: 3)
        (route.medianMilliseconds, route.p99Milliseconds) = (100, 200)
        (route.medianFirstTokenMilliseconds, route.p99FirstTokenMilliseconds) = (50, 60)
        var deployment = FiguresView.Deployment(
            id: "openai/gpt", vendor: "openai", owned: false, breaker: "half-open", inFlight: 1, waiting: 0,
            attempts: 12, failures: 2, warmth: "warm", overrides: ["drain-1"])
        (deployment.region, deployment.jurisdiction, deployment.suspension) = ("us", "us", "credential")
        (deployment.medianFirstTokenMilliseconds, deployment.retires) = (40, "2027-03-31")
        var figures = FiguresView()
        figures.routes = [route]
        figures.deployments = [deployment]
        figures.calls = [FiguresView.Call(workload: "triage", route: "assistant", deployment: "openai/gpt", count: 9)]
        figures.endpoints = [
            FiguresView.Endpoint(provider: "openai", host: "api.openai.com", addresses: ["192.0.2.1"])
        ]
        figures.nameServers = ["127.0.0.53"]
        figures.leftOut = 1
        return figures
    }

    private static func receipt(_ number: Int, _ change: (inout ExchangeReceiptView) -> Void = { _ in })
        -> ExchangeReceiptView
    {
        let digits = String(number, radix: 16)
        var receipt = ExchangeReceiptView(
            id: String(repeating: "0", count: 32 - digits.count) + digits, endedAt: "2027-03-31T12:00:00.000Z",
            route: "assistant", workload: "triage", generation: 1, operation: "chat", stream: true,
            criticality: "critical", delivery: "splice", end: "answered", status: 200, degraded: "failover",
            milliseconds: 40, firstTokenMilliseconds: 30, inputTokens: 3, outputTokens: 4,
            candidates: ["openai/gpt", "local/qwen"],
            attempts: [
                .init(
                    deployment: "local/qwen", startedMilliseconds: 1, firstTokenMilliseconds: 2, endedMilliseconds: 3,
                    failure: "transient", continues: "repeated")
            ], exclusions: [.init(deployment: "openai/gpt", reason: "breaker_open", atMilliseconds: 1)])
        change(&receipt)
        return receipt
    }

    private static func told(_ receipts: [ExchangeReceiptView], leftOut: Int = 0) -> ReceiptsView {
        ReceiptsView(items: receipts, leftOut: leftOut, operations: "10.0.0.7:8081")
    }

    private static func token(_ id: String, at control: TestControl) async throws -> String {
        let new = Tokens.NewToken(id: id, kind: .node)
        return try await control.server.tokens.create(new, by: .system, now: WallClock.readMilliseconds()).text
    }

    private static func isWatched(_ answer: TestControl.Answer) -> Bool {
        answer.headers[ControlClient.watchedHeader] == "true"
    }

    @Test("What is shown has an age, is kept while nothing newer comes, and stands in no other list")
    func newest() async throws {
        try await TestControl.run { control in
            let (one, two) = (try await Self.token("one", at: control), try await Self.token("two", at: control))
            #expect(try await control.pull(token: one, Self.report(Self.whole)).status == 204)
            #expect(try await control.pull(token: two, Self.report(nil)).status == 204)
            #expect(try await control.pull(token: one, Self.report(nil)).status == 204)
            let viewer = try await control.token(.viewer)
            let answer = try await control.ask("GET", "/v1/figures", token: viewer)
            let found = try answer.view(FleetFiguresView.self)
            #expect(found.gateways.map(\.id) == ["one", "two"] && found.next == nil)
            #expect(found.gateways.first?.figures == Self.whole)
            let first = try #require(found.gateways.first)
            #expect(try #require(first.figuresAgeMilliseconds) >= first.silentForMilliseconds)
            #expect(found.gateways.last?.figures == nil && found.gateways.last?.figuresAgeMilliseconds == nil)
            #expect(try SchemaAgreement.problems(of: found, with: .fleetFigures).isEmpty)

            let second = try await control.ask("GET", "/v1/figures?gateway=two", token: viewer)
            #expect(try second.view(FleetFiguresView.self).gateways.map(\.id) == ["two"])
            let page = try await control.ask("GET", "/v1/figures?limit=1", token: viewer).view(FleetFiguresView.self)
            #expect(page.gateways.map(\.id) == ["one"] && page.next == "one")
            let rest = try await control.ask("GET", "/v1/figures?limit=1&after=one", token: viewer)
            #expect(try rest.view(FleetFiguresView.self).gateways.map(\.id) == ["two"])

            let listed = try await control.ask("GET", "/v1/gateways", token: viewer).view(Page<GatewayView>.self)
            #expect(listed.items.allSatisfy { $0.report.figures == nil && $0.report.receipts == nil })
            let auditor = try await control.token(.auditor)
            #expect(try await control.ask("GET", "/v1/figures", token: auditor).status == 403)
        }
    }

    @Test("A gateway is told that somebody looks on once somebody does, and not before")
    func watched() async throws {
        try await TestControl.run { control in
            let node = try await Self.token("one", at: control)
            #expect(try await !Self.isWatched(control.pull(token: node, Self.report(nil))))
            #expect(try await control.ask("GET", "/v1/status", token: control.admin).status == 200)
            #expect(try await !Self.isWatched(control.pull(token: node, Self.report(Self.whole))))
            for path in ["/v1/figures", "/v1/exchanges", "/v1/exchanges/\(Self.receipt(1).id)"] {
                _ = try await control.ask("GET", path, token: control.admin)
                #expect(try await Self.isWatched(control.pull(token: node, Self.report(nil))), "\(path)")
            }
            try await control.publish()
            let taken = try await control.pull(token: node, Self.report(Self.whole))
            #expect(taken.status == 200 && Self.isWatched(taken), "also with a snapshot in the answer")
        }
    }

    @Test("The schema of figures and receipts is that of their views, member by member")
    func schemas() throws {
        #expect(try SchemaAgreement.problems(of: Self.whole, with: .figures).isEmpty)
        #expect(try SchemaAgreement.absent(from: Self.whole, of: .figures).isEmpty)
        let told = Self.told([Self.receipt(1)])
        #expect(try SchemaAgreement.problems(of: told, with: .receipts).isEmpty)
        #expect(try SchemaAgreement.absent(from: told, of: .receipts).isEmpty)
        let page = ExchangePage(
            items: [ExchangeView(number: 1, gateway: "one", receipt: Self.receipt(1))], next: "1", leftOut: 0)
        #expect(try SchemaAgreement.problems(of: page, with: .exchangePage).isEmpty)
        #expect(try SchemaAgreement.absent(from: page, of: .exchangePage).isEmpty)
        #expect(try !SchemaAgreement.problems(of: page, with: .receipts).isEmpty, "the check itself finds something")
    }

    @Test("Figures that cannot be are refused field by field, and what was known before stays")
    func lies() async throws {
        try await TestControl.run { control in
            let node = try await Self.token("liar", at: control)
            #expect(try await control.pull(token: node, Self.report(Self.whole)).status == 204)
            let lies: [(String, (inout FiguresView) -> Void)] = [
                ("figures.routes", { $0.routes[0].name = "a\u{1B}[31m" }),
                ("figures.routes", { $0.routes[0].ended = -1 }),
                ("figures.routes", { $0.routes[0].candidates = Array(repeating: "a/b", count: 65) }),
                ("figures.routes", { $0.routes[0].p99Milliseconds = -1 }),
                ("figures.routes", { $0.routes = Array(repeating: $0.routes[0], count: FiguresView.mostRoutes + 1) }),
                ("figures.deployments", { $0.deployments[0].id = "nobody" }),
                ("figures.deployments", { $0.deployments[0].breaker = "ajar" }),
                ("figures.deployments", { $0.deployments[0].warmth = "tepid" }),
                ("figures.deployments", { $0.deployments[0].retires = "soon" }),
                ("figures.deployments", { $0.deployments[0].overrides = ["\u{7}"] }),
                ("figures.deployments", { $0.deployments[0].failures = .max }),
                ("figures.calls", { $0.calls[0].workload = "\n" }),
                ("figures.calls", { $0.calls[0].route = "" }),
                ("figures.calls", { $0.calls[0].count = -5 }),
                ("figures.calls", { $0.calls = Array(repeating: $0.calls[0], count: FiguresView.mostCalls + 1) }),
                ("figures.endpoints", { $0.endpoints[0].provider = "A B" }),
                ("figures.endpoints", { $0.endpoints[0].addresses = Array(repeating: "::1", count: 65) }),
                ("figures.name_servers", { $0.nameServers = Array(repeating: "::1", count: 9) }),
                ("figures.left_out", { $0.leftOut = -1 }),
            ]
            for (field, lie) in lies {
                var figures = Self.whole
                lie(&figures)
                let answer = try await control.pull(token: node, Self.report(figures))
                #expect(answer.status == 422 && answer.problem?.fields?.map(\.field) == [field], "\(field)")
            }
            var kept = try await control.ask("GET", "/v1/figures", token: control.admin).view(FleetFiguresView.self)
            #expect(kept.gateways.first?.figures == Self.whole)

            var wordy = Self.whole
            wordy.deployments[0].vendor = String(repeating: "v\u{301}", count: 10_000)
            wordy.deployments[0].suspension = "a\u{1B}b\nc"
            wordy.endpoints[0].host = String(repeating: "h", count: 10_000)
            wordy.endpoints[0].addresses = ["\u{9B}31m"]
            wordy.calls.append(FiguresView.Call(workload: "*", route: "*", deployment: "*", count: 1))
            #expect(try await control.pull(token: node, Self.report(wordy)).status == 204)
            kept = try await control.ask("GET", "/v1/figures", token: control.admin).view(FleetFiguresView.self)
            let figures = try #require(kept.gateways.first?.figures)
            #expect(figures.deployments[0].vendor.unicodeScalars.count == GatewayReportView.longestWord)
            #expect(figures.deployments[0].suspension == "a\u{FFFD}b\u{FFFD}c")
            #expect(figures.endpoints[0].host.count == TellingCheck.longestHost)
            #expect(figures.endpoints[0].addresses == ["\u{FFFD}31m"] && figures.calls.count == 2)
        }
    }

    // MARK: - Exchanges

    @Test("Exchanges are listed the newest first, by filter and page by page, and found by their id")
    func exchanges() async throws {
        try await TestControl.run { control in
            let (one, two) = (try await Self.token("one", at: control), try await Self.token("two", at: control))
            let first = (0..<5).reversed().map { Self.receipt($0) }
            let second = Self.receipt(5) {
                ($0.route, $0.workload, $0.end, $0.degraded) = ("local/qwen", nil, "interrupted", nil)
            }
            _ = try await control.pull(token: one, Self.report(nil, receipts: Self.told(first, leftOut: 3)))
            _ = try await control.pull(token: two, Self.report(nil, receipts: Self.told([second], leftOut: 4)))
            // Its answer was lost, so it tells the same again, and one more.
            let again = Self.told([Self.receipt(6)] + first)
            _ = try await control.pull(token: one, Self.report(nil, receipts: again))
            func list(_ query: String) async throws -> [Int] {
                let answer = try await control.ask("GET", "/v1/exchanges?\(query)", token: control.admin)
                return try answer.view(ExchangePage.self).items.compactMap { Int($0.receipt.id, radix: 16) }
            }
            #expect(try await list("") == [6, 5, 4, 3, 2, 1, 0])
            #expect(try await list("route=assistant") == [6, 4, 3, 2, 1, 0])
            for query in ["end=interrupted", "gateway=two", "degraded=false"] {
                #expect(try await list(query) == [5], "\(query)")
            }
            #expect(try await list("degraded=true").count == 6)
            #expect(try await list("workload=triage&gateway=two") == [])
            var (seen, place): ([Int], String?) = ([], nil)
            repeat {
                let path = "/v1/exchanges?limit=3" + (place.map { "&after=\($0)" } ?? "")
                let page = try await control.ask("GET", path, token: control.admin).view(ExchangePage.self)
                seen += page.items.compactMap { Int($0.receipt.id, radix: 16) }
                #expect(page.leftOut == 7)
                place = page.next
            } while place != nil
            #expect(seen == [6, 5, 4, 3, 2, 1, 0])
            let id = second.id.uppercased()
            let found = try await control.ask("GET", "/v1/exchanges/\(id)", token: control.admin)
            let view = try found.view(ExchangeView.self)
            #expect(view.gateway == "two" && view.receipt.end == "interrupted" && view.receipt.id == second.id)
            let unknown = try await control.ask(
                "GET", "/v1/exchanges/\(String(repeating: "f", count: 32))", token: control.admin)
            #expect(unknown.status == 404)
            #expect(unknown.problem?.mend.contains("one at 10.0.0.7:8081, two at 10.0.0.7:8081") == true)
            let nonsense = try await control.ask("GET", "/v1/exchanges/%1B%5B31m", token: control.admin)
            #expect(nonsense.status == 404 && nonsense.problem?.mend.contains("x-request-id") == true)
            for query in ["degraded=perhaps", "after=x", "limit=0"] {
                #expect(try await control.ask("GET", "/v1/exchanges?\(query)", token: control.admin).status == 422)
            }
        }
    }

    @Test("What is kept of exchanges is bounded by number and by bytes, and each gateway has its share")
    func bounds() {
        var limits = Exchanges.Limits()
        (limits.most, limits.mostOfOne, limits.fewest) = (40, 30, 5)
        let exchanges = Exchanges(limits: limits)
        let all = Exchanges.Filter()
        for turn in 0..<10 {
            exchanges.take(Self.told((0..<10).reversed().map { Self.receipt(turn * 10 + $0) }), from: "one")
        }
        let kept = exchanges.list(all, limit: 1_000).items.compactMap { Int($0.receipt.id, radix: 16) }
        #expect(kept == (70..<100).reversed(), "the newest, and no more than one gateway may have")
        exchanges.take(Self.told((200..<210).reversed().map { Self.receipt($0) }), from: "two")
        #expect(exchanges.list(all, limit: 1_000).items.count { $0.gateway == "one" } == 20)
        exchanges.forget(allBut: ["two"])
        #expect(exchanges.list(all, limit: 1_000).items.allSatisfy { $0.gateway == "two" })

        limits.mostBytes = 4_000
        let small = Exchanges(limits: limits)
        for turn in 0..<10 { small.take(Self.told([Self.receipt(turn)]), from: "one") }
        let left = small.list(all, limit: 1_000).items
        #expect((1..<10).contains(left.count) && Int(left[0].receipt.id, radix: 16) == 9)
    }

    @Test("A gateway that lies about exchanges is refused, and what it says in words is made plain")
    func lyingReceipts() async throws {
        try await TestControl.run { control in
            let node = try await Self.token("liar", at: control)
            let lies: [(String, (inout ExchangeReceiptView) -> Void)] = [
                ("receipts.items", { $0.id = "../../etc/passwd" }), ("receipts.items", { $0.route = "\u{1B}" }),
                ("receipts.items", { $0.criticality = "urgent" }), ("receipts.items", { $0.milliseconds = -1 }),
                ("receipts.items", { $0.generation = .max }), ("receipts.items", { $0.workload = "A B" }),
                ("receipts.items", { $0.candidates = ["x"] }), ("receipts.items", { $0.outputTokens = -1 }),
                ("receipts.items.attempts", { $0.attempts = Array(repeating: $0.attempts[0], count: 65) }),
                ("receipts.items.attempts", { $0.attempts[0].startedMilliseconds = -1 }),
                ("receipts.items.exclusions", { $0.exclusions[0].deployment = "x" }),
                ("receipts.items.exclusions", { $0.exclusions = Array(repeating: $0.exclusions[0], count: 65) }),
            ]
            for (field, lie) in lies {
                let told = Self.told([Self.receipt(1, lie)])
                let answer = try await control.pull(token: node, Self.report(nil, receipts: told))
                #expect(answer.status == 422 && answer.problem?.fields?.map(\.field) == [field], "\(field)")
            }
            let many = Self.told((0...ReceiptsView.most).map { Self.receipt($0) })
            let tooMany = try await control.pull(token: node, Self.report(nil, receipts: many))
            #expect(tooMany.problem?.fields?.map(\.field) == ["receipts.items"])
            let wordy = Self.told([
                Self.receipt(1) {
                    $0.end = "\u{1B}[2J" + String(repeating: "x", count: 10_000)
                    $0.attempts[0].failure = "a\nb"
                    $0.exclusions[0].reason = "\u{9B}"
                }
            ])
            #expect(try await control.pull(token: node, Self.report(nil, receipts: wordy)).status == 204)
            let found = try await control.ask("GET", "/v1/exchanges", token: control.admin).view(ExchangePage.self)
            let receipt = try #require(found.items.first?.receipt)
            #expect(receipt.end.count == GatewayReportView.longestWord && receipt.end.hasPrefix("\u{FFFD}[2J"))
            #expect(receipt.attempts[0].failure == "a\u{FFFD}b" && receipt.exclusions[0].reason == "\u{FFFD}")
        }
    }
}
