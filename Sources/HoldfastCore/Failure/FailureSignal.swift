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
/// look like a bad key). A 5xx is transient whatever its text says, because servers in trouble quote anything. Quoted
/// words are not read: they are often the caller's own, and one caller must not be able to spell out a failure that
/// takes a deployment away from all others.
package enum FailureTable {
    package static func classify(_ signal: FailureSignal) -> FailureClass {
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
    private static let rows: [Row] = [
        Row(
            failureClass: .quota,
            words: ["insufficient_quota", "billing_hard_limit_reached", "billing_error"],
            phrases: [
                "credit balance", "spending cap", "key limit exceeded", "insufficient credits",
                "reached your specified api usage limits",
            ]),
        // Google says "exceeded your current quota" of a limit per minute too, and then names the wait.
        Row(
            failureClass: .rateLimit,
            phrases: ["please retry in", "please retry after", "please try again in"],
            statuses: [429]),
        Row(failureClass: .quota, phrases: ["exceeded your current quota"]),
        Row(
            failureClass: .restricted,
            words: ["unsupported_country_region_territory"],
            phrases: ["location is not supported", "not available in your region", "country, region, or territory"]),
        Row(
            failureClass: .account,
            words: ["organization_restricted", "account_deactivated"],
            phrases: [
                "account is not active", "account has been deactivated", "organization has been disabled",
            ]),
        Row(
            failureClass: .credential,
            words: [
                "invalid_api_key", "authentication_error", "unauthenticated", "unrecognizedclientexception",
                "expiredtokenexception", "invalid_authentication",
            ],
            phrases: ["api key not valid", "api key expired", "incorrect api key"]),
        Row(
            failureClass: .modelGone,
            words: ["model_decommissioned"],
            phrases: ["decommissioned", "has been deprecated", "has been retired", "no longer available"],
            about: "model",
            statuses: [400, 403, 404, 410]),
        Row(
            failureClass: .modelAccess,
            words: ["model_not_found", "deploymentnotfound", "unknown_model", "invalid_model"],
            phrases: ["is not a valid model id", "have access to the model"],
            statuses: [400, 403, 404]),
        Row(
            failureClass: .tooLong,
            words: ["context_length_exceeded", "exceed_context_size_error"],
            phrases: [
                "prompt is too long", "input is too long", "maximum context length", "exceed context limit",
                "exceed context window", "exceeds the available context size",
                "exceeds the maximum number of tokens",
            ],
            statuses: [400, 413, 422]),
        Row(
            failureClass: .policy,
            words: ["content_policy_violation", "content_filter", "responsibleaipolicyviolation", "invalid_prompt"],
            phrases: ["input was flagged", "requires moderation", "prompt was flagged"],
            statuses: [400, 403]),
        Row(failureClass: .capacity, words: ["overloaded_error", "engine_overloaded"]),
        Row(failureClass: .rateLimit, words: ["rate_limit_exceeded", "rate_limit_error", "resource_exhausted"]),
        Row(failureClass: .transient, words: ["server_error", "api_error", "internal_error"], statuses: [200]),
    ]
}
