import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// A gateway that pulls over the wire, adopts what a real one would, and counts what it is told to have served.
final class FakeGateway: Sendable {
    struct State: Sendable {
        var payload: SnapshotPayload?
        var exchanges = 0
        var failures = 0
        /// Every generation that it had in force.
        var had: [UInt64] = []
        var refused: String?
    }

    let id: String
    let token: String
    private let state = Mutex(State())

    init(_ id: String, token: String) {
        self.id = id
        self.token = token
    }

    /// Of one folder, by id.
    static func make(_ ids: [String], at control: TestControl) async throws -> [FakeGateway] {
        var made: [FakeGateway] = []
        for id in ids {
            let new = Tokens.NewToken(id: id, kind: .node)
            let token = try await control.server.tokens.create(new, by: .system, now: WallClock.readMilliseconds())
            made.append(FakeGateway(id, token: token.text))
        }
        return made
    }

    var has: UInt64 { state.withLock { $0.payload?.number ?? 0 } }
    var had: [UInt64] { state.withLock { $0.had } }
    var document: String? { state.withLock { $0.payload?.document } }
    var overrides: [String] { state.withLock { $0.payload?.overrides.map(\.id) ?? [] } }

    func serve(_ exchanges: Int, failing failures: Int = 0) {
        state.withLock {
            $0.exchanges += exchanges
            $0.failures += failures
        }
    }

    func restart() {
        state.withLock { ($0.exchanges, $0.failures) = (0, 0) }
    }

    func refuse(_ reason: String) {
        state.withLock { $0.refused = reason }
    }

    @discardableResult
    func pull(_ control: TestControl, _ change: (inout GatewayReportView) -> Void = { _ in }) async throws -> Int {
        let now = state.withLock { $0 }
        var report = GatewayReportView(
            version: "test", generation: now.payload?.number ?? 0, source: now.payload == nil ? "none" : "control",
            ready: true, exchangesInFlight: 0, exchanges: now.exchanges, failures: now.failures, refused: now.refused,
            shedding: "none")
        change(&report)
        let answer = try await control.pull(token: token, report)
        guard answer.status == 200, now.refused == nil else { return answer.status }
        let key = try #require(VerifyingKey.read(control.server.publicKey))
        let payload = try answer.view(SignedSnapshot.self).verified(by: key)
        let has = now.payload?.number ?? 0
        // Where it is not sure, it is told what it has once more.
        guard payload.number != has else { return answer.status }
        #expect(payload.number > has, "a gateway adopts only what is higher")
        state.withLock {
            if payload.document != $0.payload?.document { ($0.exchanges, $0.failures) = (0, 0) }
            $0.payload = payload
            $0.had.append(payload.number)
        }
        return answer.status
    }
}

extension Rollout.Limits {
    /// Everybody is waited for at the beginning, and nothing else takes time: how far it comes is up to what is served.
    static var forTests: Rollout.Limits {
        var limits = Rollout.Limits()
        limits.gatherNanoseconds = 600 * Span.second
        limits.settleNanoseconds = 0
        limits.freshNanoseconds = 600 * Span.second
        limits.canaryNanoseconds = 600 * Span.second
        return limits
    }
}

extension TestControl {
    static let second = document + "\n# second\n"
    static let third = document + "\n# third\n"

    var rollout: RolloutView? {
        get async throws {
            try await ask("GET", "/v1/rollout", token: admin).view(NewestRolloutView.self).rollout
        }
    }

    /// Everybody pulls and the roll-out is looked at, until it is so.
    func until(
        _ what: String, _ gateways: [FakeGateway], _ isReached: (RolloutView?) async throws -> Bool
    ) async throws {
        for _ in 0..<20 {
            for gateway in gateways { try await gateway.pull(self) }
            // The server's own look may come at the same moment, and then has done it.
            do { try await server.rollouts.advance(.read()) } catch is ProblemView {}
            if try await isReached(try await rollout) { return }
        }
        Issue.record(
            "\(what): \(String(describing: try await rollout)), \(gateways.map { "\($0.id) \($0.had)" })")
    }

    /// All have the first document, and one has the second.
    func beginRollout(_ gateways: [FakeGateway], second: String = Self.second) async throws {
        try await publish()
        try await until("all have the first", gateways) { _ in gateways.allSatisfy { $0.has == 1 } }
        #expect(try await publish(second).status == 201)
        try await until("one has the second", gateways) { _ in gateways.contains { $0.has == 2 } }
    }

    func audited(_ action: String) async throws -> [AuditEntry] {
        let log = try await ask("GET", "/v1/audit?limit=1000", token: admin)
        return try log.view(Page<AuditEntry>.self).items.filter { $0.action == action }
    }
}
