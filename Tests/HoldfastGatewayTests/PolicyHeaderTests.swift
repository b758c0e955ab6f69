import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// `x-holdfast-timeout` and `x-holdfast-criticality`: a client may only ask for less.
    struct PolicyHeaderTests {
        @Test func `a deadline ends the exchange and blames nobody`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.silence)
                let reply = try await gateway.ask(chat(headers: ["x-holdfast-timeout: 150ms"]))
                #expect(reply.status == 504 && reply.code == "deadline_passed" && reply.attempts == "1")
                #expect(backup.requests().requests.isEmpty)
                let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                #expect(attempts?["neutral"] == 1 && attempts?["fail"] == 0)
                try await eventually("the attempt is given up") { primary.requests().counts[.clientLeft] == 1 }
            }
        }

        @Test func `a short deadline leaves a stream time for another candidate and blames nobody`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.silence)
                let reply = try await gateway.ask(chat(stream: true, headers: ["x-holdfast-timeout: 2s"]))
                #expect(reply.status == 200 && reply.isComplete && reply.attempts == "2")
                #expect(reply.deployment == "backup/practice-large")
                let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                #expect(attempts?["neutral"] == 1 && attempts?["fail"] == 0)
            }
        }

        @Test func `a deadline may only shorten`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.timeouts = "{total: 200ms}"
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.silence)
                    let reply = try await gateway.ask(chat(headers: ["x-holdfast-timeout: 5m"]))
                    #expect(reply.status == 504)
                    // The route's own patience ran out: that does say something about the deployment.
                    let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                    #expect(attempts?["fail"] == 1)
                }
            }
        }

        @Test func `the deadline spans failovers`() async throws {
            try await withPair {
                $0.timeouts = "{first_byte: 500ms}"
            } _: { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.silence)
                let reply = try await gateway.ask(chat(stream: true, headers: ["x-holdfast-timeout: 900ms"]))
                #expect(reply.status == 504 && reply.attempts == "2")
            }
        }

        @Test(arguments: [
            "x-holdfast-timeout: soon", "x-holdfast-timeout: 0s", "x-holdfast-timeout: -5s", "x-holdfast-timeout: 5",
            "x-holdfast-timeout:", "x-holdfast-criticality: urgent", "x-holdfast-criticality: Critical",
        ])
        func `what cannot be read is refused`(header: String) async throws {
            try await withPair { gateway, primary, _ in
                let reply = try await gateway.ask(chat(headers: [header]))
                #expect(reply.status == 400 && reply.code == "invalid_header")
                #expect(try #require(reply.json["error"]?["message"]?.string).contains("x-holdfast-"))
                #expect(primary.requests().requests.isEmpty)
            }
        }

        @Test(arguments: [
            (TestKeys.app, nil, Criticality.standard), (TestKeys.app, "critical", .standard),
            (TestKeys.app, "deferrable", .deferrable), (TestKeys.narrow, "standard", .deferrable),
            (TestKeys.narrow, nil, .deferrable),
        ])
        func `criticality may only be lowered`(key: String, asked: String?, expected: Criticality) async throws {
            var setup = Setup(1)
            setup.tail = TestKeys.sections
            let first = AdoptedSnapshot(file: try setup.load())
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let found = try await loop.submit {
                let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
                let shared = GatewayShared(
                    resolver: NameResolver(), faults: FaultBoard(), accessLog: try AccessLog(.off), logger: logger,
                    loops: 1, receipts: 0)
                let services = LoopServices(
                    loop: loop, place: 0, shared: shared,
                    inForce: try InForce(first, previous: nil))
                defer {
                    services.shutDown()
                    shared.resolver.stop()
                }
                var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/chat/completions")
                head.headers = ["content-type": "application/json", "authorization": "Bearer \(key)"]
                if let asked { head.headers.add(name: "X-Holdfast-Criticality", value: asked) }
                let request = IncomingRequest(head: head, now: .zero)
                let connection = ClientConnection(services: services, now: .zero)
                try RequestAdmission.admitHead(request, services: services, connection: connection).get()
                request.append(ByteBuffer(string: chatBody()))
                guard case .exchange(let admitted) = try RequestAdmission.admit(request, services: services).get()
                else {
                    return Criticality?.none
                }
                return admitted.criticality
            }.get()
            #expect(found == expected)
        }
    }
}
