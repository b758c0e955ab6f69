import Testing

@testable import HoldfastCore

/// When alerts begin and end.
@Suite struct AlertBookTests {
    /// A gateway or two, looked at once a second.
    struct World {
        var book: AlertBook
        var second: Int64 = 0
        var sights = AlertSights(today: CalendarDay(daysSince1970: 0))

        init(firing: [Alert] = []) {
            book = AlertBook(firing: firing, now: .zero)
            sights.restrictions = []
            sights.retiring = []
            sights.backup = .lastVerified(age: 0, problem: nil)
        }

        mutating func say(_ id: String, _ breaker: AlertSights.Trouble.Breaker?, saysAll: Bool = true) {
            sights.gateways.removeAll { $0.id == id }
            sights.gateways.append(
                .init(
                    id: id, silentNanoseconds: 0, generation: 1, target: 1,
                    troubles: breaker.map { [.init("a/m", breaker: $0)] } ?? [], saysAll: saysAll))
        }

        mutating func fallSilent(_ id: String) {
            for place in sights.gateways.indices where sights.gateways[place].id == id {
                sights.gateways[place].silentNanoseconds = Span.hour
            }
        }

        /// Goes on so long, and says what happened on the way.
        mutating func run(seconds: Int64) -> [String] {
            (0..<seconds).flatMap { _ in
                second += 1
                let now = Instant(nanoseconds: second * Span.second)
                return book.look(sights.findings, now: now, nowMilliseconds: second * 1_000)
            }.map(\.event)
        }
    }

    private static let hold = AlertKind.breaker.holdNanoseconds / Span.second
    private static let clear = AlertKind.breaker.clearNanoseconds / Span.second

    @Test func itFiresOnceItHasHeldAndEndsOnceItWasOver() {
        var world = World()
        world.say("g", .open)
        #expect(world.run(seconds: Self.hold) == [])
        #expect(world.run(seconds: 1) == ["breaker.opened"])
        #expect(world.run(seconds: 100) == [], "once")
        world.say("g", nil)
        #expect(world.run(seconds: Self.clear) == [])
        #expect(world.run(seconds: 1) == ["breaker.closed"])
        #expect(world.book.firing.isEmpty)
    }

    @Test func whatIsOverBeforeItHasHeldIsNothing() {
        var world = World()
        for _ in 0..<10 {
            world.say("g", .open)
            #expect(world.run(seconds: Self.hold) == [])
            world.say("g", nil)
            #expect(world.run(seconds: 1) == [])
        }
    }

    @Test func oneThatOpensAgainAndAgainIsOneAlert() {
        var world = World()
        world.say("g", .open)
        #expect(world.run(seconds: Self.hold + 1) == ["breaker.opened"])
        for _ in 0..<10 {
            world.say("g", nil)
            #expect(world.run(seconds: Self.clear) == [])
            world.say("g", .open)
            #expect(world.run(seconds: 1) == [])
        }
    }

    @Test func aSilentGatewayNeitherBeginsNorEndsAnAlert() {
        var world = World()
        world.say("g", .open)
        #expect(world.run(seconds: Self.hold + 1) == ["breaker.opened"])
        world.fallSilent("g")
        #expect(world.run(seconds: 1) == ["gateway.silent"])
        #expect(world.run(seconds: 10 * Self.clear) == [], "unknown is not over")
        world.say("g", nil)
        #expect(world.run(seconds: Self.clear + 1).sorted() == ["breaker.closed", "gateway.back"])
        world.say("g", .open)
        world.fallSilent("g")
        #expect(!world.run(seconds: Self.clear).contains("breaker.opened"), "what nobody says does not fire anew")
    }

    @Test func whatOneOfTwoSaidLastIsNotUndoneByTheOther() {
        var world = World()
        world.say("g", .open)
        world.say("h", .open)
        #expect(world.run(seconds: Self.hold + 1) == ["breaker.opened"])
        world.fallSilent("h")
        #expect(world.run(seconds: 5) == ["gateway.silent"])
        #expect(world.book.firing.first { $0.key.kind == .breaker }?.condition.gateways == ["g", "h"])
        world.say("g", nil)
        #expect(world.run(seconds: 2 * Self.clear) == [])
        world.say("h", nil)
        #expect(world.run(seconds: Self.clear + 1).contains("breaker.closed"))
    }

    @Test func aBreakerThatTriesItselfOutIsNotClosed() {
        var world = World()
        world.say("g", .open)
        #expect(world.run(seconds: Self.hold + 1) == ["breaker.opened"])
        world.say("g", .halfOpen)
        #expect(world.run(seconds: 5 * Self.clear) == [])
    }

    @Test func aGatewayThatDoesNotSayAllEndsNothing() {
        var world = World()
        world.say("g", .open)
        #expect(world.run(seconds: Self.hold + 1) == ["breaker.opened"])
        world.say("g", nil, saysAll: false)
        #expect(world.run(seconds: 5 * Self.clear) == [])
    }

    @Test func whatFiredBeforeARestartEndsWhenItIsSeenToBeOver() {
        let before = Condition(.breaker, "a/m", .warning, summary: "it is open", mend: "wait", gateways: ["g"])
        var world = World(firing: [Alert(before, startedAt: -5)])
        #expect(world.run(seconds: 600) == [], "nobody was heard yet")
        #expect(world.book.firing.map(\.startedAt) == [-5])
        world.say("g", nil)
        #expect(world.run(seconds: Self.clear + 1) == ["breaker.closed"])
    }

    @Test func nobodyWaitsForAMachineThatWasTakenAway() {
        let before = Condition(.gatewaySilent, "g", .critical, summary: "silent", mend: "look", gateways: ["g"])
        var world = World(firing: [Alert(before, startedAt: 0)])
        let hours = AlertBook.forgottenNanoseconds / Span.second
        #expect(world.run(seconds: hours - 1) == [])
        #expect(world.run(seconds: 11) == ["gateway.back"])
    }

    @Test func moreSeriousIsSaid() {
        var world = World()
        let day = CalendarDay(daysSince1970: 30)
        world.sights.retiring = [.init(deployment: "a/m", day: day, replacement: nil)]
        #expect(world.run(seconds: 2) == ["retirement.announced"])
        world.sights.today = day.advanced(byDays: -7)
        #expect(world.run(seconds: 2) == ["retirement.changed"])
        world.sights.retiring = []
        #expect(world.run(seconds: 2) == ["retirement.settled"])
    }

    @Test func whatIsUnknownOfThePlaneItselfEndsNothing() {
        var world = World()
        world.sights.restrictions = [.init(id: "r", target: "vendor a", author: "alice", reason: "law")]
        #expect(world.run(seconds: 1) == ["restriction.began"])
        world.sights.restrictions = nil
        #expect(world.run(seconds: 100) == [])
        world.sights.restrictions = []
        #expect(world.run(seconds: 1) == ["restriction.ended"])
    }

    @Test func thereAreNeverMoreThanFit() {
        var world = World()
        world.sights.restrictions = (0..<AlertBook.most + 5).map {
            .init(id: "r\($0)", target: "vendor a", author: "alice", reason: "law")
        }
        #expect(world.run(seconds: 1).count == AlertBook.most)
        #expect(world.book.beyond == 5)
        world.sights.restrictions?.removeAll { $0.id.hasSuffix("0") }
        let after = world.run(seconds: 2)
        #expect(after.contains("restriction.ended") && after.contains("restriction.began"), "their turn comes")
        #expect(world.book.beyond == 0)
    }
}
