import HoldfastAPI
import HoldfastCore
import Logging
import Synchronization

/// Tells receivers of alerts, apart from everything else: no request and no change waits for it, and what becomes of it
/// shows in `GET /v1/notifications`.
///
/// A receiver that is new here, also after a restart, is told of all that fires, under the ids of before: each is told at
/// least once, and may be told twice.
final class Notifications: Sendable {
    enum Item: Sendable {
        case notice(Notice)
        /// All that fires, and what was over a little while ago.
        case all
    }

    static let tick = Duration.milliseconds(200)
    /// For how long an Alertmanager is told again that something is over, as Prometheus does it: one of those may be lost.
    private static let overMilliseconds = 15 * Span.minute / Span.millisecond
    private static let mostOver = 1_000
    /// What fires is taken to fire for so many repetitions; Prometheus has four, too.
    private static let validRepetitions: Int64 = 4

    private struct Receiver {
        var settings: NotificationSettings
        /// Another one under an old name is another one.
        var number: Int
        var queue = DeliveryQueue<Item>()
        var resendAt: Instant
        var isFailing = false
    }

    private struct State {
        var receivers: [Receiver] = []
        var made = 0
        var firing: [AlertKey: Notice] = [:]
        var over: [Notice] = []
        /// The receivers that this process found when it began are known: until then `over` is what one before it left.
        var hasReceivers = false
        var address = ""
        var random: SeededRandom
    }

    private struct Job: Sendable {
        var number: Int
        var request: NoticeRequest
    }

    private let state: Mutex<State>
    private let plane: String
    private let version: String
    private let logger: Logger

    /// - Parameter plane: which management plane speaks.
    init(plane: String, version: String, logger: Logger) {
        var system = SystemRandomNumberGenerator()
        state = Mutex(State(random: SeededRandom(seed: system.next())))
        self.plane = plane
        self.version = version
        self.logger = logger
    }

    /// Where this management plane is, for links.
    func serve(at address: String) { state.withLock { $0.address = address } }

    // MARK: - What is told

    /// The receivers as they are meant now. What one of them is still to be sent goes on to where it is now.
    func adopt(_ settings: [NotificationSettings], now: Instant) {
        state.withLock { state in
            let old = state.receivers
            state.receivers = settings.map { settings in
                if var known = old.first(where: {
                    $0.settings.name == settings.name && $0.settings.format == settings.format
                }) {
                    known.settings = settings
                    return known
                }
                state.made += 1
                var new = Receiver(settings: settings, number: state.made, resendAt: now)
                if settings.format != .alertmanager {
                    for notice in state.hasReceivers ? [] : state.over
                    where settings.kinds.contains(where: { $0.rawValue == notice.kind }) {
                        new.queue.offer(.notice(notice), now: now)
                    }
                    for (key, notice) in state.firing.sorted(by: { $0.key < $1.key })
                    where settings.kinds.contains(key.kind) {
                        new.queue.offer(.notice(notice), now: now)
                    }
                }
                return new
            }
            state.hasReceivers = true
        }
    }

    /// Whether somebody is still to be told of something.
    var isBehind: Bool {
        state.withLock { state in
            if !state.hasReceivers, !state.over.isEmpty { return true }
            return state.receivers.contains { $0.settings.isReadable && $0.queue.count > 0 }
        }
    }

    /// - Parameters:
    ///   - firing: by a process before this one.
    ///   - ended: what that one may not have told everybody.
    func begin(firing: [Alert], ended: [AlertChange]) {
        state.withLock { state in
            state.over = ended.map { Notice($0) }
            for alert in firing {
                state.firing[alert.key] = Notice(AlertChange(.fired, alert, at: alert.startedAt))
            }
        }
    }

    func tell(_ changes: [AlertChange], now: Instant, nowMilliseconds: Int64) {
        state.withLock { state in
            for change in changes {
                let notices = [Notice.before(change), Notice(change)].compactMap { $0 }
                state.firing[change.alert.key] = change.phase == .resolved ? nil : Notice(change)
                state.over += notices.filter { $0.endedAt != nil }
                for place in state.receivers.indices {
                    guard state.receivers[place].settings.kinds.contains(change.alert.key.kind) else { continue }
                    switch state.receivers[place].settings.format {
                    case .alertmanager: state.receivers[place].resendAt = now
                    case .webhook:
                        for notice in notices { state.receivers[place].queue.offer(.notice(notice), now: now) }
                    case .cloudevents: state.receivers[place].queue.offer(.notice(Notice(change)), now: now)
                    }
                }
            }
            state.over = state.over.suffix(Self.mostOver).filter {
                nowMilliseconds - ($0.endedAt ?? 0) < Self.overMilliseconds
            }
        }
    }

    // MARK: - Sending

    /// Until it is cancelled.
    func run() async {
        let client = NotificationClient(version: version)
        await withDiscardingTaskGroup { tasks in
            while (try? await Task.sleep(for: Self.tick)) != nil {
                for job in jobs(now: MonotonicClock.read(), nowMilliseconds: WallClock.readMilliseconds()) {
                    tasks.addTask {
                        let outcome = await client.post(job.request)
                        self.ended(job.number, outcome)
                    }
                }
            }
            tasks.cancelAll()
        }
        await client.shutDown()
    }

    private func jobs(now: Instant, nowMilliseconds: Int64) -> [Job] {
        state.withLock { state in
            var jobs: [Job] = []
            for place in state.receivers.indices where state.receivers[place].settings.isReadable {
                if state.receivers[place].settings.format == .alertmanager, now >= state.receivers[place].resendAt {
                    let resend = state.receivers[place].settings.resendNanoseconds
                    state.receivers[place].resendAt = now.advanced(byNanoseconds: resend)
                    // One that waits says all that there is to say when its turn comes.
                    let isAny = !state.firing.isEmpty || !state.over.isEmpty
                    if isAny, state.receivers[place].queue.waiting == 0 {
                        state.receivers[place].queue.offer(.all, now: now)
                    }
                }
                guard let item = state.receivers[place].queue.take(now: now) else { continue }
                let receiver = state.receivers[place]
                jobs.append(
                    Job(
                        number: receiver.number,
                        request: request(item, receiver.settings, state, nowMilliseconds: nowMilliseconds)))
            }
            return jobs
        }
    }

    private func request(
        _ item: Item, _ settings: NotificationSettings, _ state: borrowing State, nowMilliseconds: Int64
    ) -> NoticeRequest {
        let payloads = NoticePayloads(plane: plane, address: state.address)
        let notices: [Notice]
        switch item {
        case .notice(let notice): notices = [notice]
        case .all:
            let firing = state.firing.sorted { $0.key < $1.key }.map(\.value)
            // What fires again is not over.
            let over = state.over.filter { past in
                !firing.contains { $0.subject == past.subject && $0.kind == past.kind && $0.severity == past.severity }
            }
            notices = (firing + over).filter { notice in settings.kinds.contains { $0.rawValue == notice.kind } }
        }
        let base = settings.url?.description ?? ""
        let body: JSONValue
        var (url, type) = (base, "application/json")
        switch settings.format {
        case .alertmanager:
            url += "/api/v2/alerts"
            body = payloads.alerts(
                notices, now: nowMilliseconds,
                validNanoseconds: settings.resendNanoseconds * Self.validRepetitions)
        case .webhook: body = payloads.webhook(notices, receiver: settings.name)
        case .cloudevents:
            type = "application/cloudevents+json; charset=utf-8"
            body = notices.first.map(payloads.cloudEvent) ?? .null
        }
        return NoticeRequest(url: url, authorization: settings.authorization, contentType: type, body: body.line)
    }

    private func ended(_ number: Int, _ outcome: DeliveryQueue<Item>.Outcome) {
        let (now, wall) = (MonotonicClock.read(), WallClock.readMilliseconds())
        let turned = state.withLock { state -> Receiver? in
            guard let place = state.receivers.firstIndex(where: { $0.number == number }) else { return nil }
            state.receivers[place].queue.ended(outcome, now: now, nowMilliseconds: wall, random: &state.random)
            let isFailing = outcome != .taken
            defer { state.receivers[place].isFailing = isFailing }
            return state.receivers[place].isFailing == isFailing ? nil : state.receivers[place]
        }
        guard let turned else { return }
        say(outcome, turned.settings)
    }

    /// Once for each change, however many messages it concerns.
    private func say(_ outcome: DeliveryQueue<Item>.Outcome, _ settings: NotificationSettings) {
        let facts: Logger.Metadata = ["name": "\(settings.name)", "address": "\(settings.address)"]
        switch outcome {
        case .taken: logger.notice("a receiver of alerts takes them again", metadata: facts)
        case .failed(let reason, _, _):
            logger.error(
                "a receiver of alerts does not take them",
                metadata: facts.merging(
                    ["reason": "\(reason)", "mend": "see GET /v1/notifications"],
                    uniquingKeysWith: { first, _ in first }))
        }
    }

    // MARK: - Asking

    var views: [NotificationView] { state.withLock { $0.receivers.map(Self.view) } }

    private static func view(_ receiver: Receiver) -> NotificationView {
        let (settings, figures) = (receiver.settings, receiver.queue.figures)
        let state: NotificationView.State =
            if !settings.isReadable {
                .unusable
            } else if receiver.isFailing {
                .failing
            } else {
                figures.lastSuccessAt == nil ? .untested : .working
            }
        return NotificationView(
            name: settings.name, format: settings.format.rawValue, address: settings.address,
            kinds: AlertKind.allCases.filter(settings.kinds.contains).map(\.rawValue), state: state,
            waiting: receiver.queue.count, sent: figures.sent, failures: figures.failures, dropped: figures.dropped,
            lastSuccessAt: figures.lastSuccessAt.map { TimeOfDay.text(milliseconds: $0) },
            lastFailureAt: figures.lastFailureAt.map { TimeOfDay.text(milliseconds: $0) },
            lastFailure: figures.lastFailure)
    }

    /// Sends a test past the queue, so that whoever asks hears what became of it.
    ///
    /// - Returns: the receiver after it.
    func test(_ name: String, now: Int64) async throws -> NotificationView {
        let found = state.withLock { state -> (number: Int, request: NoticeRequest?)? in
            guard let receiver = state.receivers.first(where: { $0.settings.name == name }) else { return nil }
            guard receiver.settings.isReadable else { return (receiver.number, nil) }
            var settings = receiver.settings
            let notice = Notice.test(of: name, now: now)
            // A minute is enough for an Alertmanager to tell somebody, and it ends by itself.
            settings.resendNanoseconds = 15 * Span.second
            return (receiver.number, request(.notice(notice), settings, state, nowMilliseconds: now))
        }
        guard let found else { throw ProblemView.notFound("receiver") }
        guard let request = found.request else { throw ProblemView.unusableReceiver }
        let client = NotificationClient(version: version)
        let outcome = await client.post(request)
        await client.shutDown()
        let view = state.withLock { state -> NotificationView? in
            guard let place = state.receivers.firstIndex(where: { $0.number == found.number }) else { return nil }
            state.receivers[place].queue.tested(outcome, nowMilliseconds: WallClock.readMilliseconds())
            state.receivers[place].isFailing = outcome != .taken
            return Self.view(state.receivers[place])
        }
        if case .failed(let reason, _, _) = outcome { throw ProblemView.receiver(reason) }
        guard let view else { throw ProblemView.notFound("receiver") }
        return view
    }
}

extension NotificationSettings {
    /// What of the address may be shown.
    var address: String {
        url.map { "\($0.isTLS ? "https" : "http")://\($0.authority)" } ?? "a reference that cannot be read here"
    }
}
