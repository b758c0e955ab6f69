/// `application/problem+json` (RFC 9457), with the mend that every error of ours names.
package struct ProblemView: Codable, Sendable, Error, Equatable, CustomStringConvertible {
    package static let mediaType = "application/problem+json"

    /// One thing wrong with one field of the request.
    package struct Field: Codable, Sendable, Equatable {
        package var field: String
        package var message: String
        package var mend: String

        package init(field: String, message: String, mend: String) {
            self.field = field
            self.message = message
            self.mend = mend
        }
    }

    /// Says which problem it is, for programs: `about:blank` or `urn:holdfast:problem:NAME`.
    package var type: String
    package var title: String
    package var status: Int
    package var detail: String
    package var mend: String
    /// The request's id, as in the log.
    package var instance: String?
    package var fields: [Field]?
    /// Seconds; also in the header of that name.
    package var retryAfter: Int?

    /// For records and logs, which say what went wrong and not how that is sent.
    package var description: String { detail }

    /// - Parameter name: in lower case with hyphens.
    package init(
        _ name: String, _ title: String, status: Int, detail: String, mend: String, fields: [Field]? = nil
    ) {
        type = "urn:holdfast:problem:\(name)"
        self.title = title
        self.status = status
        self.detail = detail
        self.mend = mend
        self.fields = fields
    }
}
