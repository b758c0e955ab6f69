import Testing

@testable import HoldfastCore

@Suite struct DeliveryQueueTests {
    private static let gone = DeliveryQueue<Int>.Outcome.failed("gone", isFinal: false, retryAfterNanoseconds: nil)
    private static let wrong = DeliveryQueue<Int>.Outcome.failed("400", isFinal: true, retryAfterNanoseconds: nil)

    private static func seconds(_ count: Int64) -> Instant { Instant(nanoseconds: count * Span.second) }

    @Test func inOrderAndOneAtATime() {
        var queue = DeliveryQueue<Int>()
        var random = SeededRandom(seed: 1)
        queue.offer(1, now: .zero)
        queue.offer(2, now: .zero)
        #expect(queue.take(now: .zero) == 1)
        #expect(queue.take(now: .zero) == nil, "the first is under way")
        queue.ended(.taken, now: .zero, nowMilliseconds: 5, random: &random)
        #expect(queue.take(now: .zero) == 2)
        #expect(queue.figures.sent == 1)
        #expect(queue.figures.lastSuccessAt == 5)
    }

    @Test func whatFailsIsSentAgainLaterAndLater() {
        var queue = DeliveryQueue<Int>()
        var random = SeededRandom(seed: 1)
        queue.offer(1, now: .zero)
        var (now, waits) = (Int64(0), [Int64]())
        for _ in 0..<12 {
            let begun = now
            while queue.take(now: Instant(nanoseconds: now)) == nil { now += Span.millisecond }
            waits.append(now - begun)
            queue.ended(Self.gone, now: Instant(nanoseconds: now), nowMilliseconds: 9, random: &random)
        }
        #expect(waits[1] >= Span.second / 2 && waits[1] <= Span.second + Span.millisecond)
        #expect(waits[11] >= Span.minute && waits[11] <= 2 * Span.minute + Span.millisecond)
        #expect(queue.count == 1)
        #expect(queue.figures.failures == 12)
        #expect(queue.figures.lastFailure == "gone")
    }

    @Test func whatIsTooOldIsDroppedAndCounted() {
        var queue = DeliveryQueue<Int>()
        queue.offer(1, now: .zero)
        queue.offer(2, now: Self.seconds(1_800))
        #expect(queue.take(now: Self.seconds(3_601)) == 2)
        #expect(queue.figures.dropped == 1)
    }

    @Test func whatIsRefusedForGoodDoesNotHoldTheOthersUp() {
        var queue = DeliveryQueue<Int>()
        var random = SeededRandom(seed: 1)
        queue.offer(1, now: .zero)
        queue.offer(2, now: .zero)
        #expect(queue.take(now: .zero) == 1)
        queue.ended(Self.wrong, now: .zero, nowMilliseconds: 0, random: &random)
        #expect(queue.take(now: Self.seconds(2)) == 2)
        #expect(queue.figures.dropped == 1)
    }

    @Test func whatTheReceiverAsksForIsKept() {
        var queue = DeliveryQueue<Int>()
        var random = SeededRandom(seed: 1)
        queue.offer(1, now: .zero)
        #expect(queue.take(now: .zero) == 1)
        let busy = DeliveryQueue<Int>.Outcome.failed("503", isFinal: false, retryAfterNanoseconds: 100 * Span.second)
        queue.ended(busy, now: .zero, nowMilliseconds: 0, random: &random)
        #expect(queue.take(now: Self.seconds(99)) == nil)
        #expect(queue.take(now: Self.seconds(121)) == 1)
    }

    @Test func aFullOneLosesItsOldestAndNeverTheOneUnderWay() {
        var queue = DeliveryQueue<Int>()
        var random = SeededRandom(seed: 1)
        for number in 0..<DeliveryQueue<Int>.most { queue.offer(number, now: .zero) }
        #expect(queue.take(now: .zero) == 0)
        queue.offer(-1, now: .zero)
        #expect(queue.count == DeliveryQueue<Int>.most)
        #expect(queue.figures.dropped == 1)
        queue.ended(.taken, now: .zero, nowMilliseconds: 0, random: &random)
        #expect(queue.take(now: .zero) == 2, "the oldest of those that waited went")
    }
}
