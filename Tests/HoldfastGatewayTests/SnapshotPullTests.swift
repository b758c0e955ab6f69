import Crypto
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore
import HoldfastPractice
import Logging
import Testing

@testable import HoldfastGateway

/// A management plane in this process, and what a gateway needs to believe it.
struct Plane: Sendable {
    let admin: ControlClient
    let node: ControlClient
    let key: Curve25519.Signing.PublicKey
    let folder: URL
    let base: String

    /// - Parameter body: ends the management plane by returning.
    static func run(
        in folder: URL, token: String? = nil, rollout: Rollout.Limits = Rollout.Limits(),
        _ body: (Plane) async throws -> Void
    ) async throws {
        let control = folder.appendingPathComponent("control").path
        let server = try await ControlServer(
            ControlServer.Settings(
                listen: ListenAddress(host: "127.0.0.1", port: 0), folder: control, version: "test", hosts: [],
                directory: control, environment: [:], rollout: rollout), logger: quiet)
        let key = try #require(VerifyingKey.read(server.publicKey))
        let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await server.run { continuation.yield($0) }
            }
            for await address in addresses {
                let admin = ControlClient(
                    base: "http://\(address)", token: Secret(try #require(token ?? server.firstToken)))
                let made = try await admin.post(
                    "/v1/tokens",
                    NewTokenView(
                        id: "gw-\(UUID().uuidString.prefix(8).lowercased())", kind: "node", note: nil, for: nil,
                        grants: nil),
                    as: TokenView.self)
                let node = ControlClient(base: "http://\(address)", token: Secret(try #require(made.token)))
                do {
                    try await body(Plane(admin: admin, node: node, key: key, folder: folder, base: "http://\(address)"))
                } catch {
                    await admin.shutDown()
                    await node.shutDown()
                    throw error
                }
                await admin.shutDown()
                await node.shutDown()
                break
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    func publish(_ document: String) async throws {
        _ = try await admin.post(
            "/v1/generations",
            NewGenerationView(document: document, name: "holdfast.yaml", reason: "test", confirmed: nil),
            as: GenerationView.self)
    }

    func drain(_ provider: String) async throws -> OverrideView {
        var effect = OverrideEffectView(kind: "drain")
        effect.provider = provider
        return try await admin.post(
            "/v1/overrides", NewOverrideView(effect: effect, reason: "test", for: "5m"), as: OverrideView.self)
    }

    var ring: SnapshotRing { SnapshotRing(data: folder.path) }

    /// - Parameters:
    ///   - client: nil: the node's.
    ///   - name: of a folder for a ring of its own.
    func pull(
        with client: ControlClient? = nil, ring name: String? = nil, _ environment: [String: String] = [:]
    ) -> SnapshotPull {
        SnapshotPull(
            SnapshotPull.Settings(
                client: client ?? node, key: key,
                ring: name.map { SnapshotRing(data: folder.appendingPathComponent($0).path) } ?? ring,
                environment: environment, directory: folder.path,
                version: "test"),
            logger: Self.quiet)
    }
}

/// A gateway that pulls while the body runs.
func withPulling(
    _ pull: SnapshotPull, from first: AdoptedSnapshot, _ taken: SnapshotPull.Taken?,
    _ body: (GatewayServer) async throws -> Void
) async throws {
    try await withGateway(first) { gateway in
        let (reloads, continuation) = AsyncStream.makeStream(of: Void.self)
        async let pulling: Void = pull.run(gateway, from: taken, reloads: reloads)
        do {
            try await body(gateway)
        } catch {
            continuation.finish()
            await pulling
            throw error
        }
        continuation.finish()
        await pulling
    }
}

extension GatewayTests {
    /// A gateway beside a management plane that changes its mind, forges, goes back, or is gone.
    struct SnapshotPullTests {
        private func configuration(_ gateway: GatewayServer) async throws -> JSONValue? {
            try await gateway.state()["configuration"]
        }

        private func waitUntilRefused(_ generation: Int, by gateway: GatewayServer) async throws {
            try await eventually("it says what it refuses") {
                try await configuration(gateway)?["refused_snapshot"]?["generation"]?.integer == generation
            }
        }

        @Test func `what the management plane means comes into force, and what an operator lays over it`() async throws
        {
            try await withFolder { folder in
                try await withPractice { primary in
                    try await withPractice { backup in
                        let setup = Setup(primary.port, backup.port)
                        try await Plane.run(in: folder) { plane in
                            try await plane.publish(setup.text)
                            let pull = plane.pull()
                            let taken = try #require(await pull.first())
                            let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                            try await withPulling(pull, from: first, taken) { gateway in
                                #expect(try await gateway.ask(chat()).deployment == "primary/practice-large")
                                let drain = try await plane.drain("primary")
                                try await eventually("the drain is in force") {
                                    try await gateway.ask(chat()).deployment == "backup/practice-large"
                                }
                                #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "2")
                                _ = try await plane.admin.post(
                                    "/v1/overrides/\(drain.id)/clear", ReasonView(reason: "done"), as: OverrideView.self
                                )
                                try await eventually("the drain is gone") {
                                    try await gateway.ask(chat()).deployment == "primary/practice-large"
                                }
                                let shown = try await self.configuration(gateway)
                                #expect(shown?["source"]?.string == "control" && shown?["stale"]?.bool == false)
                                let seen = try await plane.admin.get("/v1/gateways", as: Page<GatewayView>.self)
                                #expect(seen.items.count == 1 && (seen.items.first?.report.exchanges ?? 0) > 0)
                            }
                            #expect(plane.ring.read(trusting: plane.key).payloads.map(\.number) == [3, 2, 1])
                        }
                    }
                }
            }
        }

        @Test func `a gateway starts from its ring alone and says that it may be old`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    let setup = Setup(primary.port)
                    let deaf = ControlClient(base: "http://127.0.0.1:1", token: Secret("none"))
                    var later: SnapshotPull?
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        _ = try await plane.drain("primary")
                        later = plane.pull(with: deaf)
                        let number = await plane.pull().first()?.payload.number
                        #expect(number == 2)
                    }
                    let pull = try #require(later)
                    let taken = try #require(pull.fromRing())
                    try await withPulling(
                        pull, from: taken.adopted(from: .ring, nowMilliseconds: WallClock.readMilliseconds()), taken
                    ) { gateway in
                        #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "2")
                        #expect(try await gateway.ask(chat()).status == 503, "the drain is in the ring too")
                        try await eventually("it is said") {
                            try await self.configuration(gateway)?["stale"]?.bool == true
                        }
                        #expect(try await self.configuration(gateway)?["source"]?.string == "ring")
                    }
                    await deaf.shutDown()
                }
            }
        }

        @Test func `a management plane with another key, or that has gone back, changes nothing`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    let setup = Setup(primary.port)
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        let stranger = SnapshotPull(
                            SnapshotPull.Settings(
                                client: plane.node, key: Curve25519.Signing.PrivateKey().publicKey, ring: plane.ring,
                                environment: [:], directory: folder.path, version: "test"), logger: Plane.quiet)
                        try await withPulling(
                            stranger, from: AdoptedSnapshot(file: try setup.load(), generation: 0), nil
                        ) { gateway in
                            try await eventually("the refusal is shown") {
                                try await self.configuration(gateway)?["refused_snapshot"]?["message"]?.string?
                                    .contains("not signed by") == true
                            }
                            #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "0")
                        }
                        #expect(plane.ring.read(trusting: plane.key).payloads.isEmpty)

                        let pull = plane.pull()
                        var ahead = try #require(await pull.first())
                        ahead.payload.number = 9
                        let first = ahead.adopted(from: .ring, nowMilliseconds: 0)
                        try await withPulling(pull, from: first, ahead) { gateway in
                            try await eventually("the refusal is shown") {
                                try await self.configuration(gateway)?["refused_snapshot"]?["message"]?.string?
                                    .contains("is older than 9") == true
                            }
                            #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "9")
                        }
                    }
                }
            }
        }

        @Test func `what cannot be compiled here is refused with its mend, and mended`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    var setup = Setup(primary.port)
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        let pull = plane.pull()
                        let taken = try #require(await pull.first())
                        let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                        setup.providers[0].more += ", api_key: \"file:key.txt\""
                        let withKey = setup.text
                        try await withPulling(pull, from: first, taken) { gateway in
                            try await plane.publish(withKey)
                            try await eventually("the refusal is shown") {
                                let refused = try await self.configuration(gateway)?["refused_snapshot"]
                                return refused?["generation"]?.integer == 2
                                    && refused?["message"]?.string?.contains("key.txt") == true
                            }
                            #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "1")
                            let path = folder.appendingPathComponent("key.txt")
                            try Data("sk-one".utf8).write(to: path)
                            try await eventually("it is in force") {
                                try await gateway.ask(chat())["x-holdfast-generation"] == "2"
                            }
                            try await eventually("nothing is refused any more") {
                                try await self.configuration(gateway)?["refused_snapshot"] == nil
                            }
                        }
                    }
                }
            }
        }

        @Test func `what cannot be adopted stays refused, however often it is offered`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    var setup = Setup(primary.port)
                    // Of the right shape, so that it compiles, and nothing that TLS can use.
                    for (name, label) in [("c.pem", "CERTIFICATE"), ("k.pem", "PRIVATE KEY")] {
                        let text = "-----BEGIN \(label)-----\nAAAA\n-----END \(label)-----\n"
                        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
                    }
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        let pull = plane.pull()
                        let taken = try #require(await pull.first())
                        let path = folder.path
                        setup.gateway = ", tls: {certificate: \"file:\(path)/c.pem\", key: \"file:\(path)/k.pem\"}"
                        let withTLS = setup.text
                        let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                        try await withPulling(pull, from: first, taken) { gateway in
                            try await plane.publish(withTLS)
                            // The first report that speaks of it is of the second pull after it came.
                            var (reports, silence) = (0, Int64.max)
                            try await eventually("it is offered, and refused, again") {
                                let page = try await plane.admin.get("/v1/gateways", as: Page<GatewayView>.self)
                                guard let view = page.items.first, view.report.refused != nil else { return false }
                                if view.silentForMilliseconds < silence { reports += 1 }
                                silence = view.silentForMilliseconds
                                return reports >= 2
                            }
                            let refused = try await self.configuration(gateway)?["refused_snapshot"]
                            #expect(refused?["generation"]?.integer == 2)
                            #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "1")
                        }
                        #expect(plane.ring.read(trusting: plane.key).payloads.map(\.number) == [1])
                    }
                }
            }
        }

        @Test func `an offline rollback holds until something newer is meant, also over a restart`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    try await withPractice { backup in
                        let (setup, swapped) = (Setup(primary.port, backup.port), Setup(backup.port, primary.port))
                        try await Plane.run(in: folder) { plane in
                            try await plane.publish(setup.text)
                            let pull = plane.pull()
                            let taken = try #require(await pull.first())
                            let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                            // The override of a roll-out under way takes two numbers, one for each document.
                            let rollback = OfflineRollback(to: 1, from: 4, author: "ann", reason: "worse", at: 5)
                            try await withPulling(pull, from: first, taken) { gateway in
                                try await plane.publish(swapped.text)
                                _ = try await plane.drain("backup")
                                try await eventually("generation 4 is in force") {
                                    try await gateway.ask(chat())["x-holdfast-generation"] == "4"
                                }
                                try plane.ring.note(rollback)
                                try await eventually("it goes back") {
                                    try await gateway.ask(chat())["x-holdfast-generation"] == "1"
                                }
                                try await waitUntilRefused(4, by: gateway)
                                #expect(try await self.configuration(gateway)?["source"]?.string == "ring")
                                // What operators have laid over the newest stays.
                                #expect(gateway.overridesInForce.count == 1)
                                try await eventually("the management plane is told, pull after pull") {
                                    let page = try await plane.admin.get("/v1/gateways", as: Page<GatewayView>.self)
                                    let report = page.items.first?.report
                                    return report?.generation == 1 && report?.refused?.contains("ann") == true
                                }
                            }
                            let again = try #require(plane.pull().fromRing())
                            let start = again.adopted(from: .ring, nowMilliseconds: again.payload.madeAt)
                            #expect(start.generation == 1)
                            #expect(again.payload.document == setup.text && again.payload.overrides.count == 1)
                            try await withPulling(plane.pull(), from: start, again) { gateway in
                                try await waitUntilRefused(4, by: gateway)
                                try await plane.publish(setup.text + "\n# newer\n")
                                try await eventually("something newer is in force") {
                                    try await gateway.ask(chat())["x-holdfast-generation"].flatMap { Int($0) } ?? 0 > 4
                                }
                                // It is noted on disk after it has come into force.
                                try await eventually("the rollback is over") {
                                    let refused = try await self.configuration(gateway)?["refused_snapshot"]
                                    return plane.ring.rollback == nil && refused == nil
                                }
                            }
                        }
                    }
                }
            }
        }

        @Test func `a key that is issued opens, and ends, at a gateway that runs`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    var setup = Setup(primary.port)
                    setup.tail += "\nworkloads: {triage: {routes: [assistant]}}\n"
                    let text = setup.text
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(text)
                        let pull = plane.pull()
                        let taken = try #require(await pull.first())
                        let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                        try await withPulling(pull, from: first, taken) { gateway in
                            #expect(try await gateway.ask(chat()).status == 200)
                            let made = try await plane.admin.issue(
                                NewKeyView(id: "app", workload: "triage", note: nil))
                            let key = try #require(made.view.key)
                            let withKey = chat(headers: ["authorization: Bearer \(key)"])
                            try await eventually("nobody goes without a key") {
                                try await gateway.ask(chat()).status == 401
                            }
                            #expect(try await gateway.ask(withKey).status == 200)
                            try await plane.admin.revokeKey("app")
                            try await eventually("the key has ended") { try await gateway.ask(withKey).status == 401 }
                            #expect(try await gateway.ask(chat()).status == 401)
                        }
                    }
                }
            }
        }

        @Test func `a gateway whose token was revoked serves on`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    let setup = Setup(primary.port)
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        let taken = try #require(await plane.pull().first())
                        let tokens = try await plane.admin.get("/v1/tokens", as: Page<TokenView>.self)
                        let node = try #require(tokens.items.first { $0.kind == "node" })
                        _ = try await plane.admin.ask(.post, "/v1/tokens/\(node.id)/revoke")
                        let failure = await #expect(throws: ControlFailure.self) {
                            try await plane.node.get("/v1/gateways", as: Page<GatewayView>.self)
                        }
                        guard case .refused(let problem) = failure else {
                            Issue.record("the management plane says why")
                            return
                        }
                        #expect(problem.status == 401 && !problem.mend.isEmpty)
                        let first = taken.adopted(from: .ring, nowMilliseconds: taken.payload.madeAt)
                        try await withPulling(plane.pull(), from: first, taken) { gateway in
                            try await eventually("it is said") {
                                try await self.configuration(gateway)?["stale"]?.bool == true
                            }
                            #expect(try await gateway.ask(chat()).status == 200)
                        }
                    }
                }
            }
        }
    }

    struct SnapshotRingTests {
        private static let key = Curve25519.Signing.PrivateKey()

        private static func signed(_ number: UInt64, by key: Curve25519.Signing.PrivateKey = key) throws
            -> SignedSnapshot
        {
            try SignedSnapshot(
                SnapshotPayload(
                    number: number, origin: "o", madeAt: 1, author: "a", reason: "r", confirmed: false, name: "n",
                    document: "version: 1", overrides: [], keys: nil), key: key)
        }

        @Test func `it keeps the last five and reads the newest first`() async throws {
            try await withFolder { folder in
                let ring = SnapshotRing(data: folder.path)
                #expect(ring.read(trusting: Self.key.publicKey).payloads.isEmpty)
                for number in [1, 2, 3, 8, 9, 10, 11] as [UInt64] {
                    try ring.add(try Self.signed(number), number: number)
                }
                let content = ring.read(trusting: Self.key.publicKey)
                #expect(content.payloads.map(\.number) == [11, 10, 9, 8, 3] && content.unusable.isEmpty)
            }
        }

        @Test func `a clock that was put back takes nothing away that has just come`() async throws {
            try await withFolder { folder in
                let ring = SnapshotRing(data: folder.path)
                for number in 1...5 as ClosedRange<UInt64> { try ring.add(try Self.signed(number), number: number) }
                // As if they had been written by a clock that was a day ahead.
                let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/snapshots")
                for (place, name) in names.sorted().enumerated() {
                    try FileManager.default.setAttributes(
                        [.modificationDate: Date(timeIntervalSinceNow: 86_400 + Double(place))],
                        ofItemAtPath: "\(folder.path)/snapshots/\(name)")
                }
                for number in 6...7 as ClosedRange<UInt64> { try ring.add(try Self.signed(number), number: number) }
                let content = ring.read(trusting: Self.key.publicKey)
                #expect(content.payloads.map(\.number) == [7, 6, 5, 4, 3])
            }
        }

        @Test func `what is damaged or signed by another is not used, and said`() async throws {
            try await withFolder { folder in
                let ring = SnapshotRing(data: folder.path)
                for number in 1...3 as ClosedRange<UInt64> { try ring.add(try Self.signed(number), number: number) }
                try ring.add(try Self.signed(4, by: Curve25519.Signing.PrivateKey()), number: 4)
                let sound = try Self.signed(2).verified(by: Self.key.publicKey)
                let three = folder.appendingPathComponent("snapshots/00000000000000000003.json")
                var bytes = try Data(contentsOf: three)
                bytes.removeLast(20)
                try bytes.write(to: three)
                let content = ring.read(trusting: Self.key.publicKey)
                #expect(content.payloads.map(\.number) == [2, 1])
                #expect(content.unusable.map(\.file).map { $0.suffix(6) } == ["4.json", "3.json"])
                for place in try Data(contentsOf: folder.appendingPathComponent("snapshots/00000000000000000002.json"))
                    .indices
                where place.isMultiple(of: 7) {
                    let two = folder.appendingPathComponent("snapshots/00000000000000000002.json")
                    let whole = try Data(contentsOf: two)
                    var flipped = whole
                    flipped[place] ^= 0x01
                    try flipped.write(to: two)
                    let read = ring.read(trusting: Self.key.publicKey).payloads
                    #expect(read.last?.number == 1)
                    // A flip that JSON or base64 takes for the same bytes changes nothing.
                    #expect(read.count == 1 || read.first == sound)
                    try whole.write(to: two)
                }
            }
        }

        @Test func `a folder that cannot be written is said with its mend`() async throws {
            let ring = SnapshotRing(data: "/proc/1")
            let failure = #expect(throws: WholeFile.Failure.self) { try ring.add(try Self.signed(1), number: 1) }
            #expect(failure?.mend.contains("--data") == true)
        }
    }
}
