import ArgumentParser
import NIOCore
import NIOPosix

struct IdleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "Open streams that fall silent after their first token; close them when standard input ends.")

    @OptionGroup var target: Target

    @Option(help: "Streams held open at once.")
    var streams = 1_000

    @Option(help: "Streams that may wait for their first token at once while opening.")
    var opening = 32

    @Option(help: "Seconds within which every stream must have its first token.")
    var limit = 60.0

    func run() throws {
        let request = target.requests(isStream: true)[0]
        let port = target.port
        let (streams, opening, limit) = (streams, opening, limit)
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let run = try loop.submit {
            NIOLoopBound(IdleRun(streams: streams, request: request, port: port, loop: loop), eventLoop: loop)
        }.wait()
        let open = try loop.flatSubmit { run.value.start(opening: opening, limitSeconds: limit) }.wait()
        try report(IdleResult(event: "open", streams: open))
        while readLine() != nil {}
        let left = try loop.submit { run.value.alive }.wait()
        try report(IdleResult(event: "closed", streams: left))
    }
}

struct IdleResult: Encodable {
    var event: String
    /// Streams that have their first token and have not ended.
    var streams: Int
}

/// Confined to its event loop.
private final class IdleRun {
    private(set) var alive = 0

    private let streams: Int
    private let request: ByteBuffer
    private let port: Int
    private let loop: any EventLoop
    private let promise: EventLoopPromise<Int>
    private var connections: [ClientConnection] = []
    private var started = 0
    private var settled = 0

    init(streams: Int, request: ByteBuffer, port: Int, loop: any EventLoop) {
        self.streams = streams
        self.request = request
        self.port = port
        self.loop = loop
        promise = loop.makePromise(of: Int.self)
    }

    func start(opening: Int, limitSeconds: Double) -> EventLoopFuture<Int> {
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(limitSeconds * 1e9))) {
            self.promise.succeed(self.alive)
        }
        for _ in 0..<min(opening, streams) { open() }
        return promise.futureResult
    }

    private func open() {
        guard started < streams else { return }
        started += 1
        ClientConnection.open(port: port, readsEvents: true, on: loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let connection): self.stream(on: connection)
            case .failure: self.settle()
            }
        }
    }

    /// The upstream sends the role event and one token.
    private func stream(on connection: ClientConnection) {
        var events = 0
        connections.append(connection)
        connection.onEvent = { _ in
            events += 1
            guard events == 2 else { return }
            self.alive += 1
            self.settle()
        }
        connection.onEnd = { _, _ in
            if events >= 2 { self.alive -= 1 } else { self.settle() }
        }
        connection.send(request)
    }

    private func settle() {
        settled += 1
        if settled == streams { promise.succeed(alive) }
        open()
    }
}
