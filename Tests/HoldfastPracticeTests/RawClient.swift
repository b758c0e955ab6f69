import Foundation
import HoldfastCore
import HoldfastPractice
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A client that sees bytes: faults live below HTTP. Every wait has a bound and tells what it saw when it expires.
final class RawClient: Sendable {
    enum End: Equatable, Sendable {
        case open
        case closed
        case reset
    }

    struct Expired: Error {
        var seen: String
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct State {
            var text = ""
            var end = End.open
            var waiters: [(condition: @Sendable (String, End) -> Bool, promise: EventLoopPromise<Void>)] = []
        }

        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            let text = buffer.readString(length: buffer.readableBytes) ?? ""
            change { $0.text += text }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if (error as? IOError)?.errnoCode == ECONNRESET { change { $0.end = .reset } }
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            change { if $0.end == .open { $0.end = .closed } }
        }

        func change(_ body: (inout sending State) -> Void) {
            let met = state.withLock { state in
                body(&state)
                let met = state.waiters.filter { $0.condition(state.text, state.end) }.map(\.promise)
                state.waiters.removeAll { $0.condition(state.text, state.end) }
                return met
            }
            for promise in met { promise.succeed() }
        }
    }

    private let channel: any Channel
    private let collector: Collector

    private init(channel: any Channel, collector: Collector) {
        self.channel = channel
        self.collector = collector
    }

    static func connect(_ port: Int) async throws -> RawClient {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(collector) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, collector: collector)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    func close() async {
        try? await channel.close()
    }

    @discardableResult
    func wait(_ condition: @escaping @Sendable (String, End) -> Bool) async throws -> (text: String, end: End) {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        collector.change { $0.waiters.append((condition, promise)) }
        let limit = channel.eventLoop.scheduleTask(in: .seconds(10)) {
            promise.fail(Expired(seen: self.collector.state.withLock { "\($0.end): \($0.text)" }))
        }
        defer { limit.cancel() }
        try await promise.futureResult.get()
        return collector.state.withLock { ($0.text, $0.end) }
    }

    func untilEnd() async throws -> (text: String, end: End) {
        try await wait { $1 != .open }
    }
}

struct Reply {
    var status: Int
    var headers: [(String, String)]
    /// Without chunk framing.
    var body: String
    /// Whether the framing says that all of it came.
    var complete: Bool
    var end: RawClient.End

    init(_ seen: (text: String, end: RawClient.End)) {
        let halves = seen.text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = halves[0].components(separatedBy: "\r\n")
        status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        headers = lines.dropFirst().map { line in
            let parts = line.components(separatedBy: ": ")
            return (parts[0], parts.dropFirst().joined(separator: ": "))
        }
        end = seen.end
        let raw = halves.count > 1 ? String(halves[1]) : ""
        body = raw
        complete = false
        if let length = self["content-length"].flatMap({ Int($0) }) {
            complete = raw.utf8.count == length
        } else if self["transfer-encoding"] == "chunked" {
            (body, complete) = Reply.dechunk(raw)
        }
    }

    subscript(name: String) -> String? {
        headers.first { $0.0 == name }?.1
    }

    var json: JSONValue {
        get throws { try JSONValue(parsing: Array(body.utf8)) }
    }

    /// The texts of the stream's events.
    var events: [String] {
        body.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map { String($0.dropFirst("data: ".count)) }
    }

    /// The concatenated content of a chat stream, leaving out what is no JSON.
    var streamedText: String {
        events.compactMap { try? JSONValue(parsing: Array($0.utf8)) }
            .compactMap { $0["choices"]?.array?.first?["delta"]?["content"]?.string }.joined()
    }

    private static func dechunk(_ raw: String) -> (String, Bool) {
        var rest = Array(raw.utf8)[...]
        var out: [UInt8] = []
        while let end = rest.firstIndex(of: 13),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16)
        {
            if size == 0 { return (String(decoding: out, as: UTF8.self), true) }
            rest = rest[(end + 2)...]
            guard rest.count >= size + 2 else { break }
            out += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return (String(decoding: out, as: UTF8.self), false)
    }
}

func requestText(
    _ method: String, _ path: String, body: String = "", headers: [String] = [], closes: Bool = true
) -> String {
    var lines = ["\(method) \(path) HTTP/1.1", "host: practice", "content-length: \(body.utf8.count)"] + headers
    if closes { lines.append("connection: close") }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
}

func ask(
    _ port: Int, _ method: String, _ path: String, _ body: JSONValue? = nil, headers: [String] = []
) async throws -> Reply {
    let client = try await RawClient.connect(port)
    try await client.send(requestText(method, path, body: body?.line ?? "", headers: headers))
    let seen = try await client.untilEnd()
    await client.close()
    return Reply(seen)
}

func chat(
    _ model: String = "practice-large", stream: Bool = false, tokens: Int = 12, _ extra: [JSONMember] = []
) -> JSONValue {
    let body: JSONValue = [
        "model": .string(model), "stream": .bool(stream), "max_tokens": .integer(tokens),
        "messages": [["role": "user", "content": "hello"]],
    ]
    return .object((body.members ?? []) + extra)
}

/// With a port below those that are given to whoever asks for any: one that is freed for a while nobody else takes.
func withServerApart(
    _ change: (inout PracticeOptions) -> Void = { _ in }, _ body: (PracticeServer) async throws -> Void
) async throws {
    var system = SystemRandomNumberGenerator()
    let port = 20_000 + Int(system.next(upperBound: 10_000 as UInt64))
    let apart = { (options: inout PracticeOptions) in
        options.listen = ListenAddress(host: "127.0.0.1", port: port)
        change(&options)
    }
    try await withServer(apart, body)
}

func withServer(
    _ change: (inout PracticeOptions) -> Void = { _ in }, _ body: (PracticeServer) async throws -> Void
) async throws {
    var options = PracticeOptions()
    options.listen = ListenAddress(host: "127.0.0.1", port: 0)
    options.name = "primary"
    options.pacing = .instant
    change(&options)
    let server = try await PracticeServer.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
    do {
        try await body(server)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// Waits for a state that another loop reaches, with a bound.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    for _ in 0..<1_000 {
        if try await condition() { return }
        try await loop.scheduleTask(in: .milliseconds(20)) {}.futureResult.get()
    }
    Issue.record("did not happen in twenty seconds: \(what)")
}

/// A clock that a test moves.
final class TestClock: Sendable {
    private let nanoseconds = Mutex<Int64>(0)

    func advance(_ span: Int64) {
        nanoseconds.withLock { $0 += span }
    }

    var clock: PracticeClock {
        PracticeClock(
            monotonic: { Instant(nanoseconds: self.nanoseconds.withLock { $0 }) }, wallSeconds: { 1_800_000_000 })
    }
}
