import GRDB
import HoldfastAPI
import HoldfastCore
import Synchronization

/// What happened of late, for whoever follows along.
///
/// In memory, and bounded: what must never be forgotten is in the audit log and the tables, and an event that needed the
/// disk would be missing on the day on which the disk is what went wrong. The price is that a restart loses them, and that
/// is said and never passed over: ids rise over restarts, so whoever names one of before is told that there is a gap.
final class EventLog: Sendable {
    /// Of the newest that are kept.
    static let most = 4_096
    /// Bytes; with `most` and `mostDetails` a bound on memory, 20 MB, that nobody comes near.
    static let longestText = 500
    static let mostDetails = 8
    /// Streams at once.
    static let mostStreams = 64
    /// A million events fit between the ids of two starts in following seconds, and all of them below 2^53 for longer than
    /// anybody will ask.
    private static let startBits: UInt64 = 20

    struct Entry: Sendable {
        var view: EventView
        /// Besides `events.read`; nil: nothing.
        var permission: Permission?
    }

    /// What happened, without its number.
    struct News: Sendable {
        var type: String
        var subject: String
        var summary: String
        var severity: AlertSeverity?
        var by: String?
        var details: [String: String] = [:]
        var permission: Permission?
    }

    /// What there is after a place.
    struct Slice: Sendable {
        var entries: [Entry]
        /// Something between the place and the first entry is lost, or the place is none of this log.
        var hasGap: Bool
        var newest: UInt64
    }

    struct Figures: Sendable, Equatable {
        var streams = 0
        var refused = 0
        var cutOff = 0
    }

    private struct State {
        /// Without a gap between their ids.
        var ring: [Entry] = []
        var next: UInt64
        var wakes: [Int: AsyncStream<Void>.Continuation] = [:]
        var opened = 0
        var refused = 0
        var cutOff = 0
    }

    private let state: Mutex<State>

    /// - Parameter first: of this process; above every id of those before it.
    init(first: UInt64) {
        state = Mutex(State(next: first))
    }

    /// The seconds of the wall clock where they are above those of the start before, so that not even a database that was
    /// restored from a backup leads to ids that somebody has seen.
    static func open(_ store: ControlStore, now: Int64) async throws -> EventLog {
        let start = try await store.write { database in
            let last = try Int64.fetchOne(
                database, sql: "SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'events'")
            let start = max(now / 1_000, (last ?? 0) + 1)
            try database.execute(
                sql: "INSERT OR REPLACE INTO facts VALUES ('events', ?)", arguments: ["\(start)"])
            return start
        }
        return EventLog(first: UInt64(max(start, 1)) << startBits)
    }

    func add(_ news: News, now: Int64) {
        let wakes = state.withLock { state in
            let view = EventView(
                id: state.next, at: TimeOfDay.text(milliseconds: now), type: news.type,
                subject: Self.cut(news.subject), summary: Self.cut(news.summary), severity: news.severity?.rawValue,
                by: news.by.map(Self.cut), details: Self.cut(news.details))
            state.next += 1
            if state.ring.count >= Self.most { state.ring.removeFirst() }
            state.ring.append(Entry(view: view, permission: news.permission))
            return Array(state.wakes.values)
        }
        for wake in wakes { wake.yield() }
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= longestText ? text : String(decoding: text.utf8.prefix(longestText), as: UTF8.self) + "…"
    }

    private static func cut(_ details: [String: String]) -> [String: String] {
        let kept = details.sorted { $0.key < $1.key }.prefix(mostDetails)
        return Dictionary(kept.map { (cut($0.key), cut($0.value)) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: - Reading

    /// - Parameter place: nil: the newest `limit` of them.
    func entries(after place: UInt64?, limit: Int) -> Slice {
        state.withLock { state in
            let newest = state.next - 1
            guard let place else {
                return Slice(entries: state.ring.suffix(limit), hasGap: false, newest: newest)
            }
            let first = state.next - UInt64(state.ring.count)
            let isKnown = place >= first - 1 && place <= newest
            let skipped = isKnown ? Int(place - (first - 1)) : 0
            return Slice(
                entries: Array(state.ring.dropFirst(skipped).prefix(limit)), hasGap: !isKnown, newest: newest)
        }
    }

    var newest: UInt64 { state.withLock { $0.next - 1 } }

    var figures: Figures {
        state.withLock { Figures(streams: $0.wakes.count, refused: $0.refused, cutOff: $0.cutOff) }
    }

    // MARK: - Streams

    /// One that follows. Whoever opens it closes it.
    struct Stream: Sendable {
        var number: Int
        /// The newest event when it was opened: whoever names no place goes on from here.
        var start: UInt64
        /// Whenever there is something new, and whenever somebody wakes it.
        var wakes: AsyncStream<Void>
    }

    /// Nil: there are as many as may be.
    func openStream() -> Stream? {
        let (wakes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        return state.withLock { state in
            guard state.wakes.count < Self.mostStreams else {
                state.refused += 1
                return nil
            }
            state.opened += 1
            state.wakes[state.opened] = continuation
            return Stream(number: state.opened, start: state.next - 1, wakes: wakes)
        }
    }

    func wake(_ stream: Stream) {
        state.withLock { $0.wakes[stream.number] }?.yield()
    }

    /// - Parameter isCutOff: it was too slow.
    func close(_ stream: Stream, isCutOff: Bool) {
        let wake = state.withLock { state in
            if isCutOff { state.cutOff += 1 }
            return state.wakes.removeValue(forKey: stream.number)
        }
        wake?.finish()
    }
}
