/// What a failed attempt means. One case for each row of the table of failure classes; everything that follows from a
/// failure is read off its `policy`, so that a new signal needs a row and no code.
package enum FailureClass: String, Sendable, Hashable, CaseIterable {
    /// Refused, reset, DNS or TLS failure before the head, or a 5xx whatever its text says.
    case transient
    /// No head, or no first token, in time.
    case silent
    /// The provider as a whole is overloaded, and says so.
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
    /// Asked to continue another's answer, it said something else. No fault of its own.
    case diverged
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

    /// What the failure speaks of.
    package enum Scope: Sendable, Hashable {
        /// This request alone.
        case exchange
        case deployment
        /// The key: everything that is asked for with it.
        case credential
        case provider
        /// The provider under every name and key that it has in the same region.
        case region
    }

    /// For how long it is taken out, beyond what the breaker does.
    package enum Hold: Sendable, Hashable {
        case none
        /// As long as the provider asks for, and not at all where it asks for nothing.
        case asAsked
        /// Doubling from one suspension to the next.
        case growing(firstNanoseconds: Int64, longestNanoseconds: Int64)
        /// Not probed: a person clears it.
        case untilCleared
    }

    package var sameDeployment: SameDeployment
    package var moveOn: MoveOn
    package var outcome: AttemptOutcome
    package var scope: Scope
    package var hold: Hold
    package var alert: Bool
}

extension FailureClass {
    /// The rows of the table of failure classes. Waits: a quota or an account is mended by somebody at a desk, a key is
    /// often mended by the rotation that broke it, a model that is gone does not come back.
    package var policy: FailurePolicy {
        switch self {
        case .transient: row(.once, .toNext, .fail, .deployment)
        case .silent: row(.never, .toNext, .fail, .deployment)
        // A provider that turns half away still answers the other half. The breaker would take away all of it, and let go
        // of what is well again only after its open time; the throttle asks for what can be had.
        case .capacity: row(.once, .toNext, .neutral, .provider)
        case .rateLimit: row(.afterWait, .toNext, .neutral, .deployment, .asAsked)
        case .quota: row(.never, .toNext, .neutral, .credential, Self.minutes(5, upTo: 60), alert: true)
        case .credential: row(.never, .toNext, .neutral, .credential, Self.minutes(1, upTo: 15), alert: true)
        case .restricted: row(.never, .toLawful, .neutral, .region, .untilCleared, alert: true)
        case .account: row(.never, .toNext, .neutral, .provider, Self.minutes(5, upTo: 60), alert: true)
        case .modelAccess: row(.never, .toNext, .neutral, .deployment, Self.minutes(1, upTo: 15), alert: true)
        case .modelGone: row(.never, .toReplacement, .neutral, .deployment, Self.minutes(15, upTo: 360), alert: true)
        case .tooLong: row(.never, .toLargerContext, .neutral, .exchange)
        case .policy, .callerFault, .neutral: row(.never, .never, .neutral, .exchange)
        case .misconfigured: row(.never, .toNext, .fail, .deployment)
        case .empty: row(.never, .toNext, .fail, .deployment)
        case .truncated: row(.never, .toNext, .fail, .deployment)
        case .diverged, .localExhaustion: row(.never, .toNext, .neutral, .exchange)
        }
    }

    private static func minutes(_ first: Int64, upTo longest: Int64) -> FailurePolicy.Hold {
        .growing(firstNanoseconds: first * Span.minute, longestNanoseconds: longest * Span.minute)
    }

    private func row(
        _ sameDeployment: FailurePolicy.SameDeployment, _ moveOn: FailurePolicy.MoveOn, _ outcome: AttemptOutcome,
        _ scope: FailurePolicy.Scope, _ hold: FailurePolicy.Hold = .none, alert: Bool = false
    ) -> FailurePolicy {
        FailurePolicy(
            sameDeployment: sameDeployment, moveOn: moveOn, outcome: outcome, scope: scope, hold: hold, alert: alert)
    }
}

extension FailureClass {
    /// What an operator can do about it, for a log line read at three in the morning.
    package var mend: String {
        switch self {
        case .transient, .silent, .empty, .truncated: "nothing to do here; the provider's status page may say more"
        case .capacity: "nothing to do here; add a candidate at another provider if this lasts"
        case .rateLimit: "ask the provider for a higher limit, or add a candidate"
        case .quota: "pay the provider's bill or raise its spending cap; the next trial finds it by itself"
        case .credential: "give the provider a valid api_key; a new key comes into force with the file"
        case .restricted:
            "the provider refuses this region by law or policy: nothing is sent to it until its entry in the file "
                + "changes or the gateway starts again"
        case .account: "settle it with the provider: the account is closed or not active"
        case .modelAccess: "let the account use the model, or correct its name"
        case .modelGone: "name another model, or set replaced_by"
        case .tooLong: "add a candidate with a larger context_tokens"
        case .diverged:
            "nothing to do here; a candidate with the capability prefill, or delivery: hold, saves more broken streams"
        case .policy, .callerFault, .neutral: "nothing to do here; the request itself is at fault"
        case .misconfigured: "check the provider's base_url and dialect"
        case .localExhaustion: "raise this process's limit of open files, or the provider's pool"
        }
    }
}
