import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

/// Fault orders as they come with a snapshot.
enum DrillSetup {
    static let primary = "primary/practice-large"
    static let backup = "backup/practice-large"

    /// Effective at once, for half a minute.
    static func order(
        _ fault: InjectedFault, _ target: FaultTarget = .deployment(primary),
        _ change: (inout FaultOrder) -> Void = { _ in }
    ) -> FaultOrder {
        var order = FaultOrder(fault, target, leaseMilliseconds: 30_000)
        order.baselineMilliseconds = 0
        change(&order)
        return order
    }

    /// - Parameter orders: by id, oldest first.
    static func adopted(
        _ setup: Setup, _ orders: [(id: String, order: FaultOrder)], source: AdoptedSnapshot.Source = .control,
        generation: UInt64 = 7
    ) throws -> AdoptedSnapshot {
        var overrides = OverrideSet()
        for (place, order) in orders.enumerated() {
            try overrides.add(
                Override(
                    id: order.id, effect: .fault(order.order), author: "drill", reason: "a test",
                    createdAtMilliseconds: Int64(place), expiresAtMilliseconds: 1_000))
        }
        let views = overrides.overrides.map {
            OverrideView(
                id: $0.id, effect: OverrideEffectView(kind: "fault"), author: $0.author, reason: $0.reason,
                createdAt: $0.createdAtMilliseconds, expiresAt: $0.expiresAtMilliseconds)
        }
        return AdoptedSnapshot(
            try setup.load(), overrides: overrides, views: views, nowMilliseconds: 500, generation: generation,
            source: source)
    }

    struct Rig {
        var gateway: GatewayServer
        var setup: Setup
        var primary: PracticeServer
        var backup: PracticeServer

        func adopt(
            _ orders: [(id: String, order: FaultOrder)], source: AdoptedSnapshot.Source = .control
        ) throws {
            try gateway.adopt(DrillSetup.adopted(setup, orders, source: source, generation: 8))
        }

        /// What an exchange leaves behind is written after its answer; with one loop it is there once that has answered
        /// something else.
        func ask(_ request: String) async throws -> Reply {
            let reply = try await gateway.ask(request)
            _ = try await gateway.ask(get("/v1/models"))
            return reply
        }

        /// Of the first order.
        func seen() throws -> DrillObservationView {
            try #require(gateway.report(version: "test").drills?.first)
        }

        func attempts(of reply: Reply) async throws -> [JSONValue] {
            let id = try #require(reply["x-request-id"])
            return try #require(try await gateway.operations("/state/exchanges/\(id)").json?["attempts"]?.array)
        }
    }

    /// A gateway over two practice providers that has just taken an order named `o`; nil: none.
    static func run(
        _ order: FaultOrder?, source: AdoptedSnapshot.Source = .control, _ change: (inout Setup) -> Void = { _ in },
        _ body: (Rig) async throws -> Void
    ) async throws {
        try await withPractice { primary in
            try await withPractice { backup in
                var setup = Setup(primary.port, backup.port)
                change(&setup)
                let first = try adopted(setup, order.map { [("o", $0)] } ?? [], source: source)
                try await withGateway(first) { gateway in
                    try await body(Rig(gateway: gateway, setup: setup, primary: primary, backup: backup))
                }
            }
        }
    }
}
