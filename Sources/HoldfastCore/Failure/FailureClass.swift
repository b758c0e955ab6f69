/// What a failed attempt means. One case for each row of the table of failure classes; everything that follows from a
/// failure is read off its `policy`, so that a new signal needs a row and no code.
package enum FailureClass: String, Sendable, Hashable, CaseIterable {
    /// Refused, reset, DNS or TLS failure before the head, or a 5xx whatever its text says.
    case transient
    /// No head, or no first token, in time.
    case silent
    /// The provider as a whole is overloaded.
    case capacity
    /// A 429 that ends by waiting.
    case rateLimit = "rate_limit"
    /// Money or quota is used up; ends by an operator or a monthly reset.
    case quota
    case credential
    /// Refused by law or policy of the provider: never probed.
    case restricted
    case account
    case modelAccess = "model_access"
    case modelGone = "model_gone"
    case tooLong = "too_long"
    /// The provider declined the content. A refusal is not routed around.
    case policy
    case callerFault = "caller_fault"
    /// The answer shows that the provider is configured wrongly here, such as a redirect.
    case misconfigured
    /// A success status without an answer in it.
    case empty
    /// Output began and did not end properly.
    case truncated
    /// Ended by us or by the client; says nothing about the deployment.
    case neutral
    /// This process ran out of something of its own: descriptors, ports, its pool's bound.
    case localExhaustion = "local_exhaustion"
}

/// What one outcome of an attempt tells the breaker of its deployment.
package enum AttemptOutcome: String, Sendable, Hashable, CaseIterable {
    case ok, fail, neutral
}

/// Everything that follows from a failure class.
package struct FailurePolicy: Sendable, Hashable {
    package enum SameDeployment: Sendable, Hashable {
        case never
        /// Once, after a jittered backoff.
        case once
        /// Once, after the wait the provider asked for, where that is short.
        case afterWait
    }

    package enum MoveOn: Sendable, Hashable {
        case never, toNext, toLargerContext, toLawful, toReplacement
    }

    /// What is taken out, beyond what the breaker does.
    package enum Scope: Sendable, Hashable {
        case none, deployment, credential, provider
    }

    package var sameDeployment: SameDeployment
    package var moveOn: MoveOn
    package var outcome: AttemptOutcome
    package var scope: Scope
    package var alert: Bool
}

extension FailureClass {
    package var policy: FailurePolicy {
        switch self {
        case .transient: row(.once, .toNext, .fail)
        case .silent: row(.never, .toNext, .fail)
        case .capacity: row(.once, .toNext, .fail, scope: .provider)
        case .rateLimit: row(.afterWait, .toNext, .neutral)
        case .quota: row(.never, .toNext, .fail, scope: .credential, alert: true)
        case .credential: row(.never, .toNext, .fail, scope: .credential, alert: true)
        case .restricted: row(.never, .toLawful, .fail, scope: .provider, alert: true)
        case .account: row(.never, .toNext, .fail, scope: .provider, alert: true)
        case .modelAccess: row(.never, .toNext, .fail, scope: .deployment, alert: true)
        case .modelGone: row(.never, .toReplacement, .fail, scope: .deployment, alert: true)
        case .tooLong: row(.never, .toLargerContext, .neutral)
        case .policy, .callerFault, .neutral: row(.never, .never, .neutral)
        case .misconfigured: row(.never, .toNext, .fail, alert: true)
        case .empty: row(.never, .toNext, .fail)
        case .truncated: row(.never, .toNext, .fail)
        case .localExhaustion: row(.never, .toNext, .neutral)
        }
    }

    private func row(
        _ sameDeployment: FailurePolicy.SameDeployment, _ moveOn: FailurePolicy.MoveOn, _ outcome: AttemptOutcome,
        scope: FailurePolicy.Scope = .none, alert: Bool = false
    ) -> FailurePolicy {
        FailurePolicy(sameDeployment: sameDeployment, moveOn: moveOn, outcome: outcome, scope: scope, alert: alert)
    }
}
