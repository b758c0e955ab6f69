import HoldfastAPI
import HoldfastCore
import HummingbirdCore
import NIOCore
import Synchronization

/// One answer that does not end: `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html).
///
/// A stream keeps nothing but its place in the log, so a reader that is slow costs a number. It ends where the log has
/// gone on past that place or the reader takes nothing at all, where its token is no longer good, and with the process.
final class EventStream: Sendable {
    /// A proxy or a reader that hears nothing for so long may take the connection for dead.
    static let heartbeatNanoseconds = 15 * Span.second
    /// How soon a reader comes again after an end.
    static let retryMilliseconds = 3_000
    /// How often it is looked whether the token is good and the reader there: a revocation holds within 5 s.
    static let look = Duration.seconds(1)
    /// A reader that takes nothing is cut off, as a client of the gateway is.
    static let stallNanoseconds = 30 * Span.second
    /// In one write.
    private static let batch = 64

    /// Why it ends by itself.
    enum End: String, Sendable {
        case tooSlow = "too_slow"
        case notPermitted = "not_permitted"

        var mend: String {
            switch self {
            case .tooSlow: "read faster, ask for fewer types, or come again with the last id that was read"
            case .notPermitted: "come again with a token that is good"
            }
        }
    }

    let log: EventLog
    let stream: EventLog.Stream
    /// Nil: from now on.
    let asked: UInt64?
    /// Nil: all of them.
    let types: Set<String>?
    let connection: APIConnection
    /// Whether the token is still good, and may do this now.
    let isPermitted: @Sendable (Permission) -> Bool
    private struct Progress {
        var place: UInt64 = 0
        /// Nil: nothing is being written.
        var writingSince: Instant?
        var isCutOff = false
    }

    private let progress = Mutex(Progress())

    init(
        log: EventLog, stream: EventLog.Stream, after asked: UInt64?, types: Set<String>?, connection: APIConnection,
        isPermitted: @escaping @Sendable (Permission) -> Bool
    ) {
        self.log = log
        self.stream = stream
        self.asked = asked
        self.types = types
        self.connection = connection
        self.isPermitted = isPermitted
    }

    /// Where whoever asked was gone before the head of the answer, nobody ever called `write`.
    deinit { log.close(stream, isCutOff: false) }

    func write(to writer: inout any ResponseBodyWriter) async throws {
        defer { log.close(stream, isCutOff: progress.withLock { $0.isCutOff }) }
        connection.closeWithReader()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.watch() }
            defer { tasks.cancelAll() }
            try await self.follow(&writer)
        }
        try await writer.finish(nil)
    }

    /// Until whoever reads has gone, there is a reason to end it, or the process ends.
    private func follow(_ writer: inout any ResponseBodyWriter) async throws {
        try await open(&writer)
        var writtenAt = MonotonicClock.read()
        for await _ in stream.wakes {
            guard connection.isOpen() else { return }
            guard isPermitted(.eventsRead) else { return try await end(.notPermitted, &writer) }
            var hasMore = true
            while hasMore {
                let slice = log.entries(after: place, limit: Self.batch)
                guard !slice.hasGap else { return try await end(.tooSlow, &writer) }
                let text = slice.entries.filter(isWanted).map { Self.block($0.view) }.joined()
                if let last = slice.entries.last { progress.withLock { $0.place = last.view.id } }
                hasMore = place < slice.newest
                guard !text.isEmpty else { continue }
                try await send(text, &writer)
                writtenAt = MonotonicClock.read()
            }
            if MonotonicClock.read().nanoseconds(since: writtenAt) >= Self.heartbeatNanoseconds {
                // The place goes on even where none of the events was for this reader.
                try await send(": still here\nid: \(place)\n\n", &writer)
                writtenAt = MonotonicClock.read()
            }
        }
    }

    private var place: UInt64 { progress.withLock { $0.place } }

    /// An id alone makes no event, and a reader that is cut off before the first one still knows where it was.
    private func open(_ writer: inout any ResponseBodyWriter) async throws {
        let isLost = asked.map { log.entries(after: $0, limit: 0).hasGap } ?? false
        let place = isLost ? stream.start : asked ?? stream.start
        progress.withLock { $0.place = place }
        let notice = EventStreamNotice(
            reason: "events between the last id and now are lost",
            mend: "load what you show again: it may have changed without an event that you have seen")
        try await send(
            "retry: \(Self.retryMilliseconds)\nid: \(place)\n" + (isLost ? Self.block("reset", notice) : "\n"), &writer)
    }

    private func isWanted(_ entry: EventLog.Entry) -> Bool {
        (types?.contains(entry.view.type) ?? true) && (entry.permission.map(isPermitted) ?? true)
    }

    private func end(_ end: End, _ writer: inout any ResponseBodyWriter) async throws {
        if end == .tooSlow { progress.withLock { $0.isCutOff = true } }
        try await send(Self.block("end", EventStreamNotice(reason: end.rawValue, mend: end.mend)), &writer)
    }

    private func send(_ text: String, _ writer: inout any ResponseBodyWriter) async throws {
        progress.withLock { $0.writingSince = MonotonicClock.read() }
        try await writer.write(ByteBuffer(string: text))
        progress.withLock { $0.writingSince = nil }
    }

    /// Wakes the stream to look around, and closes the connection of a reader that takes nothing: a write that waits for it
    /// ends in no other way.
    private func watch() async {
        log.wake(stream)
        while (try? await Task.sleep(for: Self.look)) != nil {
            log.wake(stream)
            let (place, since) = progress.withLock { ($0.place, $0.writingSince) }
            guard let since else { continue }
            let isStalled = MonotonicClock.read().nanoseconds(since: since) >= Self.stallNanoseconds
            guard isStalled || log.entries(after: place, limit: 0).hasGap || !isPermitted(.eventsRead) else { continue }
            progress.withLock { $0.isCutOff = true }
            connection.close()
            return
        }
    }

    // MARK: - Bytes

    private static func block(_ view: EventView) -> String {
        "id: \(view.id)\n" + block(view.type, view)
    }

    /// JSON of ours has no line end in it, so that the data is one line.
    private static func block(_ type: String, _ data: some Encodable) -> String {
        "event: \(type)\ndata: \(String(decoding: APICoding.encode(data), as: UTF8.self))\n\n"
    }
}
