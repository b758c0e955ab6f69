/// How many attempts at once a deployment in slow start is trusted with, by what became of those before: one more with each
/// answer up to where it last failed, from there on one more when all of it was answered, and a quarter less with each
/// failure: congestion control (RFC 5681, with the factor of CUBIC, RFC 9438). A share of the traffic bounds nothing where
/// clients ask again for what they did not get: all whom an open breaker turned away come together, and those whom the
/// deployment then turns away open the breaker again, for as long as they keep coming.
///
/// What it could do before it failed was rejected as the measure: that says little about what it can do now.
package struct SlowStartRoom: Sendable {
    package static let first = 4

    private var room = SlowStartRoom.first
    /// In flight beside the last that failed.
    private var ceiling: Int?
    private var answered = 0

    package init() {}

    /// For a share of the traffic, that is small to begin with: bounded since one of it failed.
    package func admits(inFlight: Int) -> Bool {
        ceiling == nil || inFlight < room
    }

    /// For everything, because nobody else is left: bounded from the start.
    package func admitsAll(inFlight: Int) -> Bool {
        inFlight < room
    }

    /// - Parameter inFlight: with the attempt that has ended.
    package mutating func settle(_ outcome: AttemptOutcome, inFlight: Int) {
        switch outcome {
        case .neutral: break
        // What is not used says nothing about what could be.
        case .ok:
            // What is not used says nothing about what could be.
            guard room <= 2 * inFlight else { return }
            answered += 1
            guard room < ceiling ?? .max || answered >= room else { return }
            room += 1
            answered = 0
        case .fail:
            ceiling = max(inFlight - 1, 1)
            room = max(min(room, inFlight) * 3 / 4, 1)
            answered = 0
        }
    }
}
