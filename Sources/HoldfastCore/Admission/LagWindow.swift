/// How late the event loops have run in the last two seconds.
///
/// Each loop gives a sample every 25 ms: by how much its tick came late. One window for all loops, so that one blocked
/// loop among many shows. The latest of them never counts, however few there are: a single hiccup of the machine sheds
/// nobody.
///
/// What it does not know: a loop that is blocked at this moment. It says so with its next tick.
package struct LagWindow: Sendable {
    package static let spanNanoseconds = 2 * Span.second
    package static let sampleNanoseconds = 25 * Span.millisecond
    package static let samplesPerLoop = Int(spanNanoseconds / sampleNanoseconds)

    /// The newest overwrites the oldest. Reserved once: 16 bytes a sample.
    private var samples: [Sample]
    private var next = 0
    private let capacity: Int

    private struct Sample: Sendable {
        var lagNanoseconds: Int64
        var at: Instant
    }

    package init(loops: Int) {
        precondition(loops > 0, "a window for \(loops) loops has nobody to fill it")
        samples = []
        samples.reserveCapacity(loops * Self.samplesPerLoop)
        capacity = loops * Self.samplesPerLoop
    }

    package mutating func record(lagNanoseconds: Int64, now: Instant) {
        let sample = Sample(lagNanoseconds: max(lagNanoseconds, 0), at: now)
        if samples.count < capacity {
            samples.append(sample)
        } else {
            samples[next] = sample
        }
        next = (next + 1) % capacity
    }

    /// By nearest rank, and never the largest; 0 where there is nothing else within the span. Sorts a copy: for a few times
    /// a second, not for every exchange.
    package func p99(now: Instant) -> Int64 {
        var lags: [Int64] = []
        lags.reserveCapacity(samples.count)
        for sample in samples where now.nanoseconds(since: sample.at) < Self.spanNanoseconds {
            lags.append(sample.lagNanoseconds)
        }
        guard lags.count > 1 else { return 0 }
        lags.sort()
        return lags[min((lags.count * 99 + 99) / 100 - 1, lags.count - 2)]
    }
}
