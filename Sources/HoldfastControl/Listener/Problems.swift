import HoldfastAPI
import HoldfastCore

/// The problems that every noun has. Those of one noun stand with it.
extension ProblemView {
    static func invalid(_ fields: [Field]) -> ProblemView {
        ProblemView(
            "invalid", "The request is not valid", status: 422,
            detail: fields.map { "\($0.field): \($0.message)" }.joined(separator: "; "),
            mend: fields.count == 1 ? fields[0].mend : "see fields", fields: fields)
    }

    static func conflict(_ detail: String, mend: String) -> ProblemView {
        ProblemView("conflict", "This cannot be done now", status: 409, detail: detail, mend: mend)
    }

    static func notFound(_ noun: String) -> ProblemView {
        ProblemView(
            "not-found", "Not found", status: 404, detail: "there is no such \(noun)", mend: "list them to see the ids")
    }

    static let unauthorized = ProblemView(
        "unauthorized", "No valid token", status: 401, detail: "a valid token of the management plane is needed",
        mend: "send `Authorization: Bearer hf_…`; an admin makes one with holdfast tokens create")

    static func forbidden(kind: String, permission: String) -> ProblemView {
        ProblemView(
            "forbidden", "Not permitted", status: 403, detail: "a token of the kind \(kind) has not \(permission)",
            mend: "use a token of a kind that has it, or have it granted")
    }

    static let noSuchKind = invalid([
        .init(
            field: "kind", message: "there is no such kind",
            mend: "use \(PrincipalKind.allCases.map(\.rawValue).joined(separator: ", "))")
    ])

    static let noSuchPath = ProblemView(
        "no-such-path", "Not found", status: 404, detail: "the API has no such path", mend: "see /openapi.json")

    static func method(allowed: [String]) -> ProblemView {
        ProblemView(
            "method", "Method not allowed", status: 405, detail: "this path takes \(allowed.joined(separator: ", "))",
            mend: "see /openapi.json")
    }

    static let host = ProblemView(
        "host", "Wrong host", status: 421, detail: "this listener does not answer to that name",
        mend: "ask for it by the address in control.listen, or add the name to control.hosts and start it again")

    static let wrongMediaType = ProblemView(
        "media-type", "Wrong media type", status: 415, detail: "the body is not JSON",
        mend: "send `content-type: application/json`")

    static let tooLarge = ProblemView(
        "too-large", "Body too large", status: 413, detail: "the body is over \(APIListener.longestBody) bytes",
        mend: "send less")

    static let slowBody = ProblemView(
        "slow-body", "The body did not come", status: 408,
        detail: "the body was not whole after \(APIListener.bodyTime.components.seconds) s", mend: "send it again")

    static var tooManyGuesses: ProblemView {
        var problem = ProblemView(
            "guesses", "Too many failed sign-ins", status: 429,
            detail: "too many tokens from this address were not right",
            mend: "wait, or send one that is right: it is never locked out")
        problem.retryAfter = Int(GuessThrottle.refillNanoseconds / Span.second)
        return problem
    }

    /// The store cannot be read or written, or is full.
    init(_ failure: StoreFailure) {
        self.init(
            "store", "The store cannot be used", status: 503, detail: failure.reason, mend: failure.mend)
    }
}

extension ProblemView.Field {
    static let illegalID = ProblemView.Field(
        field: "id", message: "this is no id", mend: "use 1 to \(KeyText.longestID) of a-z, 0-9 and '-'")

    /// Characters as Unicode counts them.
    static let longestNote = 200

    /// Nil: nothing is wrong with it.
    static func illegalNote(_ note: String) -> ProblemView.Field? {
        let hasControls = note.unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard note.unicodeScalars.count > longestNote || hasControls else { return nil }
        return ProblemView.Field(
            field: "note", message: "the note is too long or holds control characters",
            mend: "use at most \(longestNote) characters on one line")
    }
}
