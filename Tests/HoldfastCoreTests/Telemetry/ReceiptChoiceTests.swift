import Testing

@testable import HoldfastCore

@Suite struct ReceiptChoiceTests {
    @Test func allWhereTheyAreFew() {
        #expect(ReceiptChoice.places(notable: [], most: 4) == [])
        #expect(ReceiptChoice.places(notable: [false, true, false], most: 3) == [0, 1, 2])
    }

    @Test func halfOfThePlacesAreForWhatWentWrong() {
        let notable = [false, false, false, true, false, true, true, false, true]
        #expect(ReceiptChoice.places(notable: notable, most: 4) == [0, 1, 3, 5])
        #expect(ReceiptChoice.places(notable: [false, false, false, false, true], most: 4) == [0, 1, 2, 4])
        #expect(ReceiptChoice.places(notable: Array(repeating: true, count: 9), most: 4) == [0, 1, 2, 3])
        #expect(ReceiptChoice.places(notable: [true, false], most: 1) == [0])
        #expect(ReceiptChoice.places(notable: [true, false], most: 0) == [])
    }

    @Test func asManyAsMayBeAndNoneTwice() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<500 {
            let notable = (0..<random.below(40)).map { _ in random.below(3) == 0 }
            let most = Int(random.below(20))
            let places = ReceiptChoice.places(notable: notable, most: most)
            #expect(places.count == min(most, notable.count) && Set(places).count == places.count)
            #expect(places == places.sorted())
        }
    }
}
