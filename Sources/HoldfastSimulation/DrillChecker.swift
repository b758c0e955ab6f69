import HoldfastCore

/// Holds the drills of one gateway to their word: nothing is failed on purpose outside of a lease or after an order's end,
/// an order is begun once and from the management plane alone, and what is said of it is what was. Keeps its own account,
/// by event and not by count, and shares no code with what it watches.
struct DrillChecker: Sendable {
    struct Ended: Sendable {
        var at: Instant
        var startedAt: Instant
        var criticality: Criticality
        var fate: DrillFate
        var metOrders: [String]
    }

    private struct Account: Sendable {
        var order: FaultOrder
        var targets: Set<String>
        /// Which of them were out when somebody looked last before it began.
        var unwell: Set<String>
        var beginsAt: Instant
        /// The first of: its lease, its clearing, a stop condition, an unsteady baseline.
        var endsAt: Instant
        var isRefused = false
        var events: [Ended] = []
    }

    private var accounts: [String: Account] = [:]
    private var seen: Set<String> = []
    private(set) var violations: [String] = []
    private(set) var injected = 0
    var begun: Int { accounts.count }

    mutating func delivered(_ offers: [FaultLeases.Offer], isLive: Bool, unwell: Set<String> = [], now: Instant) {
        passed(now)
        for id in accounts.keys.sorted() where !offers.contains(where: { $0.id == id }) { end(id, at: now) }
        for offer in offers where seen.insert(offer.id).inserted && isLive {
            let beginsAt = now.advanced(byNanoseconds: offer.order.baselineMilliseconds * Span.millisecond)
            accounts[offer.id] = Account(
                order: offer.order, targets: offer.scope.targets,
                unwell: unwell.intersection(offer.scope.targets), beginsAt: beginsAt,
                endsAt: beginsAt.advanced(byNanoseconds: offer.order.leaseMilliseconds * Span.millisecond))
        }
    }

    mutating func looked(unwell: Set<String>, now: Instant) {
        passed(now)
        for (id, account) in accounts where now < account.beginsAt {
            accounts[id]?.unwell = unwell.intersection(account.targets)
        }
    }

    /// What began by then with nothing left to fail has failed nothing.
    private mutating func passed(_ now: Instant) {
        for (id, account) in accounts where now >= account.beginsAt && account.endsAt > account.beginsAt {
            guard !account.targets.isEmpty, account.targets == account.unwell else { continue }
            accounts[id]?.isRefused = true
            accounts[id]?.endsAt = account.beginsAt
        }
    }

    private mutating func end(_ id: String, at instant: Instant) {
        guard let account = accounts[id], instant < account.endsAt else { return }
        accounts[id]?.endsAt = instant
        if instant < account.beginsAt { accounts[id]?.isRefused = true }
    }

    mutating func failed(by id: String, now: Instant) {
        passed(now)
        injected += 1
        guard let account = accounts[id] else {
            violations.append("\(id) fails an attempt and was never begun")
            return
        }
        if now < account.beginsAt || now >= account.endsAt || account.isRefused {
            violations.append(
                "\(id) fails an attempt at \(now.nanoseconds / Span.millisecond) ms, and its time is "
                    + "\(account.beginsAt.nanoseconds / Span.millisecond) to "
                    + "\(account.endsAt.nanoseconds / Span.millisecond) ms")
        }
        if account.order.fault == .sham { violations.append("the sham \(id) fails an attempt") }
    }

    mutating func ended(_ event: Ended) {
        passed(event.at)
        for id in accounts.keys.sorted() {
            // Of two that end at the same instant, the one that makes it refused is the last to count.
            guard let account = accounts[id], !account.isRefused else { continue }
            accounts[id]?.events.append(event)
            guard event.fate == .lost, event.at < account.endsAt else { continue }
            if event.at < account.beginsAt || isTooMuch(id) { end(id, at: event.at) }
        }
    }

    /// Counted anew, over all that has ended since it began.
    private func isTooMuch(_ id: String) -> Bool {
        guard let account = accounts[id] else { return false }
        let since = account.events.filter { $0.at >= account.beginsAt }
        let lost = since.filter { $0.fate == .lost }
        let critical = lost.count { $0.criticality == .critical }
        if critical >= account.order.stop.lostCritical { return true }
        return since.count >= 20 && lost.count * 100 >= account.order.stop.lostPercent * since.count
    }

    // MARK: - What was said of it

    mutating func finish(_ watches: [DrillWatch]) {
        for id in accounts.keys.sorted() {
            guard let account = accounts[id] else { continue }
            guard let watch = watches.first(where: { $0.id == id }) else {
                violations.append("\(id) was begun, and nothing is said of it")
                continue
            }
            violations += lies(of: watch, account).map { "\(id): \($0)" }
        }
        for watch in watches where accounts[watch.id] == nil {
            violations.append("\(watch.id) was begun from a disk, or again")
        }
    }

    private func lies(of watch: DrillWatch, _ account: Account) -> [String] {
        var lies: [String] = []
        guard let overAt = watch.overAt else { return ["it is looked at for ever"] }
        if watch.endedAt != account.endsAt { lies.append("it ended at another time than it says") }
        if (watch.phase == .refused) != account.isRefused { lies.append("whether it failed anything is not so") }
        let after = overAt.nanoseconds(since: account.endsAt)
        if !account.isRefused, after < DrillWatch.steadyNanoseconds { lies.append("it is over too soon") }
        let events = account.events.filter { account.isRefused || $0.at < overAt }
        let (before, since) = (
            events.filter { $0.at < account.beginsAt }, events.filter { $0.at >= account.beginsAt }
        )
        if watch.baseline != counts(before) { lies.append("its baseline is miscounted") }
        for criticality in Criticality.allCases
        where watch.counts(of: criticality) != counts(since.filter { $0.criticality == criticality }) {
            lies.append("what is \(criticality) is miscounted")
        }
        if watch.met < since.count(where: { $0.metOrders.contains(watch.id) }) { lies.append("more met it") }
        if !account.isRefused, watch.recoveredAt != recovered(since, account.beginsAt) {
            lies.append("it recovered at another time")
        }
        return lies
    }

    private func counts(_ events: [Ended]) -> DrillCounts {
        events.reduce(into: DrillCounts()) { $0.count($1.fate) }
    }

    /// The first row of five good ones that nothing breaks within a minute, by trying each of them as its start.
    private func recovered(_ events: [Ended], _ beginsAt: Instant) -> Instant? {
        let told = events.filter { $0.fate == .lost || $0.startedAt >= beginsAt }
        for start in told.indices where told[start].fate != .lost && (start == 0 || told[start - 1].fate == .lost) {
            let row = told[start...].prefix { $0.fate != .lost }
            guard row.count >= 5 else { continue }
            guard let breaks = told[start...].first(where: { $0.fate == .lost }) else { return told[start].at }
            if breaks.at.nanoseconds(since: told[start].at) > Span.minute { return told[start].at }
        }
        return nil
    }
}
