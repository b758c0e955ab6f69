package import HoldfastCore

/// One way of failing on purpose, with its parameters. What it does at which point is decided in `FaultPlan`.
package enum Fault: Equatable, Sendable {
    case refuse
    case reset
    case silence
    case slowFirstToken(delayNanoseconds: Int64)
    case slowHead(delayNanoseconds: Int64)
    case slowTokens(gapNanoseconds: Int64)
    case stall(afterTokens: Int)
    case cut(afterTokens: Int)
    case status(Int, code: String?)
    /// `delayNanoseconds` is the wait the answer asks for; nil stands for the time left on the lease, since a real
    /// limit is over when it says that it will be.
    case rateLimit(RateLimitWait, delayNanoseconds: Int64?)
    case malformed(afterTokens: Int)
    case html
    case inBandError(afterTokens: Int)
    case empty(done: Bool)
    case noDone
    case redirect(location: String?)
    case stale
}

/// How a 429 says when to come back.
package enum RateLimitWait: String, CaseIterable, Sendable {
    case none
    case seconds
    case httpDate = "http_date"
    case milliseconds = "ms"
    case resetHeaders = "reset_headers"
}

/// The name of a fault, as in the control API and in model names.
package enum FaultName: String, CaseIterable, Sendable {
    case refuse
    case reset
    case silence
    case slowFirstToken = "slow_first_token"
    case slowHead = "slow_head"
    case slowTokens = "slow_tokens"
    case stall
    case cut
    case status
    case rateLimit = "rate_limit"
    case malformed
    case html
    case inBandError = "in_band_error"
    case empty
    case noDone = "no_done"
    case redirect
    case stale

    package static let known = allCases.map(\.rawValue).joined(separator: ", ")
}

package enum FaultParameter: String, CaseIterable, Sendable {
    case afterTokens = "after_tokens"
    case status
    case code
    case wait
    case delay
    case gap
    case location
    case done

    package var explanation: String {
        switch self {
        case .afterTokens: "how many tokens come before it (3; for malformed 0)"
        case .status: "one of \(StatusAnswer.known.map(String.init).joined(separator: ", ")) (500)"
        case .code:
            "the error's code; with a cause of its own: "
                + StatusAnswer.knownCodes.map { "\($0.status) \($0.code)" }.joined(separator: ", ")
        case .wait: "one of \(RateLimitWait.allCases.map(\.rawValue).joined(separator: ", ")) (seconds)"
        case .delay: "a duration such as 20s (20s; for rate_limit the wait it asks for: the lease's time left, else 2s)"
        case .gap: "the time between two tokens (1s)"
        case .location: "where to (a host that does not exist)"
        case .done: "false leaves out the final [DONE] too (true)"
        }
    }
}

/// Why a fault cannot be had, in words for the person who asked.
package struct FaultProblem: Error, Equatable {
    package var message: String
    /// The field at fault, for `error.param`.
    package var field: String?
}

extension FaultName {
    package var explanation: String {
        switch self {
        case .refuse:
            "Connects are refused and open connections are reset, as when the process is gone. "
                + "Needs a lease, so it is set by the control API alone."
        case .reset: "The connection is reset (RST) once the request has arrived."
        case .silence: "The request is read and never answered."
        case .slowFirstToken:
            "The head and the role come at once, the first token only after the delay. Unary: the whole answer does."
        case .slowHead: "Nothing at all comes until the delay is over, then a good answer."
        case .slowTokens: "A good answer with a long gap between two tokens."
        case .stall: "The stream stops after some tokens and the connection stays open. Unary: half of the body."
        case .cut: "The connection is closed after some tokens, in the middle of the answer. Unary: half of the body."
        case .status: "An error answer with this status and a body as real providers send it."
        case .rateLimit: "429, with one of the ways to say when to come back."
        case .malformed: "After some tokens every event is something that is not JSON. Unary: the body is."
        case .html: "200 with an HTML page, as a captive portal or a misrouted proxy answers."
        case .inBandError:
            "After some tokens an error event inside the 200, then the end without [DONE]. Unary: 200 with an error body."
        case .empty: "200 with a stream that holds nothing but [DONE]. Unary: no choices."
        case .noDone:
            "A good stream that ends after finish_reason without [DONE], which is legal. Unary: a good answer."
        case .redirect: "307 to elsewhere."
        case .stale: "A kept-alive connection is closed when its next request arrives. A first request is answered."
        }
    }

    package var parameters: [FaultParameter] {
        switch self {
        case .slowFirstToken, .slowHead: [.delay]
        case .slowTokens: [.gap]
        case .stall, .cut, .malformed, .inBandError: [.afterTokens]
        case .status: [.status, .code]
        case .rateLimit: [.wait, .delay]
        case .empty: [.done]
        case .redirect: [.location]
        case .refuse, .reset, .silence, .html, .noDone, .stale: []
        }
    }

    /// A model name that asks for this fault in one request; nil where one request cannot.
    package var exampleModel: String? {
        let prefix = Fault.modelPrefix + rawValue
        return switch self {
        case .refuse: nil
        case .slowFirstToken, .slowHead: prefix + "-20s"
        case .slowTokens: prefix + "-1s"
        case .stall, .cut, .inBandError: prefix + "-5"
        case .status: prefix + "-503"
        case .rateLimit: prefix + "-seconds-2s"
        case .empty: prefix + "-nothing"
        case .reset, .silence, .malformed, .html, .noDone, .redirect, .stale: prefix
        }
    }
}

// MARK: - By fields (control API) and by model name

extension Fault {
    package static let modelPrefix = "practice-fault-"
    /// Long enough that every sensible first-token limit passes before it.
    package static let defaultDelayNanoseconds = 20 * Span.second
    package static let defaultGapNanoseconds = Span.second
    /// Longer faults are better told by a lease that ends than by one answer that hangs.
    package static let delayLimitNanoseconds = Span.hour

    package var name: FaultName {
        switch self {
        case .refuse: .refuse
        case .reset: .reset
        case .silence: .silence
        case .slowFirstToken: .slowFirstToken
        case .slowHead: .slowHead
        case .slowTokens: .slowTokens
        case .stall: .stall
        case .cut: .cut
        case .status: .status
        case .rateLimit: .rateLimit
        case .malformed: .malformed
        case .html: .html
        case .inBandError: .inBandError
        case .empty: .empty
        case .noDone: .noDone
        case .redirect: .redirect
        case .stale: .stale
        }
    }

    /// Reads a fault from the parameters of the control API. A parameter that this fault does not know is an error:
    /// somebody expects it to do something.
    package static func from(
        name text: String, parameters: [(FaultParameter, JSONValue)]
    ) throws(FaultProblem) -> Fault {
        guard let name = FaultName(rawValue: text) else {
            throw FaultProblem(message: "There is no fault '\(text)'. Known: \(FaultName.known).", field: "fault")
        }
        for (parameter, _) in parameters where !name.parameters.contains(parameter) {
            let known = name.parameters.map(\.rawValue).joined(separator: ", ")
            let mend = known.isEmpty ? "It takes no parameters." : "It takes: \(known)."
            throw FaultProblem(
                message: "The fault '\(text)' has no parameter '\(parameter.rawValue)'. \(mend)",
                field: parameter.rawValue)
        }
        return try FaultReader(parameters: parameters).fault(name)
    }

    /// The fault that a model name asks for; nil where the name is not of that form.
    package static func from(model: String) throws(FaultProblem) -> Fault? {
        guard model.hasPrefix(modelPrefix) else { return nil }
        let parts = model.dropFirst(modelPrefix.count).split(separator: "-", omittingEmptySubsequences: false)
        let text = parts.first.map(String.init) ?? ""
        if text == FaultName.refuse.rawValue {
            throw FaultProblem(
                message: "'refuse' closes the listener for everyone, so it needs a lease: "
                    + "POST /practice/faults {\"fault\": \"refuse\", \"for\": \"30s\"}.",
                field: "model")
        }
        var parameters: [(FaultParameter, JSONValue)] = []
        let kinds = FaultName(rawValue: text)?.parameters ?? []
        let arguments = parts.dropFirst().map(String.init)
        guard arguments.count <= kinds.count else {
            throw FaultProblem(
                message: "The model '\(model)' has more parts than the fault '\(text)' has parameters.", field: "model")
        }
        for (kind, argument) in zip(kinds, arguments) {
            parameters.append((kind, value(of: kind, argument: argument)))
        }
        do {
            return try from(name: text, parameters: parameters)
        } catch {
            throw FaultProblem(message: error.message, field: "model")
        }
    }

    private static func value(of kind: FaultParameter, argument: String) -> JSONValue {
        switch kind {
        case .afterTokens, .status: Int(argument).map(JSONValue.integer) ?? .string(argument)
        case .done: argument == "nothing" ? .bool(false) : .string(argument)
        case .code, .wait, .delay, .gap, .location: .string(argument)
        }
    }
}

/// Reads each parameter by its kind, with its default.
private struct FaultReader {
    let parameters: [(FaultParameter, JSONValue)]

    func fault(_ name: FaultName) throws(FaultProblem) -> Fault {
        switch name {
        case .refuse: .refuse
        case .reset: .reset
        case .silence: .silence
        case .slowFirstToken:
            .slowFirstToken(delayNanoseconds: try span(.delay) ?? Fault.defaultDelayNanoseconds)
        case .slowHead: .slowHead(delayNanoseconds: try span(.delay) ?? Fault.defaultDelayNanoseconds)
        case .slowTokens: .slowTokens(gapNanoseconds: try span(.gap) ?? Fault.defaultGapNanoseconds)
        case .stall: .stall(afterTokens: try tokens(default: 3))
        case .cut: .cut(afterTokens: try tokens(default: 3))
        case .status: .status(try status(), code: try text(.code))
        case .rateLimit: .rateLimit(try wait(), delayNanoseconds: try span(.delay))
        case .malformed: .malformed(afterTokens: try tokens(default: 0))
        case .html: .html
        case .inBandError: .inBandError(afterTokens: try tokens(default: 3))
        case .empty: .empty(done: try done())
        case .noDone: .noDone
        case .redirect: .redirect(location: try location())
        case .stale: .stale
        }
    }

    private func value(_ parameter: FaultParameter) -> JSONValue? {
        parameters.first { $0.0 == parameter }?.1
    }

    private func wrong(_ parameter: FaultParameter) -> FaultProblem {
        FaultProblem(
            message: "'\(parameter.rawValue)' is not right. It is \(parameter.explanation).", field: parameter.rawValue)
    }

    private func tokens(default standard: Int) throws(FaultProblem) -> Int {
        guard let value = value(.afterTokens) else { return standard }
        guard let count = value.integer, (0...AnswerText.tokenLimit).contains(count) else { throw wrong(.afterTokens) }
        return count
    }

    private func span(_ parameter: FaultParameter) throws(FaultProblem) -> Int64? {
        guard let value = value(parameter) else { return nil }
        guard let text = value.string, let span = SpanText.parse(text), span <= Fault.delayLimitNanoseconds else {
            throw FaultProblem(
                message: "'\(parameter.rawValue)' must be a duration such as 20s or 500ms, at most 1h.",
                field: parameter.rawValue)
        }
        return span
    }

    private func status() throws(FaultProblem) -> Int {
        guard let value = value(.status) else { return 500 }
        guard let status = value.integer, StatusAnswer.known.contains(status) else { throw wrong(.status) }
        return status
    }

    private func text(_ parameter: FaultParameter) throws(FaultProblem) -> String? {
        guard let value = value(parameter) else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.count <= 128 else { throw wrong(parameter) }
        return text
    }

    private func wait() throws(FaultProblem) -> RateLimitWait {
        guard let value = value(.wait) else { return .seconds }
        guard let wait = value.string.flatMap(RateLimitWait.init(rawValue:)) else { throw wrong(.wait) }
        return wait
    }

    private func done() throws(FaultProblem) -> Bool {
        guard let value = value(.done) else { return true }
        guard let done = value.bool else { throw wrong(.done) }
        return done
    }

    private func location() throws(FaultProblem) -> String? {
        guard let value = value(.location) else { return nil }
        // Visible ASCII only: it becomes a header's value as it stands.
        guard let text = value.string, !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw wrong(.location)
        }
        return text
    }
}
