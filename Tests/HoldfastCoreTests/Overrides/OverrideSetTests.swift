import Testing

@testable import HoldfastCore

@Suite struct OverrideSetTests {
    private static let now = OverrideRig.now

    private static func until(_ id: String, _ expiry: Int64, _ effect: OverrideEffect? = nil) -> Override {
        var override = OverrideRig.override(id, effect ?? .drain(.route("chat")))
        override.expiresAtMilliseconds = now + expiry
        return override
    }

    @Test func itIsSortedByAgeAndThenById() throws {
        let drain = OverrideEffect.drain(.route("chat"))
        let set = try OverrideRig.set([
            OverrideRig.override("c", drain), OverrideRig.override("b", drain, ago: 5),
            OverrideRig.override("a", drain), OverrideRig.override("d", drain, ago: 9),
        ])
        #expect(set.overrides.map(\.id) == ["d", "b", "a", "c"])
    }

    @Test func anIdIsTakenOnce() throws {
        var set = try OverrideRig.set([Self.until("a", 1)])
        #expect(throws: OverrideSet.Refusal.idIsTaken) { try set.add(Self.until("a", 2)) }
        #expect(set.overrides.map(\.expiresAtMilliseconds) == [Self.now + 1])
    }

    @Test func itHasABound() throws {
        var set = OverrideSet()
        for number in 0..<OverrideSet.most { try set.add(Self.until("o-\(number)", 1)) }
        #expect(throws: OverrideSet.Refusal.full) { try set.add(Self.until("more", 1)) }
        #expect(set.overrides.count == 1_000)
        set.clear(id: "o-7")
        try set.add(Self.until("more", 1))
        for refusal in [OverrideSet.Refusal.full, .idIsTaken] {
            #expect(!refusal.message.isEmpty && !refusal.mend.isEmpty)
        }
    }

    @Test func anOverrideEndsAtItsExpiryByItself() throws {
        var set = try OverrideRig.set([Self.until("short", 10), Self.until("long", 20)])
        #expect(set.inForce(nowMilliseconds: Self.now + 9).map(\.id) == ["long", "short"])
        #expect(set.inForce(nowMilliseconds: Self.now + 10).map(\.id) == ["long"])
        #expect(set.inForce(nowMilliseconds: Self.now + 20).isEmpty)
        #expect(set.nextExpiry(nowMilliseconds: Self.now) == Self.now + 10)
        #expect(set.nextExpiry(nowMilliseconds: Self.now + 10) == Self.now + 20)
        #expect(set.nextExpiry(nowMilliseconds: Self.now + 20) == nil)
        #expect(set.removeExpired(nowMilliseconds: Self.now + 10).map(\.id) == ["short"])
        #expect(set.overrides.map(\.id) == ["long"])
        #expect(set.clear(id: "short") == nil && set.clear(id: "long")?.id == "long")
    }

    @Test func aRestrictionStaysUntilAPersonClearsIt() throws {
        let restriction = Self.until("r", 10, .restrict(.jurisdiction("us")))
        #expect(restriction.ending == .byAPerson)
        var set = try OverrideRig.set([restriction, Self.until("d", 10)])
        let later = Self.now + 400 * OverrideRig.day
        #expect(set.inForce(nowMilliseconds: later).map(\.id) == ["r"])
        #expect(set.removeExpired(nowMilliseconds: later).map(\.id) == ["d"])
        #expect(!restriction.isOverdue(nowMilliseconds: Self.now + 9))
        #expect(restriction.isOverdue(nowMilliseconds: Self.now + 10))
        #expect(!Self.until("d", 10).isOverdue(nowMilliseconds: later))
        // The day it is overdue is something to wake up for.
        #expect(set.nextExpiry(nowMilliseconds: Self.now) == Self.now + 10)
        #expect(OverrideRig.snapshot.applying(set, nowMilliseconds: Self.now + 9).effects.overdue.isEmpty)
        let effects = OverrideRig.snapshot.applying(set, nowMilliseconds: later).effects
        #expect(effects.overdue == ["r"] && effects.restricted[0] == ["r"])
        #expect(set.clear(id: "r") != nil)
        #expect(OverrideRig.snapshot.applying(set, nowMilliseconds: later).effects.restricted[0].isEmpty)
    }
}
