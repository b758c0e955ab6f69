import ArgumentParser
import NIOCore
import NIOPosix

struct RateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rate",
        abstract: "Unary requests at a constant rate, open loop: latency counts from when a request was due.")

    @OptionGroup var target: Target

    @Option(help: "Requests per second.")
    var rate: Double

    @Option(help: "Connections; a request that finds none free waits, and the wait counts.")
    var connections = 32

    @Option(help: "Seconds before the measured window.")
    var warmup = 1.0

    @Option(help: "Seconds of the measured window.")
    var duration = 5.0

    func run() throws {
        let requests = target.requests(isStream: false)
        let port = target.port
        let plan = RateRun.Plan(
            intervalNanoseconds: 1_000_000_000 / rate, connections: connections,
            warmupNanoseconds: Int64(warmup * 1e9), durationNanoseconds: Int64(duration * 1e9))
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let result = try loop.flatSubmit {
            RateRun(plan: plan, requests: requests, port: port, loop: loop).start()
        }.wait()
        try report(result)
    }
}

struct RateResult: Encodable, Sendable {
    var event = "measured"
    var sent: Int
    /// By status; "0" is a connection that failed before a head, "cut" one that failed after it.
    var statuses: [String: Int]
    var latency: Quantiles
    /// The longest the generator itself was late in sending: large values mean that it could not keep the rate.
    var worstLatenessMicroseconds: Double
}

/// Confined to its event loop.
private final class RateRun {
    struct Plan: Sendable {
        var intervalNanoseconds: Double
        var connections: Int
        var warmupNanoseconds: Int64
        var durationNanoseconds: Int64
    }

    /// How long answers may still come after the last request was due.
    private static let graceNanoseconds: Int64 = 10_000_000_000

    private let plan: Plan
    private let requests: [ByteBuffer]
    private let port: Int
    private let loop: any EventLoop
    private let promise: EventLoopPromise<RateResult>
    private var free: [ClientConnection] = []
    private var waiting: [Int64] = []
    private var waitingHead = 0
    private var startNanoseconds: Int64 = 0
    private var issued = 0
    private var inFlight = 0
    private var samples: Samples
    private var statuses: [String: Int] = [:]
    private var measured = 0
    private var worstLateness: Int64 = 0
    private var windowIsAnnounced = false
    private var isFinished = false

    init(plan: Plan, requests: [ByteBuffer], port: Int, loop: any EventLoop) {
        self.plan = plan
        self.requests = requests
        self.port = port
        self.loop = loop
        promise = loop.makePromise(of: RateResult.self)
        samples = Samples(capacity: Int(Double(plan.durationNanoseconds) / plan.intervalNanoseconds) + 1)
    }

    func start() -> EventLoopFuture<RateResult> {
        let opening = (0..<plan.connections).map { _ in
            ClientConnection.open(port: port, readsEvents: false, on: loop)
        }
        EventLoopFuture.whenAllSucceed(
            opening.map { $0.assumeIsolated().map { self.adopt($0) }.nonisolated() }, on: loop
        )
        .assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                self.startNanoseconds = MonotonicClock.nanoseconds()
                self.tick()
            case .failure(let error): self.promise.fail(error)
            }
        }
        return promise.futureResult
    }

    private func adopt(_ connection: ClientConnection) {
        free.append(connection)
    }

    private func due(_ index: Int) -> Int64 {
        startNanoseconds + Int64(Double(index) * plan.intervalNanoseconds)
    }

    /// Issues what is due and sleeps until the next request is.
    private func tick() {
        let now = MonotonicClock.nanoseconds()
        let last = startNanoseconds + plan.warmupNanoseconds + plan.durationNanoseconds
        while due(issued) <= now, due(issued) < last {
            worstLateness = max(worstLateness, now - due(issued))
            waiting.append(due(issued))
            issued += 1
        }
        if !windowIsAnnounced, now >= startNanoseconds + plan.warmupNanoseconds {
            windowIsAnnounced = true
            try? report(Edge(event: "measure"))
        }
        pump()
        guard due(issued) < last else {
            drain(until: last + Self.graceNanoseconds)
            return
        }
        loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(UInt64(due(issued)))) { self.tick() }
    }

    private func pump() {
        while waitingHead < waiting.count, let connection = free.popLast() {
            let dueAt = waiting[waitingHead]
            waitingHead += 1
            let request = requests[(waitingHead - 1) % requests.count]
            inFlight += 1
            connection.onEnd = { connection, outcome in self.ended(connection, outcome, dueAt: dueAt) }
            connection.send(request)
        }
    }

    private func ended(_ connection: ClientConnection, _ outcome: Outcome, dueAt: Int64) {
        inFlight -= 1
        if dueAt >= startNanoseconds + plan.warmupNanoseconds {
            samples.add(MonotonicClock.nanoseconds() - dueAt)
            measured += 1
            let name = outcome.status != 0 && !outcome.isComplete ? "cut" : String(outcome.status)
            statuses[name, default: 0] += 1
        }
        if connection.isOpen {
            free.append(connection)
            pump()
        } else {
            replace()
        }
    }

    private func replace() {
        ClientConnection.open(port: port, readsEvents: false, on: loop).assumeIsolated().whenSuccess { connection in
            self.free.append(connection)
            self.pump()
        }
    }

    private func drain(until limit: Int64) {
        guard !isFinished else { return }
        if (inFlight == 0 && waitingHead == waiting.count) || MonotonicClock.nanoseconds() > limit {
            isFinished = true
            let unanswered = inFlight + waiting.count - waitingHead
            if unanswered > 0 { statuses["unanswered"] = unanswered }
            promise.succeed(
                RateResult(
                    sent: measured, statuses: statuses, latency: samples.summary(),
                    worstLatenessMicroseconds: Double(worstLateness) / 1_000))
            return
        }
        loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.drain(until: limit) }
    }
}
