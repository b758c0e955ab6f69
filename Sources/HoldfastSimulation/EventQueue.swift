import HoldfastCore

/// What is still to happen, soonest first; at the same instant in the order of scheduling. A binary heap: the one order
/// of all events is what makes a run repeatable.
struct EventQueue: Sendable {
    enum Event: Sendable {
        case arrives
        /// A client asks at this gateway, for the first time or again.
        case begins(gateway: Int, retry: Int)
        case crashes(provider: Int)
        /// Operators mend what only they can mend.
        case mends(gateway: Int)
        case snapshot(gateway: Int, number: UInt64)
        /// What is ordered to fail on purpose is heard of, or looked at.
        case drills(delivery: Int)
        case looks(gateway: Int)
        case stalls(gateway: Int, until: Instant)
        case resumes(gateway: Int, timersFirst: Bool)
        /// Part of what a provider does in one attempt. Stale where the exchange has gone on to another attempt.
        case upstream(exchange: Int, attempt: Int, UpstreamPart)
        case timer(exchange: Int)
        /// Of a provider that the exchange waits for.
        case slot(exchange: Int, isGranted: Bool)
        case clientLeaves(exchange: Int)
    }

    enum UpstreamPart: Sendable {
        case event(ExchangeEvent)
        /// A part of the answer's text.
        case text(Range<Int>)
    }

    /// Small, because most of the work of a long run is moving these.
    private struct Entry: Sendable {
        var at: Instant
        var sequence: Int
        /// Of `events`.
        var place: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.at == right.at ? left.sequence < right.sequence : left.at < right.at
        }
    }

    private var heap: [Entry] = []
    private var events: [Event] = []
    /// Places of `events` that may be used again.
    private var free: [Int] = []
    private var sequence = 0

    mutating func schedule(_ event: Event, at instant: Instant) {
        let place = free.popLast() ?? events.count
        if place == events.count { events.append(event) } else { events[place] = event }
        let entry = Entry(at: instant, sequence: sequence, place: place)
        sequence += 1
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, entry < heap[(child - 1) / 2] {
            heap[child] = heap[(child - 1) / 2]
            child = (child - 1) / 2
        }
        heap[child] = entry
    }

    mutating func next() -> (at: Instant, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty { sink(last) }
        free.append(first.place)
        return (first.at, events[first.place])
    }

    /// Puts the entry where it belongs, from the top.
    private mutating func sink(_ entry: Entry) {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < entry else { break }
            heap[parent] = heap[child]
            parent = child
        }
        heap[parent] = entry
    }
}
