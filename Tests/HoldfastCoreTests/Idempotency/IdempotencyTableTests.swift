import Testing

@testable import HoldfastCore

@Suite struct IdempotencyTableTests {
    typealias Table = IdempotencyTable<String>

    private let bodyA = RequestDigest(high: 1, low: 1)
    private let bodyB = RequestDigest(high: 1, low: 2)

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    private func name(_ text: String, of principal: String = "p") throws -> IdempotencyName {
        try #require(IdempotencyName(principal: principal, text: text))
    }

    private func begin(_ table: inout Table, _ text: String, _ kind: Table.Kind = .unary, at now: Int64 = 0) throws
        -> UInt64
    {
        let arrival = table.arrive(try name(text), digest: bodyA, kind: kind, now: at(now))
        guard case .begin(let exchange) = arrival else {
            Issue.record("\(text) did not begin: \(arrival)")
            return 0
        }
        return exchange
    }

    private func join(_ table: inout Table, _ text: String) throws -> UInt64 {
        let arrival = table.arrive(try name(text), digest: bodyA, kind: .unary, now: at(0))
        guard case .join(_, let joiner) = arrival else {
            Issue.record("\(text) did not join: \(arrival)")
            return 0
        }
        return joiner
    }

    private func again(
        _ table: inout Table, _ text: String, of principal: String = "p", body: RequestDigest? = nil,
        _ kind: Table.Kind = .unary, at now: Int64 = 0
    ) throws -> Table.Arrival {
        table.arrive(try name(text, of: principal), digest: body ?? bodyA, kind: kind, now: at(now))
    }

    @Test func aRepeatJoinsWhatIsInFlightAndThenGetsWhatWasStored() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        let joiners = [try join(&table, "k"), try join(&table, "k")]
        #expect(table.finish(exchange, .answered("yes", bytes: 3), now: at(1)) == joiners)
        #expect(try again(&table, "k") == .replay("yes"))
        #expect(table.resultBytes == 3 && table.inFlight == 0 && table.count == 1)
    }

    @Test func anotherBodyUnderTheSameNameIsAMismatchInFlightAndAfter() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        #expect(try again(&table, "k", body: bodyB) == .mismatch)
        _ = table.finish(exchange, .answered("yes", bytes: 3), now: at(0))
        #expect(try again(&table, "k", body: bodyB) == .mismatch)
    }

    @Test func principalsDoNotMeet() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        #expect(try again(&table, "k", of: "q", body: bodyB) == .begin(exchange: exchange + 1))
    }

    @Test func aStreamIsAConflictWhileItFlowsAndAfterItsEnd() throws {
        var table = Table()
        let exchange = try begin(&table, "k", .stream)
        #expect(try again(&table, "k", .stream) == .conflict(.inFlight))
        #expect(table.finish(exchange, .streamed, now: at(0)) == [])
        #expect(try again(&table, "k", .stream) == .conflict(.answered))
    }

    @Test func aFailureFreesTheNameAndReachesTheJoiners() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        let joiner = try join(&table, "k")
        #expect(table.finish(exchange, .failed, now: at(0)) == [joiner])
        #expect(table.count == 0)
        #expect(try begin(&table, "k") > joiner, "a ticket is never given twice")
        #expect(table.finish(exchange, .answered("late", bytes: 4), now: at(0)) == [], "the old one is over")
        #expect(table.inFlight == 1 && table.resultBytes == 0)
    }

    @Test func theExchangeGoesOnForAsLongAsSomebodyWaits() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        let joiners = [try join(&table, "k"), try join(&table, "k")]
        #expect(table.ownerLeft(exchange) == true)
        #expect(table.leave(joiner: joiners[0]) == nil)
        #expect(table.leave(joiner: joiners[0]) == nil, "nobody leaves twice")
        #expect(table.leave(joiner: joiners[1]) == exchange)
        #expect(table.count == 0 && table.inFlight == 0)
        #expect(table.ownerLeft(exchange) == false)
    }

    @Test func anOwnerAloneTakesTheExchangeAlong() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        let joiner = try join(&table, "k")
        #expect(table.leave(joiner: joiner) == nil)
        #expect(table.ownerLeft(exchange) == false)
        #expect(try begin(&table, "k") != exchange)
    }

    @Test func whoLeftIsNotWoken() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        let joiners = [try join(&table, "k"), try join(&table, "k"), try join(&table, "k")]
        #expect(table.leave(joiner: joiners[1]) == nil)
        #expect(table.finish(exchange, .failed, now: at(0)) == [joiners[0], joiners[2]])
        #expect(table.leave(joiner: joiners[0]) == nil)
    }

    @Test func whatIsTooLargeToStoreIsRememberedWithoutItsResult() throws {
        var limits = IdempotencyLimits()
        limits.largestResultBytes = 10
        var table = Table(limits: limits)
        let exchange = try begin(&table, "k")
        let joiner = try join(&table, "k")
        #expect(table.finish(exchange, .answered("large", bytes: 11), now: at(0)) == [joiner])
        #expect(try again(&table, "k") == .conflict(.answered))
        #expect(table.resultBytes == 0)
        _ = table.finish(try begin(&table, "l"), .answered("fits", bytes: 10), now: at(0))
        #expect(try again(&table, "l") == .replay("fits"))
    }

    @Test func theLeastRecentlyUsedResultMakesRoomForBytes() throws {
        var limits = IdempotencyLimits()
        (limits.resultBytes, limits.largestResultBytes) = (10, 10)
        var table = Table(limits: limits)
        _ = table.finish(try begin(&table, "stream", .stream), .streamed, now: at(0))
        for text in ["a", "b"] { _ = table.finish(try begin(&table, text), .answered(text, bytes: 5), now: at(0)) }
        #expect(try again(&table, "a") == .replay("a"))
        _ = table.finish(try begin(&table, "c"), .answered("c", bytes: 4), now: at(0))
        #expect(try again(&table, "a") == .replay("a"))
        #expect(table.resultBytes == 9 && table.count == 3)
        #expect(try again(&table, "stream") == .conflict(.answered), "it held no bytes to free")
        _ = try begin(&table, "b")
    }

    @Test func theLeastRecentlyUsedNameMakesRoomForAName() throws {
        var limits = IdempotencyLimits()
        limits.entries = 2
        var table = Table(limits: limits)
        _ = table.finish(try begin(&table, "a"), .answered("a", bytes: 1), now: at(0))
        let open = try begin(&table, "b")
        let other = try begin(&table, "c")
        #expect(try again(&table, "d") == .full, "what is in flight is not pushed out")
        #expect(table.finish(other, .failed, now: at(0)) == [])
        _ = try begin(&table, "a")
        #expect(table.finish(open, .streamed, now: at(0)) == [])
        #expect(table.count == 2)
    }

    @Test func joinersAreBounded() throws {
        var limits = IdempotencyLimits()
        limits.joinersPerExchange = 1
        var table = Table(limits: limits)
        _ = try begin(&table, "k")
        let joiner = try join(&table, "k")
        #expect(try again(&table, "k") == .full)
        #expect(table.leave(joiner: joiner) == nil)
        _ = try join(&table, "k")
    }

    @Test func aNameExpiresAnHourAfterItsAnswerHoweverOftenItIsRepeated() throws {
        var table = Table()
        _ = table.finish(try begin(&table, "k"), .answered("yes", bytes: 3), now: at(100))
        #expect(try again(&table, "k", at: 3_699) == .replay("yes"))
        _ = try begin(&table, "k", at: 3_700)
        #expect(table.resultBytes == 0 && table.count == 1)
    }

    @Test func whatIsInFlightDoesNotExpire() throws {
        var table = Table()
        let exchange = try begin(&table, "k")
        guard case .join(exchange, _) = try again(&table, "k", at: 1_000_000) else {
            Issue.record("it did not join")
            return
        }
    }

    @Test func expiredNamesAreClearedAFewAtATime() throws {
        var table = Table()
        for text in 0..<10 {
            _ = table.finish(try begin(&table, "\(text)"), .answered("yes", bytes: 3), now: at(0))
        }
        _ = try begin(&table, "k", at: 10_000)
        #expect(table.count == 11 - Table.clearedPerCall)
        for text in 0..<2 { _ = try begin(&table, "l\(text)", at: 10_000) }
        #expect(table.count == 3 && table.resultBytes == 0)
    }

    @Test(arguments: ["", "\u{7f}", "a\nb", "é", String(repeating: "k", count: 256)])
    func aNameIsPrintableAndBounded(text: String) {
        #expect(IdempotencyName(principal: "p", text: text) == nil)
    }

    @Test func theLongestNameIsAName() {
        #expect(IdempotencyName(principal: "p", text: String(repeating: "~", count: 255)) != nil)
    }
}
