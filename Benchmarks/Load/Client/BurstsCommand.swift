import ArgumentParser
import NIOCore
import NIOPosix

struct BurstsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bursts",
        abstract: "Read whole streams that the upstream sends in one write, one after another on each connection.")

    @OptionGroup var target: Target

    @Option(help: "Connections, each with one stream at a time.")
    var connections = 16

    @Option(help: "Events that each stream must bring.")
    var events = 203

    @Option(help: "Seconds before the measured window.")
    var warmup = 1.0

    @Option(help: "Seconds of the measured window.")
    var duration = 4.0

    func run() throws {
        let request = target.requests(isStream: true)[0]
        let port = target.port
        let plan = BurstsRun.Plan(
            connections: connections, events: events, warmupNanoseconds: Int64(warmup * 1e9),
            durationNanoseconds: Int64(duration * 1e9))
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let result = try loop.flatSubmit {
            BurstsRun(plan: plan, request: request, port: port, loop: loop).start()
        }.wait()
        try report(result)
    }
}

struct BurstsResult: Encodable, Sendable {
    var event = "measured"
    var streams: Int
    var events: Int
    /// Streams without status 200, without `[DONE]`, or with another number of events.
    var wrong: Int
}

/// Confined to its event loop.
private final class BurstsRun {
    struct Plan: Sendable {
        var connections: Int
        var events: Int
        var warmupNanoseconds: Int64
        var durationNanoseconds: Int64
    }

    private let plan: Plan
    private let request: ByteBuffer
    private let port: Int
    private let loop: any EventLoop
    private let promise: EventLoopPromise<BurstsResult>
    private var isMeasuring = false
    private var streams = 0
    private var events = 0
    private var wrong = 0
    private var isFinished = false

    init(plan: Plan, request: ByteBuffer, port: Int, loop: any EventLoop) {
        self.plan = plan
        self.request = request
        self.port = port
        self.loop = loop
        promise = loop.makePromise(of: BurstsResult.self)
    }

    func start() -> EventLoopFuture<BurstsResult> {
        let isolated = loop.assumeIsolated()
        for _ in 0..<plan.connections { open() }
        isolated.scheduleTask(in: .nanoseconds(plan.warmupNanoseconds)) {
            self.isMeasuring = true
            try? report(Edge(event: "measure"))
        }
        isolated.scheduleTask(in: .nanoseconds(plan.warmupNanoseconds + plan.durationNanoseconds)) {
            self.isFinished = true
            self.promise.succeed(BurstsResult(streams: self.streams, events: self.events, wrong: self.wrong))
        }
        return promise.futureResult
    }

    private func open() {
        ClientConnection.open(port: port, readsEvents: true, on: loop).assumeIsolated().whenSuccess { connection in
            connection.onEvent = { _ in if self.isMeasuring { self.events += 1 } }
            connection.onEnd = { connection, outcome in self.ended(connection, outcome) }
            connection.send(self.request)
        }
    }

    private func ended(_ connection: ClientConnection, _ outcome: Outcome) {
        guard !isFinished else { return }
        if isMeasuring {
            streams += 1
            if outcome.status != 200 || !outcome.isDone || outcome.events != plan.events { wrong += 1 }
        }
        // From the loop, not from here: answers that are already in the buffer must not nest.
        loop.assumeIsolated().execute {
            if connection.isOpen {
                connection.send(self.request)
            } else {
                self.open()
            }
        }
    }
}
