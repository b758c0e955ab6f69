import HoldfastCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct TimerTests {
        /// What fired and how late, in milliseconds from the start.
        private final class Firings: Sendable {
            let list = Mutex<[(name: String, milliseconds: Int64)]>([])

            var names: [String] { list.withLock { $0.map(\.name) } }

            subscript(name: String) -> Int64? {
                list.withLock { $0.first { $0.name == name }?.milliseconds }
            }
        }

        /// A wheel on a loop of its own; timers stay alive until the end.
        private final class Bench {
            let loop: any EventLoop
            let wheel: LoopTimers
            let firings: Firings
            let start = MonotonicClock.read()
            private(set) var timers: [String: LoopTimer] = [:]

            init(loop: any EventLoop, firings: Firings) {
                self.loop = loop
                wheel = LoopTimers(loop: loop, now: start)
                self.firings = firings
            }

            func instant(_ milliseconds: Int64) -> Instant {
                start.advanced(byNanoseconds: milliseconds * Span.millisecond)
            }

            func arm(_ name: String, at milliseconds: Int64?, then: (() -> Void)? = nil) {
                let timer = timers[name] ?? LoopTimer()
                timers[name] = timer
                timer.fire = { [firings, start] now in
                    let late = now.nanoseconds(since: start) / Span.millisecond
                    firings.list.withLock { $0.append((name, late)) }
                    then?()
                }
                wheel.arm(timer, at: milliseconds.map(instant))
            }
        }

        private func run(
            until last: String, _ body: @escaping @Sendable (Bench) -> Void
        ) async throws -> Firings {
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let loop = group.next()
            let firings = Firings()
            let bench = try await loop.submit {
                let bench = Bench(loop: loop, firings: firings)
                body(bench)
                return NIOLoopBound(bench, eventLoop: loop)
            }.get()
            try await eventually("'\(last)' fires; so far \(firings.names)") { firings.names.contains(last) }
            try await loop.submit { bench.value.wheel.stop() }.get()
            try await group.shutdownGracefully()
            return firings
        }

        @Test func `timers fire in order and never early`() async throws {
            let due: [Int64] = [0, 35, 35, 60, 120, 300]
            let firings = try await run(until: "5:300") { bench in
                for (place, milliseconds) in due.enumerated().reversed() {
                    bench.arm("\(place):\(milliseconds)", at: milliseconds)
                }
            }
            #expect(firings.names.count == due.count)
            for (place, milliseconds) in due.enumerated() {
                #expect(try #require(firings["\(place):\(milliseconds)"]) >= milliseconds)
            }
            #expect(firings.names.map { $0.split(separator: ":").last } == ["0", "35", "35", "60", "120", "300"])
        }

        @Test func `a timer beyond one round fires after it`() async throws {
            let firings = try await run(until: "far") { bench in
                bench.arm("far", at: 2_700)
                bench.arm("near", at: 20)
            }
            #expect(firings.names == ["near", "far"])
            #expect((2_700..<5_000).contains(try #require(firings["far"])))
        }

        @Test func `moving a timer counts, either way, and it fires once`() async throws {
            let firings = try await run(until: "end") { bench in
                bench.arm("later", at: 40)
                bench.arm("later", at: 140)
                bench.arm("earlier", at: 400)
                bench.arm("earlier", at: 60)
                bench.arm("there and back", at: 200)
                bench.arm("there and back", at: 30)
                bench.arm("there and back", at: 200)
                bench.arm("end", at: 500)
            }
            #expect(firings.names == ["earlier", "later", "there and back", "end"])
            #expect(try #require(firings["later"]) >= 140)
            #expect((60..<400).contains(try #require(firings["earlier"])))
            #expect(try #require(firings["there and back"]) >= 200)
        }

        @Test func `a timer that was called off or invalidated is silent`() async throws {
            let firings = try await run(until: "end") { bench in
                bench.arm("called off", at: 30)
                bench.arm("called off", at: nil)
                bench.arm("invalidated", at: 30)
                bench.timers["invalidated"]?.invalidate()
                bench.arm("end", at: 100)
            }
            #expect(firings.names == ["end"])
        }

        @Test func `a timer may be armed again from its own firing`() async throws {
            let firings = try await run(until: "end") { bench in
                let bound = NIOLoopBound(bench, eventLoop: bench.loop)
                bench.arm("again", at: 20) {
                    bound.value.wheel.arm(bound.value.timers["again"] ?? LoopTimer(), at: nil)
                }
                bench.arm("first", at: 30) { bound.value.arm("second", at: 40) }
                bench.arm("end", at: 200)
            }
            #expect(firings.names == ["again", "first", "second", "end"])
        }

        @Test func `a firing that takes long delays its neighbours, and only until it is done`() async throws {
            let firings = try await run(until: "other") { bench in
                let bound = NIOLoopBound(bench, eventLoop: bench.loop)
                bench.arm("slow", at: 20) {
                    while MonotonicClock.read() < bound.value.instant(75) {}
                    bound.value.arm("other", at: 200)
                }
                for neighbour in [30, 40, 50, 60] as [Int64] { bench.arm("at \(neighbour)", at: neighbour) }
            }
            #expect(firings.names == ["slow", "at 30", "at 40", "at 50", "at 60", "other"])
            #expect(try #require(firings["at 60"]) < 2_000, "another round of the wheel takes longer")
        }

        @Test func `a wheel that was idle for long starts anew`() async throws {
            let firings = try await run(until: "late") { bench in
                let bound = NIOLoopBound(bench, eventLoop: bench.loop)
                bench.arm("first", at: 10)
                bench.loop.scheduleTask(in: .milliseconds(2_650)) {
                    bound.value.arm("late", at: 2_700)
                }
            }
            #expect((2_700..<4_000).contains(try #require(firings["late"])))
        }

        @Test func `the monotonic clock never goes back`() {
            let readings = (0..<1_000).map { _ in MonotonicClock.read() }
            #expect(readings == readings.sorted() && readings[0] > .zero)
        }
    }
}
