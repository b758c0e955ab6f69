/// What a provider said when it refused: the status and, where the body could be read, its own words.
package struct FailureSignal: Sendable, Hashable {
    package var status: Int
    package var code: String?
    package var type: String?
    package var message: String?

    package init(status: Int, code: String? = nil, type: String? = nil, message: String? = nil) {
        self.status = status
        self.code = code
        self.type = type
        self.message = message
    }
}

/// Reads a failure class off a signal: the provider's own code and type first, its phrases next, the status last.
///
/// Phrases are a heuristic. They are tried in an order that keeps the dearer mistake away: quota before rate limit
/// (waiting does not refill an empty account), region and model before a generic 403 or 404 (a legal block must not
/// look like a bad key). A 5xx is transient whatever its text says, because servers in trouble quote anything.
package enum FailureTable {
    package static func classify(_ signal: FailureSignal) -> FailureClass {
        if (300..<400).contains(signal.status) {
            return .misconfigured
        }
        let words = [signal.code, signal.type].compactMap { $0?.lowercased() }
        let message = signal.message?.lowercased() ?? ""
        if signal.status >= 500 {
            let isOverload =
                signal.status == 529 || words.contains("overloaded_error")
                || (signal.status == 503 && message.contains("overloaded"))
            return isOverload ? .capacity : .transient
        }
        for row in rows where row.applies(to: signal.status) {
            if words.contains(where: row.words.contains) || row.phrases.contains(where: { message.contains($0) }) {
                return row.failureClass
            }
        }
        return classify(status: signal.status)
    }

    private static func classify(status: Int) -> FailureClass {
        switch status {
        case 401: .credential
        case 402: .quota
        case 403: .credential
        case 404: .modelAccess
        case 408: .transient
        case 410: .modelGone
        case 429: .rateLimit
        case 451: .restricted
        case 400..<500: .callerFault
        default: .empty
        }
    }

    private struct Row {
        var failureClass: FailureClass
        var words: Set<String> = []
        var phrases: [String] = []
        /// Empty: any 4xx, and errors inside a success.
        var statuses: Set<Int> = []

        func applies(to status: Int) -> Bool {
            statuses.isEmpty || statuses.contains(status)
        }
    }

    /// In order of precedence.
    private static let rows: [Row] = [
        Row(
            failureClass: .quota,
            words: ["insufficient_quota", "billing_hard_limit_reached", "billing_error"],
            phrases: ["credit balance", "spending cap", "key limit exceeded", "exceeded your current quota"]),
        Row(
            failureClass: .restricted,
            words: ["unsupported_country_region_territory"],
            phrases: ["location is not supported", "not available in your region", "country, region, or territory"]),
        Row(
            failureClass: .account,
            words: ["organization_restricted", "account_deactivated"],
            phrases: ["account is not active", "account has been deactivated"]),
        Row(
            failureClass: .credential,
            words: [
                "invalid_api_key", "authentication_error", "unauthenticated", "unrecognizedclientexception",
                "expiredtokenexception", "invalid_authentication",
            ],
            phrases: ["api key not valid", "incorrect api key"]),
        Row(
            failureClass: .modelGone,
            words: ["model_decommissioned"],
            phrases: ["decommissioned", "has been deprecated", "has been retired", "no longer available"],
            statuses: [400, 403, 404, 410]),
        Row(
            failureClass: .modelAccess,
            words: ["model_not_found", "deploymentnotfound", "unknown_model"],
            statuses: [400, 403, 404]),
        Row(
            failureClass: .tooLong,
            words: ["context_length_exceeded"],
            phrases: ["prompt is too long", "maximum context length", "exceed context window"],
            statuses: [400, 413, 422]),
        Row(
            failureClass: .policy,
            words: ["content_policy_violation", "content_filter", "responsibleaipolicyviolation"],
            statuses: [400, 403]),
        Row(failureClass: .capacity, words: ["overloaded_error", "engine_overloaded"]),
        Row(failureClass: .rateLimit, words: ["rate_limit_exceeded", "rate_limit_error", "resource_exhausted"]),
        Row(failureClass: .transient, words: ["server_error", "api_error", "internal_error"], statuses: [200]),
    ]
}
