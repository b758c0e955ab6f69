import Testing

@testable import HoldfastCore

@Suite struct RestoredNumberTests {
    private static let now: Int64 = 1_800_000_000_000

    private func first(_ newest: UInt64, _ replaced: UInt64 = 0, at now: Int64 = now) -> UInt64 {
        RestoredNumber.first(newest: newest, replaced: replaced, nowMilliseconds: now)
    }

    @Test func itIsAboveAllThatGatewaysCanHave() {
        #expect(first(42) == 1_800_000_000)
        #expect(first(0) == 1_800_000_000)
        #expect(first(1_800_000_500) == 1_801_000_500, "restored before, or many made")
        #expect(first(42, 1_900_000_000) == 1_901_000_000, "what is replaced counts too")
    }

    @Test func aClockThatIsWrongLeavesTheRoom() {
        for wrong in [Int64.min, -1, 0, 60_000] { #expect(first(42, 50, at: wrong) == 1_000_050) }
    }

    @Test func theSameBackupAgainComesAfterTheFirst() {
        let once = first(42)
        // An hour later, and in between as many generations as there were seconds.
        #expect(first(42, at: Self.now + 3_600_000) >= once + 3_600)
    }

    @Test func itAlwaysFitsTheStore() {
        for newest: UInt64 in [.max, .max - 1, RestoredNumber.most] {
            #expect(first(newest) == RestoredNumber.most)
        }
        #expect(first(0, at: .max) <= UInt64(Int64.max))
        #expect(RestoredNumber.most + 1_000_000 < UInt64(Int64.max))
    }

    @Test func aGatewayThatIsAheadTakesIt() throws {
        var ahead = SnapshotAcceptance(origin: "key", number: 57, bytes: 1_000, routes: 3)
        let next = SnapshotOffer(formatVersion: 1, number: 43, origin: "key", bytes: 1_000, routes: 3)
        #expect(throws: SnapshotRefusal.older(number: 43, inForce: 57)) { try ahead.accept(next) }
        var jumped = next
        jumped.number = first(42)
        try ahead.accept(jumped)
    }
}
