/// Which alerts are firing, and what has changed since the last look.
///
/// A condition must hold for a while before it fires and be seen to be over for a while before it is resolved; each kind
/// says for how long. What is undecided stops both clocks: an alert ends because somebody saw that it is over, and never
/// because nobody looked. The one exception is a gateway that was not heard for `forgottenNanoseconds`: nobody waits for
/// a machine that was taken away.
package struct AlertBook: Sendable {
    /// Far more than anybody can look at. What is beyond it is counted, and its turn comes when others end.
    package static let most = 1_000
    /// As long as the management plane remembers a gateway at all.
    package static let forgottenNanoseconds = 24 * Span.hour

    private struct Entry: Sendable {
        var condition: Condition
        var holdsSince: Instant
        var overSince: Instant?
        /// Milliseconds since 1970; nil: it does not fire yet.
        var startedAt: Int64?
    }

    private var entries: [AlertKey: Entry] = [:]
    private let startedAt: Instant
    /// Conditions that there was no room for at the last look.
    package private(set) var beyond = 0

    /// - Parameter firing: of a process before this one; nobody has been heard since.
    package init(firing: [Alert] = [], now: Instant) {
        startedAt = now
        for alert in firing.prefix(Self.most) {
            entries[alert.key] = Entry(condition: alert.condition, holdsSince: now, startedAt: alert.startedAt)
        }
    }

    /// By key.
    package var firing: [Alert] {
        entries.values.compactMap { entry in entry.startedAt.map { Alert(entry.condition, startedAt: $0) } }
            .sorted { $0.key < $1.key }
    }

    /// - Parameter nowMilliseconds: since 1970, for what is told; waits are measured by `now`.
    package mutating func look(
        _ found: AlertSights.Findings, now: Instant, nowMilliseconds: Int64
    ) -> [AlertChange] {
        var changes: [AlertChange] = []
        beyond = 0
        for condition in found.holding {
            note(condition, found, now: now, nowMilliseconds: nowMilliseconds, &changes)
        }
        let holding = Set(found.holding.map(\.key))
        for key in entries.keys.filter({ !holding.contains($0) }).sorted() {
            pass(key, found, now: now, nowMilliseconds: nowMilliseconds, &changes)
        }
        return changes
    }

    private mutating func note(
        _ condition: Condition, _ found: AlertSights.Findings, now: Instant, nowMilliseconds: Int64,
        _ changes: inout [AlertChange]
    ) {
        guard var entry = entries[condition.key] ?? room(for: condition, now: now) else {
            beyond += 1
            return
        }
        let before = entry.condition
        entry.condition = condition
        // Whoever said so and was not heard since says so still.
        let others = unheard(before, found, now: now)
        if !others.isEmpty { entry.condition.gateways = Set(condition.gateways).union(others).sorted() }
        entry.overSince = nil
        if let startedAt = entry.startedAt {
            if before.severity != condition.severity {
                changes.append(
                    AlertChange(.changed, Alert(entry.condition, startedAt: startedAt), at: nowMilliseconds))
            }
        } else if now.nanoseconds(since: entry.holdsSince) >= condition.key.kind.holdNanoseconds {
            entry.startedAt = nowMilliseconds
            changes.append(
                AlertChange(.fired, Alert(entry.condition, startedAt: nowMilliseconds), at: nowMilliseconds))
        }
        entries[condition.key] = entry
    }

    private func room(for condition: Condition, now: Instant) -> Entry? {
        entries.count < Self.most ? Entry(condition: condition, holdsSince: now) : nil
    }

    /// It was not seen to hold.
    private mutating func pass(
        _ key: AlertKey, _ found: AlertSights.Findings, now: Instant, nowMilliseconds: Int64,
        _ changes: inout [AlertChange]
    ) {
        guard var entry = entries[key] else { return }
        guard let startedAt = entry.startedAt else {
            entries[key] = nil
            return
        }
        let isUndecided =
            found.undecided.contains(key) || found.undecidedKinds.contains(key.kind)
            || !unheard(entry.condition, found, now: now).isEmpty
        if isUndecided {
            entry.overSince = nil
        } else {
            let since = entry.overSince ?? now
            entry.overSince = since
            if now.nanoseconds(since: since) >= key.kind.clearNanoseconds {
                entries[key] = nil
                changes.append(
                    AlertChange(.resolved, Alert(entry.condition, startedAt: startedAt), at: nowMilliseconds))
                return
            }
        }
        entries[key] = entry
    }

    /// Of those who said that it holds, the ones whose word is still waited for.
    private func unheard(_ condition: Condition, _ found: AlertSights.Findings, now: Instant) -> [String] {
        let speaksOfOthers = condition.key.kind == .breaker || condition.key.kind == .suspension
        let heard = speaksOfOthers ? found.heardWhole : found.heard
        let isWaitedFor = now.nanoseconds(since: startedAt) < Self.forgottenNanoseconds
        return condition.gateways.filter { !heard.contains($0) && (found.known.contains($0) || isWaitedFor) }
    }
}
