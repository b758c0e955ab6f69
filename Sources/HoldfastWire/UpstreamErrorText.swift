/// A provider's own words about a failure, for the failure table and for the log of causes. Each is bounded; none is
/// meant for a client as it stands.
package struct UpstreamErrorText: Sendable, Equatable {
    package static let codeBytes = 128
    package static let messageBytes = 1024

    /// As text, even where the provider sends an integer.
    package var code: String?
    package var type: String?
    package var message: String?
    /// How long Google asks us to wait: it sends no `retry-after`. In `0 ... RetryAfter.longestNanoseconds`.
    package var retryDelayNanoseconds: Int64?

    package init(
        code: String? = nil, type: String? = nil, message: String? = nil, retryDelayNanoseconds: Int64? = nil
    ) {
        self.code = code
        self.type = type
        self.message = message
        self.retryDelayNanoseconds = retryDelayNanoseconds
    }

    /// Reads the body of a failed answer, or the value of an `error` field. Understood are the dialect's
    /// `{"error":{…}}`, the same inside a list, `{"error":"text"}`, `{"message":…}`, `{"detail":…}` and a bare string.
    /// Nil where the bytes are no JSON, or say nothing of an error.
    package static func read(_ bytes: UnsafeRawBufferPointer) -> UpstreamErrorText? {
        var json = JSONScanner(bytes, limits: .upstream)
        do {
            var text = UpstreamErrorText()
            try text.readAny(&json)
            try json.finish()
            return text == UpstreamErrorText() ? nil : text
        } catch {
            return nil
        }
    }

    private mutating func readAny(_ json: inout JSONScanner) throws(JSONProblem) {
        switch try json.kind() {
        case .object:
            try readObject(&json)
        case .string:
            message = try Self.string(&json, Self.messageBytes)
        case .array:
            try json.openArray()
            while try json.nextElement() {
                if self == UpstreamErrorText(), try json.kind() == .object {
                    try readObject(&json)
                } else {
                    try json.skipValue()
                }
            }
        case .number, .bool, .null:
            try json.skipValue()
        }
    }

    /// The inner `error` wins over fields beside it.
    private mutating func readObject(_ json: inout JSONScanner) throws(JSONProblem) {
        var outer = UpstreamErrorText()
        var inner = UpstreamErrorText()
        var status: String?
        var detail = UpstreamErrorText()
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "error") {
                try inner.readAny(&json)
            } else if json.matches(key, "message") || json.matches(key, "msg") || json.matches(key, "Message") {
                // With a capital where AWS refuses a key.
                outer.message = try Self.string(&json, Self.messageBytes) ?? outer.message
            } else if json.matches(key, "type") {
                outer.type = try Self.string(&json, Self.codeBytes)
            } else if json.matches(key, "code") {
                outer.code = try Self.code(&json)
            } else if json.matches(key, "status") {
                // Google's name of the class, beside a code that only repeats the HTTP status.
                status = try Self.string(&json, Self.codeBytes)
            } else if json.matches(key, "detail") {
                try detail.readAny(&json)
            } else if json.matches(key, "details") {
                outer.retryDelayNanoseconds = try Self.retryDelay(&json)
            } else {
                try json.skipValue()
            }
        }
        code = inner.code ?? outer.code
        type = inner.type ?? (inner == UpstreamErrorText() ? outer.type ?? status : nil)
        message = inner.message ?? outer.message ?? detail.message
        retryDelayNanoseconds = inner.retryDelayNanoseconds ?? outer.retryDelayNanoseconds
    }

    /// `[{"@type":"…RetryInfo","retryDelay":"34.4s"}, …]`: of all the details of Google, the one that is read.
    private static func retryDelay(_ json: inout JSONScanner) throws(JSONProblem) -> Int64? {
        guard try json.kind() == .array else {
            try json.skipValue()
            return nil
        }
        var delay: Int64?
        try json.openArray()
        while try json.nextElement() {
            guard try json.kind() == .object else {
                try json.skipValue()
                continue
            }
            try json.openObject()
            while let key = try json.nextKey() {
                if json.matches(key, "retryDelay") {
                    delay = try string(&json, codeBytes).flatMap { GoDuration.nanoseconds($0) } ?? delay
                } else {
                    try json.skipValue()
                }
            }
        }
        return delay.map { min($0, RetryAfter.longestNanoseconds) }
    }

    private static func string(_ json: inout JSONScanner, _ bound: Int) throws(JSONProblem) -> String? {
        guard try json.kind() == .string else {
            try json.skipValue()
            return nil
        }
        let text = try json.string()
        return text.isEmpty ? nil : json.text(of: text, maximumBytes: bound)
    }

    private static func code(_ json: inout JSONScanner) throws(JSONProblem) -> String? {
        guard try json.kind() == .number else { return try string(&json, codeBytes) }
        let number = try json.number()
        return json.integer(number).map { String($0) }
    }
}
