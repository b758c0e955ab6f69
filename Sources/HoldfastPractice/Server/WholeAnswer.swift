import HoldfastCore

/// An answer that is one head and one body.
struct WholeAnswer {
    var status = 200
    var contentType = ResponseWriter.json
    var headers: [(String, String)] = []
    var body: String

    /// The wait that a 429 asks for where neither the request nor a lease says one.
    static let standardWaitNanoseconds = 2 * Span.second

    static func make(
        _ cue: Cue, performance: PracticeRouter.Performance, provider: String, wallSeconds: Int
    ) -> WholeAnswer {
        switch cue {
        case .status(let status, let code):
            let answer = StatusAnswer.forFault(status: status, code: code)
            return WholeAnswer(status: status, body: answer.body.line)
        case .rateLimit(let wait, let delay):
            let span = delay ?? performance.leaseLeftNanoseconds ?? standardWaitNanoseconds
            return WholeAnswer(
                status: 429,
                headers: ProviderHeaders.limited(wait, delayNanoseconds: span, wallSeconds: wallSeconds),
                body: StatusAnswer.forFault(status: 429, code: nil).body.line)
        case .html:
            return WholeAnswer(
                contentType: "text/html; charset=utf-8",
                body: "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>"
                    + "<body><h1>Sign in to continue</h1></body></html>\n")
        case .redirect(let location):
            return WholeAnswer(
                status: 307, contentType: "text/plain",
                // A name that is reserved never to resolve (RFC 6761 §6.4).
                headers: [("location", location ?? "http://elsewhere.invalid/v1/chat/completions")], body: "")
        case .malformedBody:
            return WholeAnswer(
                body:
                    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"choices\":[{\"message\":{\"content\":\"This is"
            )
        case .errorBody:
            let answer = StatusAnswer(
                status: 200, type: "server_error", code: "server_error",
                message: "The server had an error while processing your request.")
            return WholeAnswer(body: answer.body.line)
        case .emptyBody:
            return WholeAnswer(
                headers: ProviderHeaders.limits, body: PlainBodies.emptied(content(performance)).line)
        default:
            return WholeAnswer(headers: ProviderHeaders.limits, body: content(performance).line)
        }
    }

    private static func content(_ performance: PracticeRouter.Performance) -> JSONValue {
        switch performance.content {
        case .generated(let answer, _): answer.body
        case .plain(let body): body
        case .none: .object([])
        }
    }
}

extension FaultPlan {
    /// Whether a client that reads to the end has a good answer.
    var endsWell: Bool {
        guard opening == .answer else { return false }
        return ending == .complete || ending == .withoutDone
    }
}
