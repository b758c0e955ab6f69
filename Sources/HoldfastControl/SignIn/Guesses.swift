import HoldfastAPI
import HoldfastCore
import Synchronization

/// Counts wrong tokens and wrong codes together, so that neither can be guessed beside the other.
final class Guesses: Sendable {
    private let throttle = Mutex(GuessThrottle())
    private let audit: AuditLog

    init(audit: AuditLog) {
        self.audit = audit
    }

    /// Records one, unless this address has failed too often of late: whoever guesses must not fill the log either.
    ///
    /// - Parameters:
    ///   - target: what was asked for.
    ///   - peer: an address; nil: of this machine.
    /// - Throws: `ProblemView.tooManyGuesses`, or what the log cannot take.
    func record(_ target: String, peer: String?, now: Int64) async throws {
        let block = GuessThrottle.block(ofAddress: peer)
        guard throttle.withLock({ $0.recordFailure(block: block, now: MonotonicClock.read()) }) else {
            throw ProblemView.tooManyGuesses
        }
        let nobody = Actor(principal: "unknown", kind: "unknown")
        try await audit.note(AuditEvent(nobody, "sign-in.refused", target, ["peer": peer ?? ""]), now: now)
    }
}
