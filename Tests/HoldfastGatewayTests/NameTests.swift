import Dispatch
import HoldfastCore
import HoldfastPractice
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct NameTests {
        private let loop = MultiThreadedEventLoopGroup.singleton.next()

        private func withResolver(
            _ lookUp: @escaping @Sendable (String, Int) throws -> [SocketAddress],
            _ body: (NameResolver) async throws -> Void
        ) async throws {
            let resolver = NameResolver(lookUp: lookUp)
            defer { resolver.stop() }
            try await body(resolver)
        }

        private func ask(_ resolver: NameResolver, _ host: String, at seconds: Int64) async throws -> [SocketAddress] {
            let now = MonotonicClock.read().advanced(byNanoseconds: seconds * Span.second)
            return try await resolver.addresses(host: host, port: 80, now: now, loop: loop).get()
        }

        @Test func `addresses are used again, and refreshed in the background`() async throws {
            let calls = Mutex(0)
            try await withResolver { _, port in
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                return [try SocketAddress(ipAddress: "192.0.2.\(call)", port: port)]
            } _: { resolver in
                #expect(try await ask(resolver, "a.test", at: 0).first?.ipAddress == "192.0.2.1")
                #expect(try await ask(resolver, "a.test", at: 29).first?.ipAddress == "192.0.2.1")
                #expect(calls.withLock { $0 } == 1)
                #expect(try await ask(resolver, "a.test", at: 31).first?.ipAddress == "192.0.2.1")
                try await eventually("the refreshed address is used") {
                    try await ask(resolver, "a.test", at: 0).first?.ipAddress == "192.0.2.2"
                }
                #expect(calls.withLock { $0 } == 2)
            }
        }

        @Test func `when the resolver is gone the last addresses serve on`() async throws {
            let isGone = Mutex(false)
            let failures = Mutex(0)
            try await withResolver { _, port in
                guard !isGone.withLock({ $0 }) else {
                    failures.withLock { $0 += 1 }
                    throw NameFailure(reason: "gone")
                }
                return [try SocketAddress(ipAddress: "192.0.2.7", port: port)]
            } _: { resolver in
                _ = try await ask(resolver, "a.test", at: 0)
                isGone.withLock { $0 = true }
                for hour in [1, 2, 30] as [Int64] {
                    #expect(try await ask(resolver, "a.test", at: hour * 3_600).first?.ipAddress == "192.0.2.7")
                    try await eventually("it was asked in vain") { failures.withLock { $0 } > 0 }
                }
                await #expect(throws: NameFailure.self) { try await ask(resolver, "b.test", at: 0) }
            }
        }

        @Test func `a failure is believed for a second`() async throws {
            let calls = Mutex(0)
            try await withResolver { _, _ in
                calls.withLock { $0 += 1 }
                return []
            } _: { resolver in
                for _ in 0..<3 {
                    await #expect(throws: NameFailure.self) { try await ask(resolver, "a.test", at: 0) }
                }
                #expect(calls.withLock { $0 } == 1)
                await #expect(throws: NameFailure.self) { try await ask(resolver, "a.test", at: 2) }
                #expect(calls.withLock { $0 } == 2)
            }
        }

        @Test func `one slow name holds up nobody else, and is looked up once`() async throws {
            // Holds one thread of the resolver.
            let gate = DispatchSemaphore(value: 0)
            let calls = Mutex(0)
            try await withResolver { host, port in
                if host == "slow.test" {
                    calls.withLock { $0 += 1 }
                    gate.wait()
                }
                return [try SocketAddress(ipAddress: "192.0.2.9", port: port)]
            } _: { resolver in
                let now = MonotonicClock.read()
                let slow = (0..<5).map { _ in resolver.addresses(host: "slow.test", port: 80, now: now, loop: loop) }
                let quick = try await ask(resolver, "quick.test", at: 0)
                #expect(quick.count == 1)
                gate.signal()
                for future in slow {
                    let addresses = try await future.get()
                    #expect(addresses.first?.ipAddress == "192.0.2.9")
                }
                #expect(calls.withLock { $0 } == 1)
            }
        }

        @Test func `an address needs no look-up`() async throws {
            try await withResolver { _, _ in
                throw NameFailure(reason: "never asked")
            } _: { resolver in
                let addresses = [
                    try await ask(resolver, "::1", at: 0), try await ask(resolver, "127.0.0.1", at: 0),
                ]
                #expect(addresses.map { $0.first?.ipAddress } == ["::1", "127.0.0.1"])
            }
        }

        @Test(arguments: [
            ("8.8.8.8", true), ("1.1.1.1", true), ("172.15.0.1", true), ("172.32.0.1", true), ("100.128.0.1", true),
            ("0.0.0.0", false), ("10.1.2.3", false), ("100.64.0.1", false), ("127.0.0.1", false), ("127.9.9.9", false),
            ("169.254.169.254", false), ("172.16.0.1", false), ("172.31.255.255", false), ("192.0.0.8", false),
            ("192.168.1.1", false), ("198.18.0.1", false), ("198.19.255.255", false), ("224.0.0.1", false),
            ("255.255.255.255", false), ("2606:4700::1111", true), ("2001:4860:4860::8888", true), ("::", false),
            ("::1", false), ("::ffff:127.0.0.1", false), ("::ffff:10.0.0.1", false), ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false), ("64:ff9b::808:808", true), ("fe80::1", false), ("fc00::1", false),
            ("fd12::1", false), ("ff02::1", false), ("2001:db8::1", false),
            // Transition prefixes that carry an IPv4 address which the machine, or a relay, unwraps.
            ("2002:7f00:1::1", false), ("2002:a00:1::", false), ("2002:808:808::1", true), ("::127.0.0.1", false),
        ])
        func `the guard judges addresses`(address: String, isPublic: Bool) throws {
            #expect(AddressGuard.isPublic(try SocketAddress(ipAddress: address, port: 443)) == isPublic)
        }

        @Test func `a provider on IPv6`() async throws {
            try await withScripted(host: "::1") { _ in
                [.send(Answers.unary)]
            } _: { server in
                var setup = Setup(0)
                setup.providers[0].url = "http://[::1]:\(server.port)/v1"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200)
                    #expect(server.log.requests.first?.lines[1] == "host: [::1]:\(server.port)")
                }
            }
        }

        @Test func `a name with several addresses is tried until one answers`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                var setup = Setup(0)
                setup.providers[0].url = "http://localhost:\(server.port)/v1"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200 && reply.attempts == "1")
                }
            }
        }

        @Test func `a name that does not resolve fails over`() async throws {
            try await withPractice { backup in
                var setup = Setup(0, backup.port)
                setup.providers[0].url = "http://no-such-host.invalid:9/v1"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                    let failure = try await gateway.stateOfDeployment("primary/practice-large")["last_failure"]
                    #expect(try #require(failure?["detail"]?.string).hasPrefix("name resolution failed"))
                    #expect(try await gateway.operations("/readyz").status == 200)
                }
            }
        }

        @Test func `a public provider is never looked for on this machine`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                try await withPractice { backup in
                    var setup = Setup(0, backup.port)
                    setup.providers[0].url = "http://localhost:\(server.port)/v1"
                    // As a public name whose answer from the DNS is this machine's own address.
                    setup.alter = { $0.providers[0].isPrivateNetwork = false }
                    try await withGateway(setup) { gateway in
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                        #expect(server.log.opened == 0)
                        let state = try await gateway.stateOfDeployment("primary/practice-large")
                        #expect(state["failures"]?["misconfigured"] == 1)
                    }
                }
            }
        }
    }
}
