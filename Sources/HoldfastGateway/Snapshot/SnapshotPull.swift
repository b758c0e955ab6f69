package import Crypto
import Foundation
package import HoldfastAPI
import HoldfastCore
package import Logging

/// Why what was pulled is not in force.
package struct PullRefusal: Error, Sendable, Equatable {
    /// Nil: it could not be read so far.
    package var number: UInt64?
    package var message: String
    package var mend: String
}

/// Keeps a gateway at what the management plane means: asks, verifies, keeps what it took on disk, and puts it into force.
///
/// Nothing that goes wrong here reaches an exchange: whatever is refused, lost or late, the gateway serves on with what it
/// has, and says so.
package struct SnapshotPull: Sendable {
    package struct Settings: Sendable {
        package var client: ControlClient
        /// Of the one management plane that this gateway believes.
        package var key: Curve25519.Signing.PublicKey
        package var ring: SnapshotRing
        package var environment: [String: String]
        /// Where relative references of the document begin.
        package var directory: String
        package var version: String

        package init(
            client: ControlClient, key: Curve25519.Signing.PublicKey, ring: SnapshotRing,
            environment: [String: String], directory: String, version: String
        ) {
            self.client = client
            self.key = key
            self.ring = ring
            self.environment = environment
            self.directory = directory
            self.version = version
        }
    }

    /// A snapshot that was verified and compiled.
    package struct Taken: Sendable {
        package var payload: SnapshotPayload
        package var loaded: LoadedConfiguration
        fileprivate var overrides: OverrideSet
        fileprivate var bytes: Int
        /// By which this is in force, and not the newest.
        fileprivate var held: OfflineRollback?

        package func adopted(from source: AdoptedSnapshot.Source, nowMilliseconds: Int64) -> AdoptedSnapshot {
            AdoptedSnapshot(
                loaded, overrides: overrides, views: payload.overrides, nowMilliseconds: nowMilliseconds,
                generation: payload.number, source: source, document: payload.document)
        }
    }

    private static let lookInterval = Duration.milliseconds(200)
    private static let marksInterval = Span.second
    private static let failuresUntilDeaf = 2

    private let settings: Settings
    private let logger: Logger

    package init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    // MARK: - Taking

    /// The newest of the ring that can be used here; nil: there is none.
    package func fromRing() -> Taken? {
        let content = settings.ring.read(trusting: settings.key)
        for (file, reason) in content.unusable {
            logger.error("a snapshot on disk is not used", metadata: ["file": "\(file)", "reason": "\(reason)"])
        }
        if let rollback = settings.ring.rollback, let payload = rollback.payload(of: content.payloads) {
            do {
                var taken = try compile(payload, bytes: payload.document.utf8.count)
                taken.held = rollback
                return taken
            } catch {
                logger.error(
                    "an offline rollback cannot be followed; the newest snapshot is used",
                    metadata: [
                        "generation": "\(rollback.to)", "reason": "\(error.message)", "mend": "\(error.mend)",
                    ])
            }
        }
        for payload in content.payloads {
            do {
                return try compile(payload, bytes: payload.document.utf8.count)
            } catch {
                let facts: Logger.Metadata = [
                    "generation": "\(payload.number)", "reason": "\(error.message)", "mend": "\(error.mend)",
                ]
                logger.error("a snapshot on disk cannot be used; an older one is tried", metadata: facts)
            }
        }
        return nil
    }

    /// Asks until there is one. Ends without one where it is cancelled.
    package func first() async -> Taken? {
        var state = PullState(nil, key: settings.key, rollbackPath: settings.ring.rollbackPath)
        let nothing = GatewayReportView(
            version: settings.version, generation: 0, source: "none", ready: false, exchangesInFlight: 0,
            exchanges: 0, failures: 0, refused: nil, shedding: "none")
        while !Task.isCancelled {
            if case .took(let taken) = await ask(reporting: nothing, &state) {
                keep(taken, &state)
                return taken.taken
            }
            let wait = state.schedule.nextAt.nanoseconds(since: MonotonicClock.read())
            try? await Task.sleep(for: .nanoseconds(max(wait, 0)))
        }
        return nil
    }

    private func verify(_ signed: SignedSnapshot) throws(PullRefusal) -> Taken {
        let payload: SnapshotPayload
        do throws(SignedSnapshot.Refusal) {
            payload = try signed.verified(by: settings.key)
        } catch {
            throw PullRefusal(number: nil, message: error.message, mend: error.mend)
        }
        return try compile(payload, bytes: signed.payload.count)
    }

    private func compile(_ payload: SnapshotPayload, bytes: Int) throws(PullRefusal) -> Taken {
        var overrides = OverrideSet()
        for view in payload.overrides {
            guard let override = try? view.override(), (try? overrides.add(override)) != nil else {
                throw PullRefusal(
                    number: payload.number, message: "the override \(view.id) means nothing to this version",
                    mend: "update this gateway, or clear that override")
            }
        }
        let issued = payload.keys?.compactMap(\.issuedKey)
        guard issued?.count == payload.keys?.count else {
            throw PullRefusal(
                number: payload.number, message: "one of its client keys has a digest that means nothing here",
                mend: "update this gateway")
        }
        do throws(ConfigurationProblems) {
            let loaded = try ConfigurationFile.compile(
                text: payload.document, name: payload.name, directory: settings.directory,
                environment: settings.environment, issued: issued, needsControl: false)
            return Taken(payload: payload, loaded: loaded, overrides: overrides, bytes: bytes)
        } catch {
            throw PullRefusal(
                number: payload.number, message: "it cannot be compiled here: \(error.firstLine)",
                mend: error.problems.first?.mend ?? "see the document")
        }
    }

    // MARK: - Asking

    private enum Heard: Sendable {
        case took(Offered)
        /// What is in force is what is meant.
        case nothingNew
        case refused(PullRefusal)
        case failed
    }

    private struct Offered: Sendable {
        var taken: Taken
        var signed: SignedSnapshot
    }

    private func ask(reporting report: GatewayReportView, _ state: inout PullState) async -> Heard {
        let pulled: ControlClient.Pulled
        do throws(ControlFailure) {
            pulled = try await settings.client.pull(report)
        } catch {
            if report.figures != nil, case .refused = error { state.pace.refused(now: MonotonicClock.read()) }
            state.schedule.failed(
                retryAfterNanoseconds: error.retryAfterNanoseconds, now: MonotonicClock.read(), random: &state.random)
            say(error, &state)
            return .failed
        }
        state.schedule.succeeded(
            isWatched: report.drills?.contains(where: \.isUnderWay) ?? false, now: MonotonicClock.read(),
            random: &state.random)
        state.pace.reported(
            withFigures: report.figures != nil, isWatched: pulled.isWatched, now: MonotonicClock.read())
        if state.isDeaf {
            state.isDeaf = false
            logger.notice("the management plane answers again")
        }
        guard let signed = pulled.snapshot else { return .nothingNew }
        do throws(PullRefusal) {
            let taken = try verify(signed)
            guard try state.accepts(taken) else { return .nothingNew }
            return .took(Offered(taken: taken, signed: signed))
        } catch {
            say(error, &state)
            return .refused(error)
        }
    }

    private func say(_ failure: ControlFailure, _ state: inout PullState) {
        // Where both planes start together, the other one may need a moment.
        guard !state.isDeaf, state.schedule.failures >= Self.failuresUntilDeaf else { return }
        state.isDeaf = true
        logger.error(
            "the management plane does not answer; what is in force stays",
            metadata: ["reason": "\(failure)", "mend": "\(failure.mend)"])
    }

    private func say(_ refusal: PullRefusal, _ state: inout PullState) {
        guard state.refusal != refusal else { return }
        state.refusal = refusal
        logger.error(
            "a snapshot is refused; what is in force stays",
            metadata: [
                "generation": "\(refusal.number.map(String.init) ?? "?")", "reason": "\(refusal.message)",
                "mend": "\(refusal.mend)",
            ])
    }

    /// Where the disk does not take it, the gateway has it all the same; only the next start may be from an older one.
    private func keep(_ offered: Offered, _ state: inout PullState) {
        state.refusal = nil
        do throws(WholeFile.Failure) {
            try settings.ring.add(offered.signed, number: offered.taken.payload.number)
        } catch {
            logger.error(
                "a snapshot is not kept on disk; the next start may begin with an older one",
                metadata: ["reason": "\(error.reason)", "mend": "\(error.mend)"])
        }
    }

    // MARK: - Running

    private enum Look: Sendable {
        case routine
        case asked
    }

    /// Until `reloads` ends, which asks for a look at once (SIGHUP).
    ///
    /// - Parameter taken: what the gateway was started with; nil: its own file.
    package func run(_ gateway: GatewayServer, from taken: Taken?, reloads: AsyncStream<Void>) async {
        let (looks, continuation) = AsyncStream.makeStream(of: Look.self, bufferingPolicy: .bufferingOldest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.lookInterval)) != nil { continuation.yield(.routine) }
            }
            group.addTask {
                for await _ in reloads {
                    // The place is taken while a pull hangs, and whoever asked is not to ask twice.
                    while case .dropped = continuation.yield(.asked) { try? await Task.sleep(for: Self.lookInterval) }
                }
                continuation.finish()
            }
            var state = PullState(taken, key: settings.key, rollbackPath: settings.ring.rollbackPath)
            gateway.refuse(pull: taken?.held?.refusal)
            for await look in looks {
                if case .asked = look { state.isDue = true }
                await self.look(gateway, &state)
            }
            group.cancelAll()
        }
    }

    private func look(_ gateway: GatewayServer, _ state: inout PullState) async {
        let now = MonotonicClock.read()
        let isTakenOut = gateway.isControlTakenOut
        // What was seen meanwhile is waited for.
        if state.wasTakenOut, !isTakenOut { state.isDue = true }
        state.wasTakenOut = isTakenOut
        if isTakenOut, now >= state.schedule.nextAt {
            missControl(gateway, &state)
        } else if !isTakenOut, state.isDue || now >= state.schedule.nextAt {
            state.isDue = false
            switch await report(gateway, &state) {
            case .took(let offered):
                if adopt(offered.taken, gateway, &state) { keep(offered, &state) }
                if gateway.isDrilling {
                    state.schedule.succeeded(isWatched: true, now: MonotonicClock.read(), random: &state.random)
                }
            case .nothingNew:
                // Where nothing was ever published, what is in force is the file all the same.
                if let taken = state.taken, taken.held == nil { gateway.confirm() }
                gateway.refuse(pull: state.taken?.held?.refusal)
            case .refused(let refusal):
                gateway.refuse(pull: refusal)
            case .failed: break
            }
        }
        // What comes from the disk was old already when the gateway started.
        let isStale =
            state.schedule.isStale(now: MonotonicClock.read()) || state.isDeaf && gateway.source == .ring
        gateway.markConfiguration(isStale: isStale)
        followOverrides(gateway, &state, isStale: isStale)
        guard now.nanoseconds(since: state.markedAt) >= Self.marksInterval else { return }
        state.markedAt = now
        followRollback(gateway, &state)
        followReferences(gateway, &state)
    }

    private func report(_ gateway: GatewayServer, _ state: inout PullState) async -> Heard {
        var report = gateway.report(version: settings.version)
        var marks = state.told
        if state.pace.isDue(now: MonotonicClock.read()) { marks = gateway.tell(&report, since: marks) }
        let heard = await ask(reporting: report, &state)
        // What nobody has heard is told once more.
        if case .failed = heard { return heard }
        state.told = marks
        return heard
    }

    /// A drill takes the management plane out: what follows is what follows where it is really gone.
    private func missControl(_ gateway: GatewayServer, _ state: inout PullState) {
        gateway.missedControl()
        state.schedule.failed(now: MonotonicClock.read(), random: &state.random)
        say(ControlFailure.unreachable("a drill takes the management plane out"), &state)
    }

    private func adopt(_ taken: Taken, _ gateway: GatewayServer, _ state: inout PullState) -> Bool {
        do {
            try gateway.adopt(taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt))
        } catch {
            let refusal = PullRefusal(
                number: taken.payload.number, message: "\(error)",
                mend: "check that certificates and keys are PEM and belong together")
            say(refusal, &state)
            gateway.refuse(pull: refusal)
            return false
        }
        if let rollback = state.taken?.held {
            logger.notice(
                "an offline rollback is over: the management plane means something newer",
                metadata: ["generation": "\(taken.payload.number)", "reason": "\(rollback.reason)"])
            // Where it stays it says nothing any more: what it left is older than what is in force.
            try? settings.ring.note(nil)
        }
        state.took(taken)
        gateway.refuse(pull: nil)
        return true
    }

    /// While the management plane is heard, it says which overrides have ended, whatever this machine's clock says. When it
    /// is not, they end by that clock: an override that outlives its author is worse than one that ends early.
    private func followOverrides(_ gateway: GatewayServer, _ state: inout PullState, isStale: Bool) {
        guard let taken = state.taken else { return }
        let now = isStale ? WallClock.readMilliseconds() : taken.payload.madeAt
        let inForce = taken.overrides.inForce(nowMilliseconds: now).map(\.id)
        guard gateway.overridesInForce != inForce else { return }
        adoptAgain(taken, gateway, nowMilliseconds: now)
    }

    /// Somebody at the gateway goes back, or forth again, without the management plane.
    private func followRollback(_ gateway: GatewayServer, _ state: inout PullState) {
        let found = FileMarks(of: [settings.ring.rollbackPath])
        guard found != state.rollbackMarks else { return }
        state.rollbackMarks = found
        guard let taken = fromRing(), taken.held != state.taken?.held else { return }
        do {
            try gateway.adopt(taken.adopted(from: .ring, nowMilliseconds: taken.payload.madeAt))
        } catch {
            return logger.error("an offline rollback cannot be followed", metadata: ["reason": "\(error)"])
        }
        logger.notice(
            "an offline rollback",
            metadata: [
                "generation": "\(taken.payload.number)", "reason": "\(taken.held?.reason ?? "ended")",
                "name": "\(taken.held?.author ?? "")",
            ])
        state.took(taken)
        gateway.refuse(pull: taken.held?.refusal)
    }

    /// A key that was replaced where it lies comes into force like a new document.
    private func followReferences(_ gateway: GatewayServer, _ state: inout PullState) {
        guard let taken = state.taken else { return }
        let found = FileMarks(of: taken.loaded.referencedFiles)
        guard found != state.marks else { return }
        state.marks = found
        do throws(PullRefusal) {
            var again = try compile(taken.payload, bytes: taken.bytes)
            again.held = taken.held
            state.taken = again
            adoptAgain(again, gateway, nowMilliseconds: taken.payload.madeAt)
        } catch {
            say(error, &state)
            gateway.refuse(pull: error)
        }
    }

    private func adoptAgain(_ taken: Taken, _ gateway: GatewayServer, nowMilliseconds: Int64) {
        do {
            try gateway.adopt(taken.adopted(from: gateway.source, nowMilliseconds: nowMilliseconds))
        } catch {
            logger.error("what was in force cannot be adopted again", metadata: ["reason": "\(error)"])
        }
    }
}

/// What one gateway knows between two questions.
private struct PullState {
    var schedule: PullSchedule
    var random: SeededRandom
    var taken: SnapshotPull.Taken?
    var marks: FileMarks
    var rollbackMarks: FileMarks
    var markedAt: Instant
    var refusal: PullRefusal?
    var pace = FiguresPace()
    var told = ReceiptsReport.Marks()
    var isDeaf = false
    var isDue = false
    /// By a drill.
    var wasTakenOut = false
    private let origin: String

    init(_ taken: SnapshotPull.Taken?, key: Curve25519.Signing.PublicKey, rollbackPath: String) {
        var system = SystemRandomNumberGenerator()
        random = SeededRandom(seed: system.next())
        let now = MonotonicClock.read()
        schedule = PullSchedule(now: now)
        self.taken = taken
        marks = FileMarks(of: taken?.loaded.referencedFiles ?? [])
        rollbackMarks = FileMarks(of: [rollbackPath])
        markedAt = now
        origin = VerifyingKey.text(of: key)
    }

    /// Held against what was taken last, and not against what was accepted and then could not be adopted: that is offered
    /// again, and refused again.
    ///
    /// - Returns: false: it is in force already.
    func accepts(_ offered: SnapshotPull.Taken) throws(PullRefusal) -> Bool {
        var acceptance = SnapshotAcceptance(
            origin: origin, number: taken.map { $0.held?.from ?? $0.payload.number } ?? 0, bytes: taken?.size ?? 0,
            routes: taken?.loaded.snapshot.routes.count ?? 0)
        do throws(SnapshotRefusal) {
            try acceptance.accept(offered.offer)
            return true
        } catch {
            if case .alreadyInForce = error { return false }
            throw PullRefusal(number: offered.payload.number, message: error.message, mend: error.mend)
        }
    }

    mutating func took(_ taken: SnapshotPull.Taken) {
        self.taken = taken
        marks = FileMarks(of: taken.loaded.referencedFiles)
    }
}

extension SnapshotPull.Taken {
    fileprivate var size: Int { bytes }

    fileprivate var offer: SnapshotOffer {
        SnapshotOffer(
            formatVersion: payload.format, number: payload.number, origin: payload.origin, bytes: bytes,
            routes: loaded.snapshot.routes.count, isConfirmed: payload.confirmed)
    }
}
