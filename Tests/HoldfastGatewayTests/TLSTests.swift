import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import NIOSSL
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct TLSTests {
        private func withCertificates(_ body: (Certificates) async throws -> Void) async throws {
            try await withFolder { try await body(try Certificates(in: $0)) }
        }

        /// A TLS provider with this certificate, asked by a gateway that trusts that authority; a backup behind it.
        private func ask(
            certificate: String, authority: String, host: String,
            _ body: (GatewayServer, ScriptedServer) async throws -> Void
        ) async throws {
            try await withCertificates { certificates in
                let server = try await ScriptedServer.start(tls: certificates.serverContext(certificate)) { _ in
                    [.send(Answers.unary)]
                }
                try await withPractice { backup in
                    var setup = Setup(0, backup.port)
                    setup.folder = certificates.folder.path
                    setup.providers[0].url = "https://\(host):\(server.port)/v1"
                    setup.providers[0].more += ", trust_roots: \"file:\(authority).pem\""
                    try await withGateway(setup) { try await body($0, server) }
                }
                await server.stop()
            }
        }

        @Test(arguments: ["localhost", "127.0.0.1"])
        func `a provider with the right certificate is trusted, by name and by address`(host: String) async throws {
            try await ask(certificate: "good", authority: "ca", host: host) { gateway, server in
                for _ in 0..<3 {
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200 && reply.deployment == "primary/practice-large")
                }
                #expect(server.log.requests.map(\.connection) == [1, 1, 1])
                #expect(server.log.requests.first?.lines[1] == "host: \(host):\(server.port)")
            }
        }

        @Test(arguments: [("elsewhere", "ca"), ("good", "stranger")])
        func `a wrong name and an unknown authority fail over`(certificate: String, authority: String) async throws {
            try await ask(certificate: certificate, authority: authority, host: "localhost") { gateway, server in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                #expect(server.log.requests.isEmpty)
                let failure = try await gateway.stateOfDeployment("primary/practice-large")["last_failure"]
                #expect(try #require(failure?["detail"]?.string).hasPrefix("TLS failed"))
            }
        }

        @Test func `a provider that speaks no TLS fails over`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                try await withPractice { backup in
                    var setup = Setup(0, backup.port)
                    setup.providers[0].url = "https://127.0.0.1:\(server.port)/v1"
                    setup.timeouts = "{connect: 300ms}"
                    try await withGateway(setup) { gateway in
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                        try await eventually("the connection is given up") { server.log.open == 0 }
                    }
                }
            }
        }

        @Test func `authorities that are named replace the system's`() async throws {
            try await withCertificates { certificates in
                var setup = Setup(1)
                setup.folder = certificates.folder.path
                setup.providers[0].url = "https://localhost:1/v1"
                setup.providers[0].more += ", trust_roots: \"file:ca.pem\""
                let provider = try #require(try setup.load().snapshot.providers.first)
                let configuration = try UpstreamTarget.tlsConfiguration(of: provider)
                let named = try NIOSSLCertificate.fromPEMFile(certificates.path("ca.pem"))
                #expect(configuration.trustRoots == .certificates(named))
                #expect(configuration.additionalTrustRoots.isEmpty)
                #expect(configuration.certificateVerification == .fullVerification)
            }
        }

        private func withTLSListener(
            _ body: (GatewayServer, PracticeServer, Certificates) async throws -> Void
        ) async throws {
            try await withCertificates { certificates in
                try await withPair {
                    $0.folder = certificates.folder.path
                    $0.gateway = ", tls: {certificate: \"file:good.pem\", key: \"file:good.key\"}"
                } _: { gateway, primary, _ in
                    try await body(gateway, primary, certificates)
                }
            }
        }

        @Test func `the listener speaks TLS`() async throws {
            try await withTLSListener { gateway, _, certificates in
                var options = RawClient.Options()
                options.tls = try certificates.clientContext(trusting: "ca")
                options.serverName = "localhost"
                let client = try await RawClient.connect(gateway.port, options)
                #expect(try await client.exchange(chat()).status == 200)
                let stream = try await client.exchange(chat(stream: true, tokens: 50))
                #expect(stream.events.last == "[DONE]" && stream.isComplete)
                await client.close()
                let closing = try await gateway.ask(chat(stream: true, headers: ["connection: close"]), options)
                #expect(closing.isComplete && closing.events.last == "[DONE]")
                // Plain http on the port is refused without harm.
                let plain = try await RawClient.connect(gateway.port)
                try await plain.send(chat())
                #expect(try await !plain.untilEnd().text.contains("200"))
            }
        }

        @Test func `a client that leaves is noticed through TLS`() async throws {
            try await withTLSListener { gateway, primary, certificates in
                try await primary.setFault(.silence)
                var options = RawClient.Options()
                options.tls = try certificates.clientContext(trusting: "ca")
                options.serverName = "localhost"
                let client = try await RawClient.connect(gateway.port, options)
                try await client.send(chat())
                try await eventually("the request is there") { primary.requests().counts[.active] == 1 }
                await client.close()
                try await eventually("the cancel is there") { primary.requests().counts[.clientLeft] == 1 }
            }
        }
    }
}
