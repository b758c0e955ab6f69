import HoldfastCore
import Testing

@testable import HoldfastTelemetry

@Suite struct ExportRetryTests {
    static let statuses: [(status: Int, isTriedAgain: Bool)] = [
        (100, false), (204, false), (301, false), (307, false), (400, false), (401, false), (403, false), (404, false),
        (408, false), (413, false), (429, true), (500, false), (501, false), (502, true), (503, true), (504, true),
        (505, false), (599, false),
    ]

    @Test(arguments: statuses.indices)
    func theTableOfTheSpecification(place: Int) {
        let (status, isTriedAgain) = Self.statuses[place]
        var random = SeededRandom(seed: 1)
        var retry = ExportRetry(startedAt: .zero)
        let decision = retry.decide(
            .refused(status: status, retryAfterNanoseconds: nil), isEnding: false, now: .zero, random: &random)
        if isTriedAgain {
            guard case .again = decision else {
                Issue.record("\(status): \(decision)")
                return
            }
        } else {
            #expect(decision == .drop(.refused))
        }
    }

    @Test func successEndsItWhateverWasRejected() {
        var random = SeededRandom(seed: 1)
        var retry = ExportRetry(startedAt: .zero)
        #expect(
            retry.decide(.taken(rejected: 3), isEnding: false, now: .zero, random: &random) == .done(rejected: 3))
    }

    @Test func theWaitsGrowAndEndWithTheBoundOnTries() {
        var random = SeededRandom(seed: 2)
        var retry = ExportRetry(startedAt: .zero)
        var waits: [Int64] = []
        for _ in 1..<ExportRetry.mostTries {
            guard
                case .again(let wait) = retry.decide(
                    .unreachable("x"), isEnding: false, now: .zero, random: &random)
            else { break }
            waits.append(wait)
        }
        let bounds: [Int64] = [1, 2, 4, 8, 16]
        #expect(waits.count == bounds.count)
        for (wait, bound) in zip(waits, bounds) {
            #expect((bound * Span.second / 2...bound * Span.second).contains(wait))
        }
        #expect(
            retry.decide(.unreachable("x"), isEnding: false, now: .zero, random: &random) == .drop(.gaveUp))
    }

    @Test func whatTheCollectorAsksForIsTheLeastThatIsWaited() {
        var random = SeededRandom(seed: 3)
        for seconds in [Int64(0), 1, 20] {
            var retry = ExportRetry(startedAt: .zero)
            let outcome = ExportOutcome.refused(status: 503, retryAfterNanoseconds: seconds * Span.second)
            guard case .again(let wait) = retry.decide(outcome, isEnding: false, now: .zero, random: &random) else {
                Issue.record("given up on after \(seconds) s")
                continue
            }
            #expect((seconds * Span.second...seconds * Span.second * 6 / 5).contains(wait))
        }
    }

    @Test func aWaitPastTheBoundOnTimeIsNotBegun() {
        var random = SeededRandom(seed: 4)
        var retry = ExportRetry(startedAt: .zero, boundNanoseconds: 10 * Span.second)
        let asked = ExportOutcome.refused(status: 429, retryAfterNanoseconds: 11 * Span.second)
        #expect(retry.decide(asked, isEnding: false, now: .zero, random: &random) == .drop(.gaveUp))
        retry = ExportRetry(startedAt: .zero, boundNanoseconds: 10 * Span.second)
        let late = Instant(nanoseconds: 10 * Span.second)
        #expect(retry.decide(.unreachable("x"), isEnding: false, now: late, random: &random) == .drop(.gaveUp))
    }

    @Test func theEndOfTheProcessIsNotWaitedThrough() {
        var random = SeededRandom(seed: 5)
        var retry = ExportRetry(startedAt: .zero)
        #expect(retry.decide(.unreachable("x"), isEnding: true, now: .zero, random: &random) == .drop(.shutdown))
    }
}
