import HoldfastCore

/// What is still to happen, soonest first; at the same instant in the order of scheduling.
struct Agenda<Event: Sendable>: Sendable {
    private struct Entry: Sendable {
        var at: Instant
        var sequence: Int
        var event: Event

        func isBefore(_ other: Entry) -> Bool {
            at == other.at ? sequence < other.sequence : at < other.at
        }
    }

    private var heap: [Entry] = []
    private var sequence = 0

    mutating func schedule(_ event: Event, at instant: Instant) {
        heap.append(Entry(at: instant, sequence: sequence, event: event))
        sequence += 1
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (at: Instant, event: Event)? {
        guard let first = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(parent, child)
            parent = child
        }
        return (first.at, first.event)
    }
}
