import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Two gateways beside one management plane, and a document whose only provider is not there.
    struct RolloutPullTests {
        private func generation(_ gateway: GatewayServer) async throws -> String? {
            try await gateway.ask(chat())["x-holdfast-generation"]
        }

        @Test func `a document that does harm is tried at one of two gateways, and comes back by itself`() async throws
        {
            try await withFolder { folder in
                try await withPractice { primary in
                    let (good, bad) = (Setup(primary.port), Setup(1))
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(good.text)
                        let made = try await plane.admin.post(
                            "/v1/tokens",
                            NewTokenView(id: "other", kind: "node", note: nil, for: nil, grants: nil),
                            as: TokenView.self)
                        let other = ControlClient(base: plane.base, token: Secret(try #require(made.token)))
                        let outcome: Result<Void, any Error>
                        do {
                            outcome = .success(try await self.twoGateways(plane, other, bad.text))
                        } catch {
                            outcome = .failure(error)
                        }
                        await other.shutDown()
                        try outcome.get()
                    }
                }
            }
        }

        @Test func `what is reported is of the document in force, under whatever number that comes`() async throws {
            try await withPractice { primary in
                let loaded = try Setup(primary.port).load()
                func snapshot(_ generation: UInt64, _ document: String) -> AdoptedSnapshot {
                    AdoptedSnapshot(
                        loaded, overrides: OverrideSet(), views: [], nowMilliseconds: 0, generation: generation,
                        source: .control, document: document)
                }
                try await withGateway(snapshot(1, "one")) { gateway in
                    func counts(_ exchanges: Int) async throws {
                        try await eventually("\(exchanges) are counted") {
                            gateway.report(version: "test").exchanges == exchanges
                        }
                    }
                    _ = try await gateway.ask(chat())
                    try await counts(1)
                    try gateway.adopt(snapshot(2, "one"))
                    _ = try await gateway.ask(chat())
                    try await counts(2)
                    try gateway.adopt(snapshot(3, "two"))
                    #expect(gateway.report(version: "test").exchanges == 0)
                    _ = try await gateway.ask(chat())
                    try await counts(1)
                }
            }
        }

        private func twoGateways(_ plane: Plane, _ other: ControlClient, _ bad: String) async throws {
            let pulls = [plane.pull(), plane.pull(with: other, ring: "other")]
            var taken: [SnapshotPull.Taken] = []
            for pull in pulls { taken.append(try #require(await pull.first())) }
            let first = taken.map { $0.adopted(from: .control, nowMilliseconds: $0.payload.madeAt) }
            try await withPulling(pulls[0], from: first[0], taken[0]) { one in
                try await withPulling(pulls[1], from: first[1], taken[1]) { two in
                    for gateway in [one, two] { #expect(try await generation(gateway) == "1") }
                    try await plane.publish(bad)
                    try await eventually("one has it") {
                        let found = [try await generation(one), try await generation(two)]
                        return found.contains("2")
                    }
                    let (canary, rest) = try await generation(one) == "2" ? (one, two) : (two, one)
                    for _ in 0..<8 { #expect(try await canary.ask(chat()).status >= 500) }
                    let reply = try await rest.ask(chat())
                    #expect(reply.status == 200 && reply["x-holdfast-generation"] == "1")
                    try await eventually("both are back") {
                        let found = [try await generation(one), try await generation(two)]
                        return found == ["3", "3"]
                    }
                    try await eventually("it answers again") { try await canary.ask(chat()).status == 200 }
                    let rollout = try await plane.admin.rollout()
                    #expect(rollout?.phase == "returned" && rollout?.cause == "errors-rose")
                }
            }
        }
    }
}
