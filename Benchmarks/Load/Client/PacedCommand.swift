import ArgumentParser
import NIOCore
import NIOPosix

struct PacedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "paced",
        abstract: "Hold paced streams open and measure each event's way and the gaps between events.")

    @OptionGroup var target: Target

    @Option(help: "Streams held open at once.")
    var streams = 200

    @Option(help: "Milliseconds between a stream's events, as the upstream was told.")
    var paceMilliseconds = 50

    @Option(help: "Seconds over which the streams are opened, and as long again before the window.")
    var warmup = 1.0

    @Option(help: "Seconds of the measured window.")
    var duration = 6.0

    func run() throws {
        let request = target.requests(isStream: true)[0]
        let port = target.port
        let plan = PacedRun.Plan(
            streams: streams, paceNanoseconds: Int64(paceMilliseconds) * 1_000_000,
            warmupNanoseconds: Int64(warmup * 1e9), durationNanoseconds: Int64(duration * 1e9))
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let result = try loop.flatSubmit {
            PacedRun(plan: plan, request: request, port: port, loop: loop).start()
        }.wait()
        try report(result)
    }
}

struct PacedResult: Encodable, Sendable {
    var event = "measured"
    var streams: Int
    /// Streams that were open and had sent a token when the window closed.
    var alive: Int
    var ended: [String: Int]
    var events: Int
    /// From the upstream's write to the client's read.
    var delay: Quantiles
    /// How far each gap between two events of a stream exceeded the pace; at least zero.
    var gapExcess: Quantiles
}

/// Confined to its event loop.
private final class PacedRun {
    struct Plan: Sendable {
        var streams: Int
        var paceNanoseconds: Int64
        var warmupNanoseconds: Int64
        var durationNanoseconds: Int64
    }

    private let plan: Plan
    private let request: ByteBuffer
    private let port: Int
    private let loop: any EventLoop
    private let promise: EventLoopPromise<PacedResult>
    private var connections: [ClientConnection] = []
    private var isMeasuring = false
    private var events = 0
    private var alive = 0
    private var ended: [String: Int] = [:]
    private var delays: Samples
    private var gapExcesses: Samples

    init(plan: Plan, request: ByteBuffer, port: Int, loop: any EventLoop) {
        self.plan = plan
        self.request = request
        self.port = port
        self.loop = loop
        promise = loop.makePromise(of: PacedResult.self)
        let expected = Int(Int64(plan.streams) * plan.durationNanoseconds / plan.paceNanoseconds)
        delays = Samples(capacity: expected)
        gapExcesses = Samples(capacity: expected)
    }

    func start() -> EventLoopFuture<PacedResult> {
        let isolated = loop.assumeIsolated()
        // Spread over the warm-up and, since that may be a multiple of the pace, over the pace too: else the events of
        // every tenth stream fall together, and a proxy that hands connections to its threads in turn gets all of such
        // a group on one thread.
        for index in 0..<plan.streams {
            let at = (plan.warmupNanoseconds + plan.paceNanoseconds) * Int64(index) / Int64(plan.streams)
            isolated.scheduleTask(in: .nanoseconds(at)) { self.open() }
        }
        isolated.scheduleTask(in: .nanoseconds(2 * plan.warmupNanoseconds)) {
            self.isMeasuring = true
            try? report(Edge(event: "measure"))
        }
        isolated.scheduleTask(in: .nanoseconds(2 * plan.warmupNanoseconds + plan.durationNanoseconds)) {
            self.finish()
        }
        return promise.futureResult
    }

    private func open() {
        ClientConnection.open(port: port, readsEvents: true, on: loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let connection): self.stream(on: connection)
            case .failure: self.ended["not connected", default: 0] += 1
            }
        }
    }

    private func stream(on connection: ClientConnection) {
        var last: Int64?
        connections.append(connection)
        connection.onEvent = { sent in
            let now = MonotonicClock.nanoseconds()
            if last == nil { self.alive += 1 }
            if self.isMeasuring {
                self.events += 1
                if let sent { self.delays.add(now - sent) }
                if let last { self.gapExcesses.add(max(now - last - self.plan.paceNanoseconds, 0)) }
            }
            last = now
        }
        connection.onEnd = { _, outcome in
            if last != nil { self.alive -= 1 }
            self.ended[String(outcome.status), default: 0] += 1
        }
        connection.send(request)
    }

    private func finish() {
        isMeasuring = false
        let result = PacedResult(
            streams: plan.streams, alive: alive, ended: ended, events: events, delay: delays.summary(),
            gapExcess: gapExcesses.summary())
        promise.succeed(result)
    }
}
