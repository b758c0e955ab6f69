import Foundation
import Glibc
import Testing

/// A thousand streams that have begun and say nothing more.
@Suite(.serialized) struct IdleStreamTests {
    private static let streams = 1_000
    /// Of a build for debugging; the budget of a release build is half of it.
    private static let kibibytesPerStream = 48.0

    /// Each end of a stream is a descriptor: here, twice in the gateway, and in the provider.
    private static func raiseDescriptorLimit() throws {
        var limit = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        let wanted = rlim_t(4 * streams)
        try #require(limit.rlim_max >= wanted, "the hard limit on open files is \(limit.rlim_max)")
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        }
    }

    @Test func idleStreamsCostLittleMemoryAndNobodyElse() async throws {
        try Self.raiseDescriptorLimit()
        try await Place.with { place in
            let practice = try await place.practice("primary")
            var document = Document(providers: [("primary", practice.address)])
            document.more = "  stalling: {candidates: [primary/practice-fault-stall-1], timeouts: {idle: 5m}}\n"
            let gateway = try await place.gateway(document.text)
            // Both roads are warm: buffers and pools that come once are no growth.
            for stream in [false, true] { #expect(try await chat(gateway.address, stream: stream).status == 200) }
            let warm = try Client(gateway.address)
            try Self.begin(warm)
            try await warm.wait(for: "the first token") { $0.events.count >= 2 }
            let before = gateway.program.residentKiB
            let clients = try (0..<Self.streams).map { _ in
                let client = try Client(gateway.address)
                try Self.begin(client)
                return client
            }
            for client in clients {
                try await client.wait(for: "the first token", within: 60) { $0.events.count >= 2 }
            }
            let state = try await gateway.state()
            #expect(state["exchanges_in_flight"].int == Self.streams + 1)
            let perStream = Double(gateway.program.residentKiB - before) / Double(Self.streams)
            print("idle streams: \(perStream) KiB of resident memory for each of \(Self.streams)")
            #expect(perStream <= Self.kibibytesPerStream)
            #expect(perStream > 0)

            let clock = ContinuousClock()
            let start = clock.now
            for number in 0..<20 {
                let reply = try await Self.answer(of: gateway, stream: number % 2 == 0)
                #expect(reply.status == 200, "\(reply.text)")
            }
            print("idle streams: \((clock.now - start).seconds / 20 * 1_000) ms for each answer beside them")
            #expect(clients.allSatisfy { $0.reply.end == .open && !$0.reply.isComplete })

            for client in clients + [warm] { client.close() }
            try await gateway.wait(for: "all of it is freed", within: 30) {
                $0["exchanges_in_flight"].int == 0 && $0["client_connections"].int == 0
                    && $0["providers"][0]["open_connections"].int == $0["providers"][0]["idle_connections"].int
            }
            try await eventually(
                "the descriptors are closed", state: { "\(gateway.program.openDescriptors)" }
            ) { gateway.program.openDescriptors < 100 }
            #expect(try await Self.answer(of: gateway, stream: false).status == 200)
        }
    }

    /// Other tests take the machine as well, and a gateway that does not get its turn sheds for a while: that is right, and
    /// not what is looked at here.
    private static func answer(of gateway: GatewayProcess, stream: Bool) async throws -> Reply {
        for _ in 0..<20 {
            try await gateway.wait(for: "that nothing is shed", within: 60) { $0["shedding"].string == "none" }
            let reply = try await chat(gateway.address, stream: stream)
            if !reply.text.contains("gateway_overloaded") { return reply }
        }
        return try await chat(gateway.address, stream: stream)
    }

    private static func begin(_ client: Client) throws {
        try client.send(
            "POST", "/v1/chat/completions", body: chatBody("stalling", stream: true), keepAlive: true)
    }
}
