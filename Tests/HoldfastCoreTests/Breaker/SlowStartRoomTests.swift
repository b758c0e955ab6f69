import HoldfastCore
import Testing

@Suite struct SlowStartRoomTests {
    private static func width(_ admits: (Int) -> Bool) -> Int { (0..<1_000).prefix { admits($0) }.count }

    private static func room(after outcomes: [(AttemptOutcome, inFlight: Int)]) -> Int {
        var room = SlowStartRoom()
        for (outcome, inFlight) in outcomes { room.settle(outcome, inFlight: inFlight) }
        return width(room.admitsAll)
    }

    private static func times(_ count: Int, _ outcome: AttemptOutcome, inFlight: Int) -> [(
        AttemptOutcome, inFlight: Int
    )] {
        Array(repeating: (outcome, inFlight), count: count)
    }

    @Test func eachAnswerAddsOneAndAFailureTakesAQuarter() {
        let answered = Self.times(12, .ok, inFlight: 16)
        #expect(Self.room(after: []) == 4)
        #expect(Self.room(after: answered) == 16)
        #expect(Self.room(after: answered + Self.times(5, .neutral, inFlight: 16)) == 16)
        #expect(Self.room(after: answered + Self.times(1, .fail, inFlight: 16)) == 12)
        #expect(Self.room(after: answered + Self.times(2, .fail, inFlight: 16)) == 9)
        #expect(Self.room(after: Self.times(20, .fail, inFlight: 5)) == 1, "there is always room for one")
    }

    @Test func fromWhereItLastFailedItGrowsSlowly() {
        let failed = Self.times(12, .ok, inFlight: 16) + Self.times(1, .fail, inFlight: 14)
        #expect(Self.room(after: failed) == 10)
        #expect(Self.room(after: failed + Self.times(3, .ok, inFlight: 13)) == 13)
        #expect(Self.room(after: failed + Self.times(3 + 12, .ok, inFlight: 13)) == 13)
        #expect(Self.room(after: failed + Self.times(3 + 13, .ok, inFlight: 13)) == 14, "when all of it was answered")
    }

    @Test func whatIsNotUsedDoesNotGrow() {
        let idle = Self.times(100, .ok, inFlight: 3)
        #expect(Self.room(after: idle) == 7)
        #expect(Self.room(after: idle + Self.times(1, .fail, inFlight: 4)) == 3, "and is not what a failure takes from")
    }

    @Test func aShareIsBoundedOnlySinceOneOfItFailed() {
        var room = SlowStartRoom()
        room.settle(.ok, inFlight: 40)
        #expect(Self.width(room.admits) == 1_000)
        room.settle(.fail, inFlight: 40)
        #expect(Self.width(room.admits) == 3)
    }
}
