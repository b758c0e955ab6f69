import HoldfastCore
import HoldfastWire
import NIOCore

/// An error as the client sees it: a status and a body of its dialect. The one place that maps failures to responses.
struct ClientError: Error {
    var status: Int
    var message: String
    var type: String
    var param: String?
    var code: String
    /// A retry of the same request cannot help.
    var isFinal = false
    var retryAfterNanoseconds: Int64?
    var allow: StaticString?
    /// The connection cannot be used again: the request was not read to its end, or not understood.
    var closes = false

    static func badRequest(_ problem: RequestProblem) -> ClientError {
        ClientError(
            status: 400, message: problem.message, type: "invalid_request_error", param: problem.param,
            code: problem.code, isFinal: true)
    }

    static func badHeader(_ name: String, _ mend: String) -> ClientError {
        ClientError(
            status: 400, message: "The header '\(name)' is not valid: \(mend).", type: "invalid_request_error",
            code: "invalid_header", isFinal: true)
    }

    static let malformed = ClientError(
        status: 400, message: "The request is not valid HTTP/1.1.", type: "invalid_request_error",
        code: "malformed_request", isFinal: true, closes: true)

    static let unauthorized = ClientError(
        status: 401,
        message: "No valid API key. Send one of this gateway's keys as 'Authorization: Bearer …' or 'x-api-key'.",
        type: "authentication_error", code: "invalid_api_key", isFinal: true)

    static let twoKeys = ClientError(
        status: 400, message: "'Authorization' and 'x-api-key' carry different keys. Send one.",
        type: "invalid_request_error", code: "ambiguous_api_key", isFinal: true)

    static let tooManyFailures = ClientError(
        status: 429, message: "Too many requests without a valid key from this address.",
        type: "authentication_error", code: "authentication_throttled", retryAfterNanoseconds: 6 * Span.second)

    static let routeForbidden = ClientError(
        status: 403, message: "This key may not use the requested model.", type: "permission_error",
        param: "model", code: "model_not_allowed", isFinal: true)

    static let noSuchModel = ClientError(
        status: 404, message: "The requested model does not exist. GET /v1/models lists those of this key.",
        type: "invalid_request_error", param: "model", code: "model_not_found", isFinal: true)

    static let noSuchPath = ClientError(
        status: 404, message: "There is nothing at this path. The API begins at /v1.", type: "invalid_request_error",
        code: "not_found", isFinal: true)

    static func methodNotAllowed(_ allow: StaticString) -> ClientError {
        ClientError(
            status: 405, message: "This path answers to \(allow).", type: "invalid_request_error",
            code: "method_not_allowed", isFinal: true, allow: allow)
    }

    static let wrongMediaType = ClientError(
        status: 415, message: "The body must be sent as 'content-type: application/json', without an encoding.",
        type: "invalid_request_error", code: "unsupported_media_type", isFinal: true)

    static let expectationFailed = ClientError(
        status: 417, message: "Only 'expect: 100-continue' is understood.", type: "invalid_request_error",
        code: "expectation_failed", isFinal: true)

    static let slow = ClientError(
        status: 408, message: "The request did not arrive in time.", type: "invalid_request_error",
        code: "request_timeout", closes: true)

    static func tooLarge(bound: Int) -> ClientError {
        ClientError(
            status: 413, message: "The body is larger than \(bound) bytes.", type: "invalid_request_error",
            code: "request_too_large", isFinal: true, closes: true)
    }

    static let uriTooLong = ClientError(
        status: 414, message: "The path is too long.", type: "invalid_request_error", code: "uri_too_long",
        isFinal: true, closes: true)

    static let headersTooLarge = ClientError(
        status: 431, message: "The request headers are too large or too many.", type: "invalid_request_error",
        code: "headers_too_large", isFinal: true, closes: true)

    static func tooManyInFlight(bound: Int) -> ClientError {
        ClientError(
            status: 429, message: "This key has \(bound) requests in flight, which is its limit at this gateway.",
            type: "rate_limit_error", code: "key_in_flight_limit", retryAfterNanoseconds: Span.second)
    }

    static func shed(_ criticality: Criticality, retryAfterNanoseconds: Int64) -> ClientError {
        ClientError(
            status: 503, message: "This gateway has too much to do and takes no \(criticality.rawValue) requests now.",
            type: "overloaded_error", code: "gateway_overloaded", retryAfterNanoseconds: retryAfterNanoseconds)
    }

    /// An operator decided it, and somebody else may look again in a while. Which override it was is for operators.
    static func overridden(_ refusal: OverrideRefusal, route: String, _ criticality: Criticality) -> ClientError {
        let (message, code) =
            switch refusal {
            case .drained:
                ("The route '\(route)' takes no new requests now, by its operator's decision.", "route_drained")
            case .shed:
                (
                    "The route '\(route)' takes no \(criticality.rawValue) requests now, by its operator's decision.",
                    "criticality_shed"
                )
            }
        return ClientError(
            status: 503, message: message, type: "overloaded_error", code: code,
            retryAfterNanoseconds: overrideRetryNanoseconds)
    }

    private static let overrideRetryNanoseconds = 30 * Span.second

    static let interrupted = ClientError(
        status: 502, message: "The answer was interrupted and is not complete.", type: "upstream_error",
        code: "answer_interrupted")

    static func refused(_ refusal: ExchangeRefusal, route: String) -> ClientError {
        switch refusal {
        case .upstreamAnswer(let failure):
            return ClientError(
                status: failure == .tooLong || failure == .policy || failure == .callerFault ? 400 : 502,
                message: "The provider refused the request.", type: "invalid_request_error",
                code: failure.rawValue, isFinal: true)
        case .everyCandidateFailed(let failure):
            return ClientError(
                status: 502, message: "Every candidate of '\(route)' failed\(publicCause(failure)).",
                type: "upstream_error", code: "every_candidate_failed")
        case .noneAvailable(let wait):
            return ClientError(
                status: 503, message: "No candidate of '\(route)' may be used now.", type: "upstream_error",
                code: "no_candidate_available", retryAfterNanoseconds: max(wait, Span.second))
        case .noneLawful:
            return ClientError(
                status: 451, message: "No candidate of '\(route)' may be used for this request by law or policy.",
                type: "upstream_error", code: "no_lawful_candidate", isFinal: true)
        case .deadlinePassed:
            return ClientError(
                status: 504, message: "The deadline passed before an answer was complete.", type: "timeout_error",
                code: "deadline_passed")
        }
    }

    /// What went wrong between a provider and us about our own account is for the operator, who finds it in the access
    /// log under the exchange id, and never for a client.
    private static func publicCause(_ failure: FailureClass) -> String {
        switch failure {
        case .transient: ", the last with a passing fault"
        case .silent: ", the last by not answering in time"
        case .capacity, .rateLimit: ", the last for being overloaded"
        case .empty, .truncated, .diverged: ", the last with an answer that was not whole"
        case .modelGone, .modelAccess: ", the last for not having the model any more"
        case .quota, .credential, .restricted, .account, .tooLong, .policy, .callerFault, .misconfigured, .neutral,
            .localExhaustion:
            ""
        }
    }

    func writeHeaders(into head: inout ByteBuffer) {
        if isFinal { head.writeStaticString("x-should-retry: false\r\n") }
        if let retryAfterNanoseconds {
            head.writeStaticString("retry-after: ")
            head.writeDecimal(Int((retryAfterNanoseconds + Span.second - 1) / Span.second))
            head.writeStaticString("\r\n")
        }
        if let allow {
            head.writeStaticString("allow: ")
            head.writeStaticString(allow)
            head.writeStaticString("\r\n")
        }
    }

    func write(into buffer: inout ByteBuffer) {
        OpenAIErrorBody.write(message: message, type: type, param: param, code: code, into: &buffer)
    }
}
