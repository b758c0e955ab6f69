import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// What a gateway says of an order on a day on which the fallback works.
enum Told {
    static func baseline(_ order: String) -> DrillObservationView {
        var seen = DrillObservationView(order: order, phase: .baseline)
        seen.baseline.answered = 12
        return seen
    }

    static func fault(_ order: String, degraded: Int = 10) -> DrillObservationView {
        var seen = baseline(order)
        seen.phase = .fault
        seen.ageMilliseconds = 1_000
        seen.met = degraded
        seen.standard.degraded = degraded
        (seen.detectedAfterMilliseconds, seen.actedAfterMilliseconds, seen.recoveredAfterMilliseconds) = (20, 21, 40)
        seen.answerers = [DrillObservationView.Answerer(deployment: "local/qwen", count: degraded)]
        seen.seconds = [
            DrillObservationView.Second(second: -1, counts: seen.baseline),
            DrillObservationView.Second(second: 0, counts: seen.standard),
        ]
        return seen
    }

    static func recovery(_ order: String, degraded: Int = 30) -> DrillObservationView {
        var seen = fault(order, degraded: degraded)
        seen.phase = .recovery
        seen.ageMilliseconds = 2_000
        (seen.ended, seen.endedAfterMilliseconds) = ("lease", 1_900)
        seen.isSteadyAgain = true
        return seen
    }

    static func over(_ order: String, degraded: Int = 30) -> DrillObservationView {
        var seen = recovery(order, degraded: degraded)
        seen.phase = .over
        seen.recoveryIsFinal = true
        return seen
    }

    static func all(_ phase: DrillView.Phase, _ order: String) -> DrillObservationView? {
        switch phase {
        case .baseline: baseline(order)
        case .fault: fault(order)
        case .recovery: recovery(order)
        default: nil
        }
    }
}

extension TestControl {
    static let drill: NewDrillView = {
        var new = NewDrillView(plan: "kill-primary", reason: "before the release")
        new.route = "assistant"
        new.lease = "20s"
        return new
    }()

    /// The first document is in force at gateways that are there.
    func gatewaysForDrill(_ ids: [String] = ["a"]) async throws -> [FakeGateway] {
        let gateways = try await FakeGateway.make(ids, at: self)
        try await publish()
        for gateway in gateways { try await gateway.pull(self) }
        return gateways
    }

    func startDrill(_ new: NewDrillView = drill) async throws -> DrillView {
        let answer = try await ask("POST", "/v1/drills", token: admin, body: new)
        #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        return try answer.view(DrillView.self)
    }

    func drill(_ id: String) async throws -> DrillView {
        try await ask("GET", "/v1/drills/\(id)", token: admin).view(DrillView.self)
    }

    func stop(_ id: String, token: String? = nil) async throws -> Answer {
        try await ask(
            "POST", "/v1/drills/\(id)/stop", token: token ?? admin, body: ReasonView(reason: "enough"))
    }

    func lever(_ verb: String, token: String? = nil) async throws -> Answer {
        try await ask(
            "POST", "/v1/drills/\(verb)", token: token ?? admin, body: ReasonView(reason: "a real incident"))
    }

    /// Everybody says so, and the drill is looked at, until it is there.
    @discardableResult
    func until(
        _ phase: DrillView.Phase, _ drill: DrillView, _ gateways: [FakeGateway],
        _ told: (String) -> DrillObservationView?
    ) async throws -> DrillView {
        let order = try #require(drill.overrideId)
        for _ in 0..<20 {
            for gateway in gateways {
                let seen = told(order)
                try await gateway.pull(self) { $0.drills = seen.map { [$0] } }
            }
            // The server's own look may come at the same moment, and then has done it.
            do { try await server.drills.advance(.read()) } catch is ProblemView {}
            let found = try await self.drill(drill.id)
            if found.phase == phase { return found }
        }
        let found = try await self.drill(drill.id)
        Issue.record("\(phase) was not reached: \(found.phase) \(found.because)")
        return found
    }

    /// As far as that phase, with what a gateway says in each of those before.
    func bring(_ drill: DrillView, to phase: DrillView.Phase, _ gateways: [FakeGateway]) async throws {
        for next in [DrillView.Phase.baseline, .fault, .recovery] where phase != .starting {
            try await until(next, drill, gateways) { Told.all(next, $0) }
            if next == phase { return }
        }
    }
}
