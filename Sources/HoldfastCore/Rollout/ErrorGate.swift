/// Whether errors have risen: ok, bad, or unknown, which is never taken for ok.
///
/// The rate itself says little where there is little traffic: two errors of four requests are chance as often as not. So
/// a rate counts as higher only where even its Wilson lower bound is (one-sided 95 %, z = 1.645), and as bad only with
/// five errors behind it. What is looked at every few seconds crosses a bound by chance sooner or later, so there is
/// slack as well: half of the rate before and half a percent. What it does not know: why. A provider that fails while a
/// snapshot is tried raises the errors of all, so the rate beside it, of those that are not trying it, counts as before.
package enum ErrorGate {
    package enum Verdict: Sendable, Hashable {
        case ok, bad, unknown
    }

    package static let z = 1.645
    package static let leastErrors: Int64 = 5
    /// Fewer say nothing in its favour either.
    package static let leastRequests: Int64 = 30
    package static let slack = 0.005
    package static let slackFactor = 1.5

    /// - Parameter before: what it is held against; none of it may be enough to say anything, which counts as no errors.
    package static func judge(_ counts: RequestCounts, against before: [RequestCounts]) -> Verdict {
        let usual = before.filter { $0.requests >= leastRequests }.map(\.errorRate).max() ?? 0
        let isHigher = counts.errorRateLowerBound > usual * slackFactor + slack
        if isHigher { return counts.errors >= leastErrors ? .bad : .unknown }
        return counts.requests >= leastRequests ? .ok : .unknown
    }
}

package struct RequestCounts: Sendable, Hashable {
    package private(set) var requests: Int64
    /// At most `requests`.
    package private(set) var errors: Int64

    /// More than anybody serves. A count beyond it is made up, and none of our sums overflows.
    package static let most: Int64 = 1 << 48

    package static let none = RequestCounts()

    private init() {
        requests = 0
        errors = 0
    }

    /// Nil: nobody can have counted this.
    package init?(requests: Int64, errors: Int64) {
        guard (0...Self.most).contains(requests), (0...requests).contains(errors) else { return nil }
        self.requests = requests
        self.errors = errors
    }

    package static func + (left: RequestCounts, right: RequestCounts) -> RequestCounts {
        var sum = left
        sum.requests += right.requests
        sum.errors += right.errors
        return sum
    }

    /// What came on top of `earlier`, which is a part of these.
    package func since(_ earlier: RequestCounts) -> RequestCounts {
        var rest = self
        rest.requests = max(requests - earlier.requests, 0)
        rest.errors = min(max(errors - earlier.errors, 0), rest.requests)
        return rest
    }

    package var errorRate: Double {
        requests == 0 ? 0 : Double(errors) / Double(requests)
    }

    /// Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    package var errorRateLowerBound: Double {
        guard requests > 0 else { return 0 }
        let (n, rate, z) = (Double(requests), errorRate, ErrorGate.z)
        let centre = rate + z * z / (2 * n)
        let spread = z * (rate * (1 - rate) / n + z * z / (4 * n * n)).squareRoot()
        return max((centre - spread) / (1 + z * z / n), 0)
    }
}
