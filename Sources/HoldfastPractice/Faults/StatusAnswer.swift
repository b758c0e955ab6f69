package import HoldfastCore

/// The bodies of error answers, in the words of the providers this imitates: a client's classification reads the
/// code, the type and the phrase before the status, so they have to be right.
package struct StatusAnswer: Error, Equatable, Sendable {
    package var status: Int
    package var type: String
    package var code: String?
    package var message: String
    package var param: String?

    package init(status: Int, type: String, code: String?, message: String, param: String? = nil) {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.param = param
    }

    package static let known = [
        400, 401, 402, 403, 404, 408, 409, 410, 413, 422, 429, 451, 500, 502, 503, 504, 520, 529,
    ]

    /// A body for the status; `code` chooses among the causes that share it.
    package static func forFault(status: Int, code: String?) -> StatusAnswer {
        if let code, let cause = causes.first(where: { $0.status == status && $0.code == code }) { return cause }
        var answer =
            standard.first { $0.status == status }
            ?? StatusAnswer(status: status, type: "server_error", code: nil, message: "The request failed.")
        if let code {
            answer.code = code
            answer.message = "The request failed: \(code)."
        }
        return answer
    }

    package var body: JSONValue {
        [
            "error": [
                "message": .string(message),
                "type": .string(type),
                "param": param.map(JSONValue.string) ?? .null,
                "code": code.map(JSONValue.string) ?? .null,
            ]
        ]
    }

    private static let standard: [StatusAnswer] = [
        StatusAnswer(
            status: 400, type: "invalid_request_error", code: "invalid_value",
            message: "Invalid value for 'temperature': expected a value between 0 and 2.", param: "temperature"),
        StatusAnswer(
            status: 401, type: "invalid_request_error", code: "invalid_api_key",
            message: "Incorrect API key provided. You can find your API key in your account's settings."),
        StatusAnswer(
            status: 402, type: "billing_error", code: "insufficient_credits",
            message: "Insufficient credits. Add more credits to continue."),
        StatusAnswer(
            status: 403, type: "invalid_request_error", code: "permission_denied",
            message: "You are not allowed to use this model."),
        StatusAnswer(
            status: 404, type: "invalid_request_error", code: "model_not_found",
            message: "The model does not exist or you do not have access to it.", param: "model"),
        StatusAnswer(status: 408, type: "timeout_error", code: nil, message: "Request timed out."),
        StatusAnswer(
            status: 409, type: "invalid_request_error", code: "conflict",
            message: "The request conflicts with another request. Please try again."),
        StatusAnswer(
            status: 410, type: "invalid_request_error", code: "model_decommissioned",
            message: "The model has been decommissioned and is no longer available.", param: "model"),
        StatusAnswer(
            status: 413, type: "invalid_request_error", code: "request_too_large",
            message: "Maximum content size limit exceeded."),
        StatusAnswer(
            status: 422, type: "invalid_request_error", code: "unprocessable_entity",
            message: "The request was well-formed but could not be followed."),
        StatusAnswer(
            status: 429, type: "requests", code: "rate_limit_exceeded",
            message: "Rate limit reached on requests per min (RPM). Please try again later."),
        StatusAnswer(
            status: 451, type: "invalid_request_error", code: "unavailable_for_legal_reasons",
            message: "This model is unavailable for legal reasons."),
        StatusAnswer(
            status: 500, type: "server_error", code: nil,
            message: "The server had an error while processing your request. Sorry about that!"),
        StatusAnswer(status: 502, type: "server_error", code: nil, message: "Bad gateway."),
        StatusAnswer(
            status: 503, type: "server_error", code: nil,
            message: "The server is temporarily unable to answer. Please try again later."),
        StatusAnswer(status: 504, type: "server_error", code: nil, message: "The upstream request timed out."),
        StatusAnswer(
            status: 520, type: "server_error", code: nil, message: "The web server returned an unknown error."),
        StatusAnswer(status: 529, type: "overloaded_error", code: "overloaded", message: "Overloaded"),
    ]

    /// Which codes choose a cause of their own, by status.
    package static let knownCodes = causes.map { (status: $0.status, code: $0.code ?? "") }

    private static let causes: [StatusAnswer] = [
        StatusAnswer(
            status: 400, type: "invalid_request_error", code: "context_length_exceeded",
            message: "This model's maximum context length is 8192 tokens. However, your messages resulted in more. "
                + "Please reduce the length of the messages.",
            param: "messages"),
        StatusAnswer(
            status: 400, type: "invalid_request_error", code: "content_policy_violation",
            message: "Your request was rejected as a result of our safety system."),
        StatusAnswer(
            status: 400, type: "invalid_request_error", code: "content_filter",
            message: "The response was filtered due to the prompt triggering the content management policy."),
        StatusAnswer(
            status: 400, type: "invalid_request_error", code: "credit_balance_too_low",
            message: "Your credit balance is too low to access the API."),
        StatusAnswer(
            status: 403, type: "request_forbidden", code: "unsupported_country_region_territory",
            message: "Country, region, or territory not supported"),
        StatusAnswer(
            status: 403, type: "invalid_request_error", code: "organization_restricted",
            message: "Organization has been restricted."),
        StatusAnswer(
            status: 404, type: "invalid_request_error", code: "DeploymentNotFound",
            message: "The API deployment for this resource does not exist."),
        StatusAnswer(
            status: 429, type: "insufficient_quota", code: "insufficient_quota",
            message: "You exceeded your current quota, please check your plan and billing details."),
        StatusAnswer(
            status: 503, type: "server_error", code: "overloaded",
            message: "That model is currently overloaded with other requests."),
    ]
}
