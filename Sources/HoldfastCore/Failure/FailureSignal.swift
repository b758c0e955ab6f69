/// What a provider said when it refused: the status and, where the body could be read, its own words.
package struct FailureSignal: Sendable, Hashable {
    package var status: Int
    package var code: String?
    package var type: String?
    package var message: String?
    /// `x-should-retry`, which the official clients follow whatever the status is.
    package var shouldRetry: Bool?

    package init(
        status: Int, code: String? = nil, type: String? = nil, message: String? = nil, shouldRetry: Bool? = nil
    ) {
        self.status = status
        self.code = code
        self.type = type
        self.message = message
        self.shouldRetry = shouldRetry
    }
}

/// Reads a failure class off a signal: the provider's own code and type first, its phrases next, the status last.
///
/// Phrases are a heuristic. They are tried in an order that keeps the dearer mistake away: quota before rate limit
/// (waiting does not refill an empty account), region and model before a generic 403 or 404 (a legal block must not
/// look like a bad key). A 5xx is transient whatever its text says, because servers in trouble quote anything. Quoted
/// words are not read: they are often the caller's own, and one caller must not be able to spell out a failure that
/// takes a deployment away from all others.
package enum FailureTable {
    package static func classify(_ signal: FailureSignal) -> FailureClass {
        let failure = classifyByWords(signal)
        // A conflict or a lock that the provider itself says will pass.
        return failure == .callerFault && signal.shouldRetry == true ? .transient : failure
    }

    private static func classifyByWords(_ signal: FailureSignal) -> FailureClass {
        let status = effectiveStatus(signal)
        if (300..<400).contains(status) {
            return .misconfigured
        }
        let words = [signal.code, signal.type].compactMap { $0?.lowercased() }
        let message = unquoted(signal.message ?? "").lowercased()
        if status >= 500 {
            let isOverload =
                status == 529 || words.contains("overloaded_error")
                || (status == 503 && message.contains("overloaded"))
            return isOverload ? .capacity : .transient
        }
        for row in rows where row.applies(to: status, words: words, message: message) {
            return row.failureClass
        }
        // A provider that refuses a key says so. What says nothing is somebody in between, such as a firewall that disliked
        // one caller's text, and that must not take the key away from all others.
        if status == 403, words.isEmpty, message.isEmpty { return .misconfigured }
        return classify(status: status)
    }

    /// Some relays answer with a success and put the status they mean into the error's code.
    private static func effectiveStatus(_ signal: FailureSignal) -> Int {
        guard (200..<300).contains(signal.status), let code = signal.code.flatMap({ Int($0) }),
            (400..<600).contains(code)
        else { return signal.status }
        return code
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

    /// Without whatever stands between the first and the last quotation mark of each kind. From the first to the last,
    /// because what is quoted may hold such marks itself. An apostrophe inside a word is no quotation mark.
    private static func unquoted(_ message: String) -> String {
        var bytes = Array(message.utf8)
        for mark in [UInt8(ascii: "`"), UInt8(ascii: "\""), UInt8(ascii: "'")] {
            let opens = bytes.indices.first { place in
                bytes[place] == mark && (place == 0 || !isLetter(bytes[place - 1]))
            }
            let closes = bytes.indices.last { place in
                bytes[place] == mark && (place + 1 == bytes.count || !isLetter(bytes[place + 1]))
            }
            if let opens, let closes, opens < closes {
                bytes.removeSubrange(opens...closes)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }

    private struct Row {
        var failureClass: FailureClass
        var words: Set<String> = []
        var phrases: [String] = []
        /// Must stand in the message too for a phrase to count.
        var about = ""
        /// Empty: any 4xx, and errors inside a success.
        var statuses: Set<Int> = []

        func applies(to status: Int, words found: [String], message: String) -> Bool {
            guard statuses.isEmpty || statuses.contains(status) else { return false }
            return found.contains(where: words.contains)
                || (phrases.contains(where: { message.contains($0) }) && (about.isEmpty || message.contains(about)))
        }
    }

    /// In order of precedence.
    private static let rows: [Row] = money + standing + models + requests + rest

    private static let money: [Row] = [
        Row(
            failureClass: .quota,
            words: ["insufficient_quota", "billing_hard_limit_reached", "billing_error"],
            phrases: [
                "credit balance", "spending cap", "key limit exceeded", "insufficient credits",
                "reached your specified api usage limits", "requires billing to be enabled", "can only afford 0.",
            ]),
        // A plan by the hour or the week, which says neither when it ends nor that it is no limit of requests.
        Row(
            failureClass: .quota,
            phrases: ["please wait or upgrade", "upgrade for higher limits"],
            about: "usage limit",
            statuses: [402, 403, 429]),
        // What is left would pay for a smaller request. One caller's large one must not take the key from all others.
        Row(
            failureClass: .rateLimit,
            phrases: [
                "more credits, or fewer max_tokens", "more credits are required to run this request",
                "prompt tokens limit exceeded",
            ],
            statuses: [402]),
        // Google says "exceeded your current quota" of a limit per minute too, and then names the wait.
        Row(
            failureClass: .rateLimit,
            phrases: ["please retry in", "please retry after", "please try again in"],
            statuses: [429]),
        Row(failureClass: .quota, phrases: ["exceeded your current quota"]),
    ]

    private static let standing: [Row] = [
        Row(
            failureClass: .restricted,
            words: ["unsupported_country_region_territory"],
            phrases: [
                "location is not supported", "not available in your region", "country, region, or territory",
                "unsupported countries, regions, or territories",
            ]),
        Row(
            failureClass: .account,
            words: ["organization_restricted", "account_deactivated"],
            phrases: [
                "account is not active", "account has been deactivated", "organization has been disabled",
                "your access was terminated", "resource has been temporarily blocked",
                "api has not been used in project",
            ]),
        Row(
            failureClass: .credential,
            words: [
                "invalid_api_key", "authentication_error", "unauthenticated", "unrecognizedclientexception",
                "expiredtokenexception", "invalid_authentication",
            ],
            phrases: ["api key not valid", "api key expired", "incorrect api key"]),
        // Refused by a network on the way, or by somebody behind a relay: nothing about the key.
        Row(
            failureClass: .misconfigured,
            phrases: [
                "virtual network", "configure private endpoint", "request not allowed", "provider returned error",
            ],
            statuses: [401, 403]),
    ]

    private static let models: [Row] = [
        // A file that the request names and the key may not read, or a tool that no model behind the name can use: for
        // everyone else the deployment is as good as before.
        Row(
            failureClass: .callerFault,
            phrases: [
                "permission to access the file", "cachedcontent not found", "no endpoints found that support",
            ],
            statuses: [403, 404]),
        Row(
            failureClass: .modelGone,
            words: ["model_decommissioned"],
            phrases: [
                "decommissioned", "has been deprecated", "has been retired", "no longer available",
                "marked by provider as legacy", "reached the end of its life",
            ],
            about: "model",
            statuses: [400, 403, 404, 410]),
        Row(
            failureClass: .modelAccess,
            words: ["model_not_found", "deploymentnotfound", "unknown_model", "invalid_model"],
            phrases: [
                "is not a valid model id", "have access to the model", "model identifier is invalid",
                "inference profile that contains this model", "model access is denied",
                "is not authorized to perform: bedrock:", "(or it may not exist)",
                "organization must be verified to use the model", "this model requires a subscription",
            ],
            statuses: [400, 403, 404]),
    ]

    /// Inside a success too, where the stream began before the provider looked.
    private static let requests: [Row] = [
        Row(
            failureClass: .tooLong,
            words: ["context_length_exceeded", "exceed_context_size_error"],
            phrases: [
                "prompt is too long", "input is too long", "maximum context length", "exceed context limit",
                "exceed context window", "exceeds the available context size",
                "exceeds the maximum number of tokens", "longer than the maximum model length",
                "but model only supports up to", "context length is only", "input length exceeds the context length",
            ],
            statuses: [200, 400, 413, 422]),
        // What is left of the context for the answer, once the prompt has taken more than all of it.
        Row(
            failureClass: .tooLong, phrases: ["must be at least 1, got -"], about: "max_tokens", statuses: [400]),
        Row(
            failureClass: .policy,
            words: ["content_policy_violation", "content_filter", "responsibleaipolicyviolation", "invalid_prompt"],
            phrases: [
                "input was flagged", "requires moderation", "prompt was flagged",
                "blocked by content filtering policy", "violation of provider terms of service",
            ],
            statuses: [200, 400, 403]),
    ]

    private static let rest: [Row] = [
        Row(failureClass: .capacity, words: ["overloaded_error", "engine_overloaded"]),
        Row(
            failureClass: .rateLimit,
            words: [
                "rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "throttlingexception",
                "servicequotaexceededexception",
            ]),
        Row(failureClass: .transient, words: ["modelerrorexception"], statuses: [424]),
        Row(failureClass: .transient, words: ["server_error", "api_error", "internal_error"], statuses: [200]),
        Row(failureClass: .callerFault, words: ["invalid_request_error", "invalid_argument"], statuses: [200]),
    ]
}
