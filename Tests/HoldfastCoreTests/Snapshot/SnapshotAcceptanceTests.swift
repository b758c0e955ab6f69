import Testing

@testable import HoldfastCore

@Suite struct SnapshotAcceptanceTests {
    private static let inForce = SnapshotAcceptance(origin: "key-a", number: 5, bytes: 1_000_000, routes: 100)
    private static let good = SnapshotOffer(
        formatVersion: 1, number: 6, origin: "key-a", bytes: 1_000_000, routes: 100)

    private static func refusal(
        of acceptance: SnapshotAcceptance = inForce, _ change: (inout SnapshotOffer) -> Void
    ) -> SnapshotRefusal? {
        var (acceptance, offer) = (acceptance, good)
        change(&offer)
        let before = acceptance
        do throws(SnapshotRefusal) {
            try acceptance.accept(offer)
            #expect(acceptance.numberInForce == offer.number)
            return nil
        } catch {
            #expect(acceptance == before, "what is refused changes nothing")
            #expect(!error.message.isEmpty && !error.mend.isEmpty)
            return error
        }
    }

    @Test func aNewerOneIsTakenAndIsTheOneInForceThen() {
        #expect(Self.refusal { _ in } == nil)
        #expect(Self.refusal { $0.number = .max } == nil)
        var acceptance = Self.inForce
        #expect(throws: Never.self) { try acceptance.accept(Self.good) }
        #expect(throws: SnapshotRefusal.alreadyInForce(number: 6)) { try acceptance.accept(Self.good) }
    }

    @Test func numbersOnlyRise() {
        #expect(Self.refusal { $0.number = 5 } == .alreadyInForce(number: 5))
        #expect(Self.refusal { $0.number = 4 } == .older(number: 4, inForce: 5))
        #expect(Self.refusal { $0.number = 0 } == .older(number: 0, inForce: 5))
        #expect(Self.refusal { $0.number = 4 }?.mend.contains("higher number") == true)
    }

    @Test func theNumbersOfAnotherOriginMeanNothingHere() {
        for number in [4, 5, 6] as [UInt64] {
            let refusal = Self.refusal {
                $0.origin = "key-b\u{1B}"
                $0.number = number
                $0.isConfirmed = true
            }
            #expect(refusal == .fromAnotherOrigin("key-b\u{1B}"))
            #expect(refusal?.message.contains("'key-b\u{FFFD}'") == true && refusal?.mend.contains("enrol") == true)
        }
    }

    @Test func aFormThatIsNotKnownIsRefusedBeforeAllElse() {
        let refusal = Self.refusal { $0 = SnapshotOffer(formatVersion: 2, number: 0, origin: "", bytes: 0, routes: 0) }
        #expect(refusal == .fromANewerVersion(format: 2))
        #expect(refusal?.message.contains("from a newer version") == true)
        #expect(refusal?.mend.contains("upgrade the gateway first") == true)
        #expect(Self.refusal { $0.formatVersion = 0 } == .fromANewerVersion(format: 0))
    }

    @Test func withoutARouteThereIsNothingToServe() {
        for routes in [0, -1, .min] {
            #expect(
                Self.refusal {
                    $0.routes = routes
                    $0.isConfirmed = true
                } == .noRoutes)
        }
        #expect(Self.refusal(of: SnapshotAcceptance(origin: "key-a")) { $0.routes = 0 } == .noRoutes)
    }

    @Test func sizeHasABoundThatNobodyConfirms() {
        for bytes in [0, -1, SnapshotAcceptance.mostBytes + 1, .max] {
            #expect(
                Self.refusal {
                    $0.bytes = bytes
                    $0.isConfirmed = true
                } == .beyondBounds(bytes: bytes))
        }
    }

    @Test(
        arguments: [
            // bytes, routes; of the one in force 1 000 000 and 100
            (10_000_000, 100, nil), (10_000_001, 100, .muchLarger(bytes: 10_000_001, inForce: 1_000_000)),
            (1, 100, nil), (1_000_000, 1_000, nil), (1_000_000, 1_001, .manyMoreRoutes(1_001, inForce: 100)),
            (1_000_000, .max, .manyMoreRoutes(.max, inForce: 100)),
            (1_000_000, 11, nil), (1_000_000, 10, .fewRoutesLeft(10, inForce: 100)),
            (1_000_000, 1, .fewRoutesLeft(1, inForce: 100)),
        ] as [(Int, Int, SnapshotRefusal?)])
    func whatGrowsOrShrinksTenfoldHasToBeMeant(bytes: Int, routes: Int, refusal: SnapshotRefusal?) {
        let found = Self.refusal { ($0.bytes, $0.routes) = (bytes, routes) }
        #expect(found == refusal)
        #expect(found == nil || found?.mend.contains("confirmed: true") == true)
        #expect(Self.refusal { ($0.bytes, $0.routes, $0.isConfirmed) = (bytes, routes, true) } == nil)
        #expect(
            Self.refusal(of: SnapshotAcceptance(origin: "key-a")) { ($0.bytes, $0.routes) = (bytes, routes) } == nil,
            "there is nothing to compare the first with")
    }

    @Test func smallOnesGrowAsTheyLike() {
        let small = SnapshotAcceptance(origin: "key-a", number: 5, bytes: 1_000, routes: 1)
        #expect(Self.refusal(of: small) { ($0.bytes, $0.routes) = (256 << 10, 20) } == nil)
        #expect(
            Self.refusal(of: small) { ($0.bytes, $0.routes) = ((256 << 10) + 1, 20) }
                == .muchLarger(bytes: (256 << 10) + 1, inForce: 1_000))
        #expect(
            Self.refusal(of: small) { ($0.bytes, $0.routes) = (1_000, 21) } == .manyMoreRoutes(21, inForce: 1))
        let nine = SnapshotAcceptance(origin: "key-a", number: 5, bytes: 1_000, routes: 9)
        #expect(Self.refusal(of: nine) { ($0.bytes, $0.routes) = (1_000, 1) } == nil)
    }
}
