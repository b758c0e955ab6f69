import HoldfastCore
import Testing

@Suite struct SnapshotSequenceTests {
    @Test func onlyAHigherNumberIsAdopted() {
        var sequence = SnapshotSequence(inForce: 3)
        let arriving: [UInt64] = [3, 2, 0, 7, 5, 7, 8, .max, .max, 9]
        let adopted = arriving.filter { sequence.adopts($0) }
        #expect(adopted == [7, 8, .max])
        #expect(sequence.inForce == .max)
    }

    @Test func anOlderContentComesBackUnderANewNumber() {
        var sequence = SnapshotSequence(inForce: 1)
        let contents = ["a", "b", "a"]
        var inForce = contents[0]
        // The second is late: it would undo the third.
        for number in [3, 2, 1] where sequence.adopts(UInt64(number)) { inForce = contents[number - 1] }
        #expect(inForce == "a" && sequence.inForce == 3)
    }
}
