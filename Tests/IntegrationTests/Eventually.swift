import Foundation
import Testing

/// What a wait saw when its bound was reached.
struct Expired: Error, CustomStringConvertible {
    var what: String
    var seconds: Double
    var state: String

    var description: String { "not within \(seconds) s: \(what)\n\(state)" }
}

/// Waits for a state with a bound far beyond what it takes, since the machine may be busy; `state` is printed when the
/// bound is reached. Returns the seconds it took.
@discardableResult
func eventually(
    _ what: String, within seconds: Double = 30, state: () async -> String = { "" },
    _ condition: () async throws -> Bool
) async throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    while true {
        if try await condition() { return (clock.now - start).seconds }
        if clock.now - start > .seconds(seconds) {
            throw Expired(what: what, seconds: seconds, state: await state())
        }
        try await clock.sleep(for: .milliseconds(5))
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
