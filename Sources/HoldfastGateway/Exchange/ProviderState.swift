import HoldfastCore
import Synchronization

/// What the loops share about one provider: whether it is out, with the key that it has. Outlives snapshots until the
/// file changes who is called or with which key.
final class ProviderState: Sendable {
    let provider: Provider
    private let suspension = Mutex(Suspension())
    /// Looked at before every attempt; the lock is taken only while it is set.
    private let isSuspended = Atomic<Bool>(false)

    init(provider: Provider) {
        self.provider = provider
    }

    var facts: Suspension.Facts? { suspension.withLock { $0.facts } }

    /// Whether what was learnt about this provider holds for `other`.
    func holds(for other: Provider) -> Bool {
        provider.id == other.id && provider.baseURL == other.baseURL && provider.apiKey == other.apiKey
            && provider.vendor == other.vendor && provider.region == other.region
            && provider.jurisdiction == other.jurisdiction
    }

    /// Whether a legal block of one is one of the other.
    func sharesRegion(with other: ProviderState) -> Bool {
        provider.vendor == other.provider.vendor && provider.region == other.provider.region
    }

    func refusal(now: Instant) -> Suspension.Facts? {
        guard isSuspended.load(ordering: .relaxed) else { return nil }
        return suspension.withLock { $0.refusal(now: now) }
    }

    /// For an attempt that is made at once if it may be.
    func admit(now: Instant) -> Suspension.Facts? {
        guard isSuspended.load(ordering: .relaxed) else { return nil }
        return suspension.withLock { $0.admit(now: now) }
    }

    /// A check found what kept it out perhaps mended.
    func mayBeMended(now: Instant) {
        suspension.withLock { $0.mayBeMended(now: now) }
    }

    func note(_ result: AttemptResult, now: Instant) -> SuspensionChange? {
        guard result.failure != nil || isSuspended.load(ordering: .relaxed) else { return nil }
        return suspension.withLock { suspension in
            let change = suspension.note(result, now: now)
            isSuspended.store(suspension.facts != nil, ordering: .relaxed)
            return change
        }
    }
}
