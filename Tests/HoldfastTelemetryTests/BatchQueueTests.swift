import Testing

@testable import HoldfastTelemetry

@Suite struct BatchQueueTests {
    private static func queue(count: Int = 10, bytes: Int = 1_000, batch: Int = 4) -> BatchQueue<Int> {
        var bounds = BatchQueue<Int>.Bounds()
        (bounds.count, bounds.bytes, bounds.batchCount) = (count, bytes, batch)
        bounds.batchBytes = 100
        return BatchQueue(bounds: bounds)
    }

    @Test func theNewestIsDroppedAtTheBoundOnTheCount() {
        let queue = Self.queue()
        #expect((0..<12).map { queue.offer($0, bytes: 1) } == (0..<12).map { $0 < 10 })
        #expect(queue.count == 10)
        #expect(queue.take(isDue: false) == [0, 1, 2, 3])
        #expect(queue.offer(99, bytes: 1))
        #expect(queue.take(isDue: false) == [4, 5, 6, 7])
        #expect(queue.take(isDue: false) == nil)
        #expect(queue.take(isDue: true) == [8, 9, 99])
        #expect(queue.take(isDue: true) == nil)
        #expect(queue.count == 0)
    }

    @Test func theNewestIsDroppedAtTheBoundOnTheBytes() {
        let queue = Self.queue(bytes: 250)
        #expect(queue.offer(1, bytes: 200) && !queue.offer(2, bytes: 51) && queue.offer(3, bytes: 50))
        #expect(!queue.offer(4, bytes: 1))
        // The first was a batch by its size alone.
        #expect(queue.take(isDue: false) == [1])
        #expect(queue.offer(5, bytes: 49))
        #expect(queue.take(isDue: true) == [3, 5])
    }

    @Test func aBatchThatIsNotFullWaitsUntilItIsDue() {
        let queue = Self.queue()
        _ = queue.offer(1, bytes: 1)
        #expect(queue.take(isDue: false) == nil)
        #expect(queue.take(isDue: true) == [1])
    }

    @Test func manyThreadsLoseNothingThatWasTaken() async {
        let queue = Self.queue(count: 100_000, bytes: 1 << 30, batch: 64)
        let taken = await withTaskGroup(of: [Int].self) { tasks in
            for first in 0..<8 {
                tasks.addTask {
                    for number in 0..<1_000 { _ = queue.offer(first * 1_000 + number, bytes: 1) }
                    return []
                }
            }
            tasks.addTask {
                var taken: [Int] = []
                while taken.count < 8_000, !Task.isCancelled {
                    if let batch = queue.take(isDue: true) { taken += batch } else { await Task.yield() }
                }
                return taken
            }
            return await tasks.reduce(into: []) { $0 += $1 }
        }
        #expect(taken.sorted() == Array(0..<8_000))
        // What one thread offered stays in its order.
        for first in 0..<8 {
            let own = taken.filter { $0 / 1_000 == first }
            #expect(own == own.sorted())
        }
    }
}
