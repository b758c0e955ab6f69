/// Slows down who guesses keys: a token bucket for each address block, 10 a minute, burst 20. It delays nobody with a
/// valid key, since only failures draw on it, and it never locks a key out.
package struct GuessThrottle: Sendable {
    package static let burst = 20
    package static let refillNanoseconds = 6 * Span.second
    /// Address blocks remembered; all knowledge goes when it is full.
    package static let longest = 10_000

    private var buckets: [String: (tokens: Int, at: Instant)] = [:]

    package init() {}

    /// False: this address block has failed too often of late.
    package mutating func recordFailure(block: String, now: Instant) -> Bool {
        if buckets.count >= Self.longest, buckets[block] == nil { buckets.removeAll() }
        var (tokens, at) = buckets[block] ?? (Self.burst, now)
        let refill = Int(now.nanoseconds(since: at) / Self.refillNanoseconds)
        if refill > 0 {
            tokens = min(Self.burst, tokens + refill)
            at = at.advanced(byNanoseconds: Int64(refill) * Self.refillNanoseconds)
        }
        let isAllowed = tokens > 0
        buckets[block] = (max(tokens - 1, 0), at)
        return isAllowed
    }

    /// The /24 of an IPv4 address and the /64 of an IPv6 one, as `inet_ntop` writes them; whoever has no address is on
    /// this machine.
    package static func block(ofAddress text: String?) -> String {
        guard let text else { return "local" }
        guard text.contains(":") else { return text.split(separator: ".").prefix(3).joined(separator: ".") }
        // One run of zero groups may be left out: what stands before it, filled up with zeros, is the beginning.
        let hasGap = text.contains("::")
        let groups = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let before = hasGap ? Array(groups.prefix { !$0.isEmpty }) : groups
        let after = hasGap ? groups.dropFirst(before.count).count { !$0.isEmpty } : 0
        let zeros = max(8 - before.count - after, 0)
        let rest = hasGap ? groups.dropFirst(before.count).filter { !$0.isEmpty } : []
        return (before + Array(repeating: "0", count: zeros) + rest).prefix(4).joined(separator: ":")
    }
}
