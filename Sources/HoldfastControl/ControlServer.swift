import Foundation
import HoldfastAPI
package import HoldfastCore
import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOPosix

/// The management plane of one process: its store, its nouns and its listener. It needs nothing of the data plane.
package final class ControlServer: Sendable {
    package struct Settings: Sendable {
        package var listen: ListenAddress
        package var folder: String
        package var version: String
        /// `control.hosts`; its own address and this machine's are answered always.
        package var hosts: [String]
        /// Where relative references of published documents begin, and the environment that they name.
        package var directory: String
        package var environment: [String: String]
        /// Where backups go; nil: into the folder. Another disk is better.
        package var backups: String?
        package var rollout: Rollout.Limits
        package var drills = DrillRun.Limits()
        /// How often drills and their schedules are looked at.
        package var drillInterval = Duration.seconds(1)

        package init(
            listen: ListenAddress, folder: String, version: String, hosts: [String], directory: String,
            environment: [String: String], backups: String? = nil, rollout: Rollout.Limits = Rollout.Limits()
        ) {
            self.listen = listen
            self.folder = folder
            self.version = version
            self.hosts = hosts
            self.directory = directory
            self.environment = environment
            self.backups = backups
            self.rollout = rollout
        }
    }

    static let checkpointInterval = Duration.seconds(60)
    static let expiryInterval = Duration.seconds(1)
    static let rolloutInterval = Duration.seconds(1)
    /// How often it is looked whether one is due.
    static let backupInterval = Duration.seconds(1)
    static let idle = TimeAmount.seconds(60)
    static let connections = 1_024

    /// To be shown, and then `firstTokenWasShown` to be called; nil: somebody was shown one.
    package let firstToken: String?
    package let publicKey: String
    let snapshots: Snapshots
    let tokens: Tokens
    private let settings: Settings
    let backups: Backups
    private let overrides: Overrides
    let rollouts: Rollouts
    let drills: Drills
    let audit: AuditLog
    let events: EventLog
    let alerts: Alerts
    let notifications: Notifications
    let signIn: SignIn
    private let listener: APIListener
    let figures: ControlMetrics
    private let logger: Logger

    /// Opens the store and whatever is in it. Nobody is served yet.
    package init(_ settings: Settings, logger: Logger) async throws {
        let store = try ControlStore.open(folder: settings.folder)
        let key = try SigningKey.open(in: settings.folder)
        let now = WallClock.readMilliseconds()
        let audit = try await AuditLog(store: store, key: key, now: now)
        tokens = try await Tokens(audit: audit)
        firstToken = try await tokens.makeFirst(now: now)
        events = try await EventLog.open(store, now: now)
        let gateways = Gateways(events: events, now: MonotonicClock.read())
        snapshots = try await Snapshots(
            audit: audit, key: key,
            settings: Snapshots.Settings(
                directory: settings.directory, environment: settings.environment,
                fleet: Fleet(gateways: gateways, tokens: tokens, limits: settings.rollout)), now: now, logger: logger)
        audit.hear { [events] event, phase, told, now in
            guard let news = ChangeEvents.news(of: event, phase, told: told) else { return }
            events.add(news, now: now)
        }
        try await Restoration.settle(audit: audit, snapshots: snapshots, now: now)
        backups = Backups(
            Backups.Settings(
                folder: settings.backups ?? "\(settings.folder)/\(Backups.folderName)", version: settings.version),
            audit: audit, key: key, clock: Backups.Times(wall: now, monotonic: MonotonicClock.read()))
        overrides = Overrides(snapshots: snapshots, audit: audit)
        rollouts = Rollouts(snapshots: snapshots, gateways: gateways)
        drills = try await Drills(
            snapshots: snapshots, gateways: gateways, events: events, key: key, version: settings.version,
            limits: settings.drills, now: now)
        notifications = Notifications(plane: audit.plane, version: settings.version, logger: logger)
        alerts = try await Alerts(
            store: store, gateways: gateways, snapshots: snapshots, backups: backups, drills: drills, events: events,
            notifications: notifications, now: MonotonicClock.read(), logger: logger)
        let guesses = Guesses(audit: audit)
        signIn = SignIn(tokens: tokens, audit: audit, guesses: guesses)
        let besideOriginal = settings.backups == nil
        let maps = Maps(
            snapshots: snapshots,
            sources: Maps.Sources(
                observed: { gateways.observed(now: MonotonicClock.read(), backupsBesideOriginal: besideOriginal) },
                fallbacks: { [drills] in try await drills.fallbacks(now: WallClock.readMilliseconds()) ?? [] }))
        let answers = AnswerCounts()
        figures = ControlMetrics(
            tokens: tokens, snapshots: snapshots, gateways: gateways, drills: drills, backups: backups, audit: audit,
            answers: answers, startedAt: MonotonicClock.read())
        let routes = APIRoutes(
            tokens: tokens, keys: Keys(snapshots: snapshots, audit: audit), overrides: overrides, snapshots: snapshots,
            gateways: gateways, exchanges: Exchanges(), rollouts: rollouts, drills: drills, backups: backups,
            audit: audit, metrics: figures, version: settings.version)
        listener = APIListener(
            routes: routes.all(
                with: events.routes + alerts.routes + notifications.routes(audit) + signIn.routes + maps.routes),
            tokens: tokens, audit: audit,
            hosts: Set(settings.hosts + [settings.listen.host, "localhost", "127.0.0.1", "::1"]),
            clock: WallClock.readMilliseconds, answers: answers, guesses: guesses, logger: logger)
        publicKey = key.publicText
        self.settings = settings
        self.audit = audit
        self.logger = logger
    }

    /// Serves until it is cancelled, and closes the store then.
    package func run(whenListening: @escaping @Sendable (ListenAddress) async -> Void) async throws {
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await self.serve(whenListening) }
                tasks.addTask { await self.expireOverrides() }
                tasks.addTask { await self.advanceRollout() }
                tasks.addTask { await self.advanceDrills() }
                tasks.addTask { await self.signCheckpoints() }
                tasks.addTask { await self.keepBackups() }
                tasks.addTask { await self.alerts.run() }
                tasks.addTask { await self.notifications.run() }
                // None of them ends by itself: the first that does takes the others with it.
                defer { tasks.cancelAll() }
                try await tasks.next()
            }
            result = .success(())
        } catch {
            result = Task.isCancelled ? .success(()) : .failure(error)
        }
        do {
            try audit.signAtEnd()
        } catch {
            logger.error("the audit log could not be signed", metadata: ["error": "\(error)"])
        }
        do {
            try alerts.keepAtEnd()
        } catch {
            logger.error("the alerts could not be kept", metadata: ["error": "\(error)"])
        }
        audit.store.close()
        try result.get()
    }

    /// Until then every start makes another: one that nobody was shown opens nothing to anybody.
    package func firstTokenWasShown() async throws {
        try await tokens.firstWasShown()
    }

    /// Opens the console to an admin, once, within a quarter of an hour: for whoever owns the process and its store.
    ///
    /// - Parameter address: where it listens.
    package func signInLink(at address: ListenAddress) async throws -> String {
        let made = try await signIn.makeLink(.admin, by: .system, now: WallClock.readMilliseconds())
        // Where it listens on every address, this machine's own is one of them.
        let reached = address.isUnspecified ? ListenAddress(host: "localhost", port: address.port) : address
        return "http://\(reached)/#sign-in=\(made.code)"
    }

    /// What `publish` of a file came to.
    package enum FileOutcome: Sendable {
        case published(UInt64)
        /// The newest generation says that already, or there is another one since the file was published.
        case unchanged(UInt64)
    }

    /// Publishes the document that an operator has written into the file, unless it is published already, or was and
    /// somebody, or the errors that rose, took it back: a restart is no change of the file.
    ///
    /// - Throws: `ProblemView` with every mistake in it, or `StoreFailure`.
    package func publish(file name: String, text: String) async throws -> FileOutcome {
        if let newest = snapshots.newest {
            let isKnown = try await snapshots.wasPublishedFromFileLast(text)
            if isKnown || newest.payload.document == text { return .unchanged(newest.number) }
        }
        let draft = Snapshots.Draft(name: name, document: text, reason: "the file has changed")
        let made = try await snapshots.publish(
            draft, expected: nil, isFromFile: true, by: .system, now: WallClock.readMilliseconds())
        return .published(made.number)
    }

    /// A token for a gateway on this machine, unless it has one that is good.
    ///
    /// - Parameter existing: what the gateway has.
    /// - Returns: nil: that is good.
    package func enrol(_ name: String, existing: String?) async throws -> String? {
        let now = WallClock.readMilliseconds()
        if let existing, tokens.principal(of: existing, now: now)?.kind == .node { return nil }
        let new = Tokens.NewToken(
            id: tokens.freeID(name), kind: .node, note: "made at the start, for a gateway on this machine")
        return try await tokens.create(new, by: .system, now: now).text
    }

    private func serve(_ whenListening: @escaping @Sendable (ListenAddress) async -> Void) async throws {
        let address = settings.listen
        let application = Application(
            responder: CallbackResponder { (request: Request, context: ControlContext) in
                await self.listener.respond(to: request, peer: context.peer, connection: context.connection)
            },
            server: .http1(
                configuration: .init(idleTimeout: Self.idle, httpDecoderConfiguration: Self.decoder)),
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.connections)),
            onServerRunning: { channel in
                let bound = ListenAddress(host: address.host, port: channel.localAddress?.port ?? 0)
                self.notifications.serve(at: "http://\(bound)")
                await whenListening(bound)
            }, logger: logger)
        do {
            try await application.run()
        } catch let error as IOError {
            throw ControlStartFailure.bind(address, error)
        }
    }

    private static var decoder: HTTP1Channel.Configuration.DecoderConfiguration {
        .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100)
    }

    // MARK: - What happens by itself

    private func expireOverrides() async {
        while (try? await Task.sleep(for: Self.expiryInterval)) != nil {
            do {
                let count = try await overrides.expire(now: WallClock.readMilliseconds())
                if count > 0 { logger.notice("overrides ended", metadata: ["count": "\(count)"]) }
            } catch {
                logger.error("overrides could not be ended", metadata: ["error": "\(error)"])
            }
        }
    }

    private func advanceRollout() async {
        while (try? await Task.sleep(for: Self.rolloutInterval)) != nil {
            do {
                try await rollouts.advance(.read())
            } catch is ProblemView {
                // Somebody has changed it in the same moment: the next look sees that.
            } catch {
                logger.error("the roll-out could not go on", metadata: ["error": "\(error)"])
            }
        }
    }

    private func advanceDrills() async {
        while (try? await Task.sleep(for: settings.drillInterval)) != nil {
            do {
                try await drills.advance(.read())
                try await drills.keepSchedules(.read())
            } catch is ProblemView {
                // Somebody has changed it in the same moment: the next look sees that.
            } catch {
                logger.error("the drill could not go on", metadata: ["error": "\(error)"])
            }
        }
    }

    private func keepBackups() async {
        do {
            try await backups.begin(
                Backups.Times(wall: WallClock.readMilliseconds(), monotonic: MonotonicClock.read()))
        } catch {
            logger.error("the backups could not be looked at", metadata: ["error": "\(error)"])
        }
        while (try? await Task.sleep(for: Self.backupInterval)) != nil {
            let clock = Backups.Times(wall: WallClock.readMilliseconds(), monotonic: MonotonicClock.read())
            switch await backups.makeIfDue(clock) {
            case .none: break
            case .success(let view):
                logger.notice(
                    "backup made and restored on trial", metadata: ["name": "\(view.id)", "bytes": "\(view.bytes)"])
            case .failure(let trouble):
                logger.error("the backup failed", metadata: ["reason": "\(trouble.reason)", "mend": "\(trouble.mend)"])
            }
        }
    }

    private func signCheckpoints() async {
        while (try? await Task.sleep(for: Self.checkpointInterval)) != nil {
            do {
                _ = try await audit.checkpoint()
            } catch {
                logger.error("the audit log could not be signed", metadata: ["error": "\(error)"])
            }
        }
    }
}

/// Why the management plane did not start, in words for whoever starts it.
package enum ControlStartFailure: Error, CustomStringConvertible {
    case bind(ListenAddress, IOError)

    package var description: String {
        switch self {
        case .bind(let address, let error):
            "cannot listen on \(address): \(String(cString: strerror(error.errnoCode)))"
                + "\n  mend: free it, or set control.listen to another address (port 0 takes a free one)"
        }
    }
}

/// Where a request comes from.
private struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let peer: String?
    let connection: APIConnection

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        let channel = source.channel
        peer = channel.remoteAddress?.ipAddress
        connection = APIConnection(
            isOpen: { channel.isActive }, close: { channel.close(promise: nil) },
            closeWithReader: { _ = channel.setOption(.allowRemoteHalfClosure, value: false) })
    }
}
