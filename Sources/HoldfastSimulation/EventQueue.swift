import HoldfastCore

/// What is still to happen, soonest first; at the same instant in the order of scheduling. A binary heap: the one order
/// of all events is what makes a run repeatable.
struct EventQueue: Sendable {
    enum Event: Sendable {
        case arrives
        case crashes(provider: Int)
        /// Operators mend what only they can mend.
        case mends
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

    private struct Entry: Sendable {
        var at: Instant
        var sequence: Int
        var event: Event

        static func < (left: Entry, right: Entry) -> Bool {
            (left.at, left.sequence) < (right.at, right.sequence)
        }
    }

    private var heap: [Entry] = []
    private var sequence = 0

    mutating func schedule(_ event: Event, at instant: Instant) {
        heap.append(Entry(at: instant, sequence: sequence, event: event))
        sequence += 1
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (at: Instant, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.at, first.event)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[smallest] {
                smallest = child
            }
            if smallest == parent { return }
            heap.swapAt(smallest, parent)
            parent = smallest
        }
    }
}
