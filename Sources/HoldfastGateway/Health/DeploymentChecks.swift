import HoldfastCore
import Logging
import NIOCore

/// Looks at deployments that nobody has asked for long, on a loop that serves no client: one list of models for all that
/// are due at a provider. What it finds is for people and for `/state`; it takes nothing out of service.
///
/// Confined to its loop.
final class DeploymentChecks {
    /// How late a check may begin.
    private static let interval = TimeAmount.seconds(1)

    private let shared: GatewayShared
    private let status: GatewayStatus
    private let loop: any EventLoop
    private var random: SeededRandom
    /// Deployments that are being checked.
    private var running = 0

    init(shared: GatewayShared, status: GatewayStatus, loop: any EventLoop) {
        self.shared = shared
        self.status = status
        self.loop = loop
        var system = SystemRandomNumberGenerator()
        random = SeededRandom(seed: system.next())
    }

    /// Ends with the loop, which this is called on.
    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { _ in
            bound.value.look(now: MonotonicClock.read())
        }
    }

    /// Begins the checks that are due.
    func look(now: Instant) {
        let inForce = status.inForce
        guard inForce.snapshot.gateway.checks, !status.isDraining else { return }
        let due = inForce.deployments.map { mayTell(of: $0, now: now) ? dueAt($0, now: now) : nil }
        var places: [Int: [DeploymentInForce]] = [:]
        for place in CheckSchedule.next(due, running: running, now: now) {
            let deployment = inForce.deployments[place]
            deployment.state.withLock { $0.checks.begin(now: now) }
            places[deployment.deployment.provider, default: []].append(deployment)
            running += 1
        }
        for (provider, deployments) in places { check(deployments, at: inForce.targets[provider]) }
    }

    /// What a drill fails on purpose is not checked meanwhile. A check that met the fault would leave a doubt that outlives
    /// it, and one that did not would call well what no exchange can use; nothing is known of it, and nothing is said.
    private func mayTell(of deployment: DeploymentInForce, now: Instant) -> Bool {
        !shared.faults.mayFailCheck(of: deployment.deployment.id, now: now)
    }

    private func dueAt(_ deployment: DeploymentInForce, now: Instant) -> Instant? {
        let providers = deployment.providerState.facts
        return deployment.state.withLock { shared in
            shared.checks.start(now: now, random: &random)
            return shared.checks.dueAt(suspension: providers ?? shared.health.suspension.facts, now: now)
        }
    }

    private func check(_ deployments: [DeploymentInForce], at target: UpstreamTarget) {
        ModelList.fetch(from: target, on: loop, resolver: shared.resolver).assumeIsolated().whenComplete { result in
            self.running -= deployments.count
            let now = MonotonicClock.read()
            for deployment in deployments {
                if self.mayTell(of: deployment, now: now) {
                    self.note(result, of: deployment, now: now)
                } else {
                    self.giveUp(deployment, now: now)
                }
            }
        }
    }

    private func giveUp(_ deployment: DeploymentInForce, now: Instant) {
        deployment.state.withLock { $0.checks.end(nil, isSuspended: false, now: now, random: &random) }
    }

    private func note(_ result: Result<ModelList.Answer, any Error>, of deployment: DeploymentInForce, now: Instant) {
        let outcome = CheckOutcome(CheckReply(result, model: deployment.deployment.model))
        let provider = deployment.providerState
        let isProviderOut = provider.facts != nil
        if let failure = provider.facts?.failure, outcome.mayBeMended(failure) { provider.mayBeMended(now: now) }
        let (before, after) = deployment.state.withLock { shared in
            let before = shared.checks.record.warmth(now: now)
            let own = shared.health.suspension.facts
            if let own, outcome.mayBeMended(own.failure) { shared.health.mayBeMended(now: now) }
            shared.checks.end(outcome, isSuspended: isProviderOut || own != nil, now: now, random: &random)
            shared.checksByOutcome[outcome.word, default: 0] += 1
            return (before, shared.checks.record.warmth(now: now))
        }
        log(outcome, before: before, after: after, of: deployment)
    }

    private func log(
        _ outcome: CheckOutcome, before: CheckRecord.Warmth, after: CheckRecord.Warmth, of deployment: DeploymentInForce
    ) {
        let facts: Logger.Metadata = ["deployment": "\(deployment.deployment.id)", "reason": "\(outcome.word)"]
        switch (before, after) {
        case (.doubtful(let old, _), .doubtful(let new, _)) where old == new: break
        case (_, .doubtful): shared.logger.warning("a check found the deployment not well", metadata: facts)
        case (.doubtful, _): shared.logger.notice("a check found the deployment well again", metadata: facts)
        default: break
        }
    }
}

extension CheckReply {
    fileprivate init(_ result: Result<ModelList.Answer, any Error>, model: String) {
        switch result {
        case .failure: self = .nothing
        case .success(.refused(let signal)): self = .refused(signal)
        case .success(.models(let models, let isWhole)):
            self = .list(hasModel: models.contains(model), isWhole: isWhole)
        case .success(.noList): self = .noList
        }
    }
}

extension CheckOutcome {
    var word: String {
        switch self {
        case .ok: "ok"
        case .unreachable: "unreachable"
        case .credentialRefused: "credential"
        case .modelNotListed: "model_not_listed"
        case .notSupported: "not_supported"
        case .overloaded: "overloaded"
        case .refused(let failure): failure.rawValue
        }
    }
}

extension CheckRecord.Warmth {
    var word: String {
        switch self {
        case .untested: "untested"
        case .warm: "warm"
        case .cold: "cold"
        case .doubtful: "doubtful"
        }
    }

    /// Nil: it was never seen.
    var nanosecondsAgo: Int64? {
        switch self {
        case .untested: nil
        case .warm(let ago), .cold(let ago), .doubtful(_, let ago): ago
        }
    }
}
