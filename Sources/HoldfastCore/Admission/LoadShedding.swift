/// Refuses work before it begins when the gateway itself, not a deployment, has too much of it.
///
/// Two signs: event loops that run late, and memory. A late loop delays every stream that is under way, so the least
/// important newcomers go first, and the standard ones only where that did not help. Memory near its bound ends in a
/// killed process, which fails everybody: there nothing new is accepted, and that alone sheds critical exchanges.
///
/// Each level ends by time alone: once its gate has been quiet for `calmNanoseconds`, one level down. The usual second,
/// lower threshold was rejected: resident memory seldom falls, as allocators keep what they have, and a level that waits
/// for a lower figure than the one that began it may wait for ever. The price is that a load just at the gate is let in
/// and shed again every few seconds.
package struct LoadShedding: Sendable {
    package static let lagNanoseconds = 50 * Span.millisecond
    package static let sheddingMemoryPercent = 85
    package static let closingMemoryPercent = 95
    /// Pressure that outlasts the shedding of deferrable exchanges for as long sheds standard ones too. Longer than the
    /// window of `LagWindow`, which shows the lag of before for two seconds.
    package static let escalationNanoseconds = 3 * Span.second
    /// Three levels and the window of `LagWindow` end within 8 s: what was shed is back within 10 s after the load drops.
    package static let calmNanoseconds = 2 * Span.second

    package enum Level: Int, Sendable, Hashable, Comparable, CaseIterable {
        case none
        /// Deferrable exchanges are refused.
        case deferrable
        /// Deferrable and standard exchanges are refused.
        case standard
        /// Nothing is accepted.
        case everything

        package static func < (left: Level, right: Level) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    package private(set) var level = Level.none
    /// Since when the gates have been over their bounds without a break.
    private var pressedSince: Instant?
    /// When the gate of the present level was last seen over its bound, or the level begun.
    private var heldAt = Instant.zero

    package init() {}

    /// To be called every 100 ms or so; between calls the level stays.
    ///
    /// - Parameter boundBytes: what the process may use; nil: unknown, and memory sheds nothing.
    /// - Returns: whether the level changed, for logs, metrics and alerts.
    @discardableResult
    package mutating func observe(
        lagP99Nanoseconds: Int64, residentBytes: Int, boundBytes: Int?, now: Instant
    ) -> Bool {
        let before = level
        let isClosing = Self.isOver(residentBytes, percent: Self.closingMemoryPercent, of: boundBytes)
        let isPressed =
            isClosing || lagP99Nanoseconds > Self.lagNanoseconds
            || Self.isOver(residentBytes, percent: Self.sheddingMemoryPercent, of: boundBytes)
        pressedSince = isPressed ? pressedSince ?? now : nil
        if isClosing {
            level = .everything
        } else if level == .everything {
            // Not all at once: the pressure that remains is looked at from there.
            if isCalm(now: now) { level = .standard }
        } else if isPressed {
            escalate(now: now)
        } else if level > .none, isCalm(now: now) {
            level = level == .standard ? .deferrable : .none
        }
        let isHeld = level == .everything ? isClosing : isPressed
        if isHeld || level != before { heldAt = now }
        return level != before
    }

    private mutating func escalate(now: Instant) {
        guard level == .deferrable else {
            level = max(level, .deferrable)
            return
        }
        if let pressedSince, now.nanoseconds(since: pressedSince) >= Self.escalationNanoseconds { level = .standard }
    }

    private func isCalm(now: Instant) -> Bool {
        now.nanoseconds(since: heldAt) >= Self.calmNanoseconds
    }

    private static func isOver(_ bytes: Int, percent: Int, of bound: Int?) -> Bool {
        guard let bound, bound > 0 else { return false }
        // In this order it cannot overflow; a bound is many times a hundred bytes.
        return bytes > bound / 100 * percent
    }

    package func refuses(_ criticality: Criticality) -> Bool {
        level.rawValue > Self.rank(criticality)
    }

    /// What a refused client is asked to wait: until its class can be let in at the earliest, and up to twice that by
    /// chance, so that those who were refused together do not come back together.
    package func retryAfterNanoseconds(_ criticality: Criticality, random: inout SeededRandom) -> Int64 {
        let levels = Int64(max(level.rawValue - Self.rank(criticality), 1))
        let earliest = levels * Self.calmNanoseconds
        return earliest + random.below(earliest)
    }

    /// The highest level at which the class is still served.
    private static func rank(_ criticality: Criticality) -> Int {
        switch criticality {
        case .deferrable: Level.none.rawValue
        case .standard: Level.deferrable.rawValue
        case .critical: Level.standard.rawValue
        }
    }
}
