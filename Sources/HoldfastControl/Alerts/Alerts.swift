import Foundation
import GRDB
import HTTPTypes
import HoldfastAPI
import HoldfastCore
import Logging
import Synchronization

/// Looks at what the management plane knows, and says what began and what is over: as events, and to the receivers.
///
/// What fires is kept in the store, so that an alert of before a restart is one that ends, and not one that is forgotten,
/// and so is what has ended while a receiver is still to be told; where it cannot be written, it is in memory and tried
/// again at the next look.
final class Alerts: Sendable {
    static let interval = Duration.seconds(1)
    /// An end that is older is told to nobody any more, as in a receiver's queue.
    private static let longestEndedMilliseconds =
        DeliveryQueue<Notifications.Item>.longestNanoseconds / Span.millisecond
    private static let mostEnded = 1_000

    /// What follows from the newest generation, read again when that changes or a file that it names.
    private struct Published: Sendable {
        var number: UInt64
        var files: [String]
        var marks: FileMarks
        /// Nil: the document cannot be read here.
        var retiring: [AlertSights.Retiring]?
    }

    private struct State {
        var book: AlertBook
        var published: Published?
        /// Ends that some receiver may not have been told of.
        var ended: [AlertChange] = []
        /// The store has all of it.
        var isKept = true
        /// The last write failed, and that was said.
        var isFailing = false
    }

    private let store: ControlStore
    private let gateways: Gateways
    private let snapshots: Snapshots
    private let backups: Backups
    private let drills: Drills
    private let events: EventLog
    private let notifications: Notifications
    private let logger: Logger
    private let state: Mutex<State>

    init(
        store: ControlStore, gateways: Gateways, snapshots: Snapshots, backups: Backups, drills: Drills,
        events: EventLog, notifications: Notifications, now: Instant, logger: Logger
    ) async throws {
        let kept = try await store.read {
            try String.fetchOne($0, sql: "SELECT value FROM facts WHERE name = 'alerts'")
        }
        let (firing, ended) = kept.map(KeptAlert.read) ?? ([], [])
        state = Mutex(State(book: AlertBook(firing: firing, now: now), ended: ended))
        notifications.begin(firing: firing, ended: ended)
        self.store = store
        self.gateways = gateways
        self.snapshots = snapshots
        self.backups = backups
        self.drills = drills
        self.events = events
        self.notifications = notifications
        self.logger = logger
    }

    /// Until it is cancelled.
    func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil {
            await look(Backups.Times(wall: WallClock.readMilliseconds(), monotonic: MonotonicClock.read()))
        }
    }

    var firing: [AlertView] { state.withLock { $0.book.firing }.map(AlertView.init) }

    /// One look; there is one who looks.
    func look(_ clock: Backups.Times) async {
        let retiring = followPublished(now: clock.monotonic)
        var sights = AlertSights(today: CalendarDay(unixMilliseconds: clock.wall))
        sights.gateways = gateways.all(now: clock.monotonic) { snapshots.target(of: $0)?.number ?? 0 }.map(\.sight)
        sights.returned = snapshots.staged.flatMap { Self.returned($0) }
        sights.restrictions = (snapshots.newest?.payload.overrides ?? []).filter { $0.effect.kind == "restrict" }
            .map(\.restriction)
        sights.retiring = retiring
        sights.backup = backups.sight(now: clock.wall)
        sights.failedFallbacks = try? await drills.failedFallbacks(now: clock.wall)
        let findings = sights.findings
        let isBehind = notifications.isBehind
        let changes = state.withLock { state in
            let before = state.ended.count
            state.ended.removeAll { !isBehind || clock.wall - $0.at > Self.longestEndedMilliseconds }
            let changes = state.book.look(findings, now: clock.monotonic, nowMilliseconds: clock.wall)
            if !changes.isEmpty || state.ended.count != before { state.isKept = false }
            state.ended = (state.ended + changes.filter { $0.phase == .resolved }).suffix(Self.mostEnded)
            return changes
        }
        for change in changes { events.add(change.news, now: clock.wall) }
        notifications.tell(changes, now: clock.monotonic, nowMilliseconds: clock.wall)
        await keep()
    }

    private func keep() async {
        guard let text = unkept else { return }
        let result: Result<Void, any Error>
        do {
            try await store.write { try Self.write(text, in: $0) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // There is one who looks, so that nothing has changed since.
        let wasFailing = state.withLock { state in
            defer {
                if case .success = result {
                    (state.isKept, state.isFailing) = (true, false)
                } else {
                    state.isFailing = true
                }
            }
            return state.isFailing
        }
        if case .failure(let error) = result, !wasFailing, !Task.isCancelled {
            logger.error("the alerts could not be kept", metadata: ["error": "\(error)"])
        }
    }

    /// Where the process ends between a look and its write. Nothing is waited for, since whoever ends is cancelled already.
    func keepAtEnd() throws {
        if let text = unkept { try store.database.write { try Self.write(text, in: $0) } }
    }

    /// What the store does not have yet; nil: it has all of it.
    private var unkept: String? {
        state.withLock { state in
            state.isKept ? nil : KeptAlert.text(firing: state.book.firing, ended: state.ended)
        }
    }

    private static func write(_ text: String, in database: Database) throws {
        try database.execute(sql: "INSERT OR REPLACE INTO facts VALUES ('alerts', ?)", arguments: [text])
    }

    /// Takes over what the newest generation says of receivers and days. Nil: it cannot be read here.
    private func followPublished(now: Instant) -> [AlertSights.Retiring]? {
        guard let newest = snapshots.newest else { return [] }
        if let known = state.withLock({ $0.published }), known.number == newest.number,
            FileMarks(of: known.files) == known.marks
        {
            return known.retiring
        }
        let loaded = try? snapshots.loaded(newest)
        let files = loaded?.referencedFiles ?? []
        let published = Published(
            number: newest.number, files: files, marks: FileMarks(of: files),
            retiring: loaded.map { Self.retiring(in: $0.snapshot) })
        state.withLock { $0.published = published }
        // Where it cannot be read, whoever was told so far is told still.
        if let loaded { notifications.adopt(loaded.snapshot.control.notifications, now: now) }
        return published.retiring
    }

    /// Nil: it did not go back, or a person has taken it back, who knows.
    private static func returned(_ staged: StagedRollout) -> AlertSights.ReturnedRollout? {
        guard let cause = staged.rollout.phase.cause, cause != .byAPerson else { return nil }
        return AlertSights.ReturnedRollout(
            generation: staged.rollout.generations.proposed, reason: staged.outcome ?? cause.message)
    }

    private static func retiring(in snapshot: Snapshot) -> [AlertSights.Retiring] {
        snapshot.deployments.compactMap { deployment in
            deployment.retires.map {
                AlertSights.Retiring(
                    deployment: deployment.id, day: $0,
                    replacement: deployment.replacedBy.map { snapshot.deployments[$0].id })
            }
        }
    }

    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/alerts", permission: .eventsRead, summary: "What is wrong now, by kind.",
                response: .page(of: .alert)
            ) { _ in
                .view(Page(items: self.firing, next: nil))
            }
        ]
    }
}

/// An alert as the store keeps it.
private struct KeptAlert: Codable {
    var kind: String
    var subject: String
    var severity: String
    var summary: String
    var mend: String
    var gateways: [String]
    var startedAt: Int64
    /// Nil: it fires.
    var endedAt: Int64?

    private init(_ alert: Alert, endedAt: Int64? = nil) {
        kind = alert.key.kind.rawValue
        subject = alert.key.subject
        severity = alert.condition.severity.rawValue
        summary = alert.condition.summary
        mend = alert.condition.mend
        gateways = alert.condition.gateways
        startedAt = alert.startedAt
        self.endedAt = endedAt
    }

    static func text(firing: [Alert], ended: [AlertChange]) -> String {
        let kept = firing.map { KeptAlert($0) } + ended.map { KeptAlert($0.alert, endedAt: $0.at) }
        return String(decoding: APICoding.encode(kept), as: UTF8.self)
    }

    /// Of a version that knew other kinds, those that this one knows: what it does not see it could never end.
    static func read(_ text: String) -> (firing: [Alert], ended: [AlertChange]) {
        let kept = (try? APICoding.decode([KeptAlert].self, from: Data(text.utf8))) ?? []
        return (
            kept.filter { $0.endedAt == nil }.compactMap(\.alert),
            kept.compactMap { kept in
                kept.endedAt.flatMap { at in kept.alert.map { AlertChange(.resolved, $0, at: at) } }
            }
        )
    }

    private var alert: Alert? {
        guard let kind = AlertKind(rawValue: kind), let severity = AlertSeverity(rawValue: severity) else { return nil }
        return Alert(
            Condition(kind, subject, severity, summary: summary, mend: mend, gateways: gateways), startedAt: startedAt)
    }
}

extension AlertView {
    fileprivate init(_ alert: Alert) {
        self.init(
            kind: alert.key.kind.rawValue, subject: alert.key.subject, severity: alert.condition.severity.rawValue,
            summary: alert.condition.summary, mend: alert.condition.mend, gateways: alert.condition.gateways,
            since: TimeOfDay.text(milliseconds: alert.startedAt))
    }
}

extension AlertChange {
    fileprivate var news: EventLog.News {
        let condition = alert.condition
        var details = ["kind": condition.key.kind.rawValue, "mend": condition.mend]
        if !condition.gateways.isEmpty { details["gateways"] = condition.gateways.joined(separator: ", ") }
        return EventLog.News(
            type: event, subject: condition.key.subject,
            summary: phase == .resolved ? "over: \(condition.summary)" : condition.summary,
            severity: condition.severity,
            details: details)
    }
}

extension OverrideView {
    fileprivate var restriction: AlertSights.Restriction {
        let targets = [
            ("deployment", effect.deployment), ("provider", effect.provider), ("vendor", effect.vendor),
            ("jurisdiction", effect.jurisdiction),
        ]
        let words = targets.compactMap { name, value in value.map { "\(name) \($0)" } }
        return AlertSights.Restriction(id: id, target: words.joined(separator: ", "), author: author, reason: reason)
    }
}
