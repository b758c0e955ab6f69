/// Why a request body is refused, in words for its sender. Messages are composed of our own words, numbers and the
/// names of fields; never of what a field holds.
package struct RequestProblem: Error, Equatable, Sendable {
    package var message: String
    /// The field at fault, as the error body's `param`; nil where no single field is.
    package var param: String?
    package var code: String

    package init(message: String, param: String?, code: String) {
        self.message = message
        self.param = param
        self.code = code
    }

    static func missing(_ field: StaticString, _ expected: StaticString) -> RequestProblem {
        RequestProblem(
            message: "The field '\(field)' is required: \(expected).", param: "\(field)",
            code: "missing_required_parameter")
    }

    static func wrongType(_ field: StaticString, _ expected: StaticString) -> RequestProblem {
        RequestProblem(message: "The field '\(field)' must be \(expected).", param: "\(field)", code: "invalid_type")
    }

    static func wrongValue(_ field: StaticString, _ expected: StaticString) -> RequestProblem {
        RequestProblem(message: "The field '\(field)' must be \(expected).", param: "\(field)", code: "invalid_value")
    }

    static func refused(_ field: StaticString) -> RequestProblem {
        RequestProblem(
            message: "The field '\(field)' is not accepted: providers and their keys are chosen by configuration.",
            param: "\(field)", code: "refused_parameter")
    }

    static func wrongCase(_ field: StaticString) -> RequestProblem {
        RequestProblem(
            message: "The field '\(field)' must be written in lower case.", param: "\(field)",
            code: "invalid_parameter_name")
    }

    /// `field` is nil where the key is no plain identifier, which is then not repeated.
    static func duplicate(_ field: String?) -> RequestProblem {
        guard let field else {
            return RequestProblem(
                message: "A field occurs more than once in the body.", param: nil, code: "duplicate_parameter")
        }
        return RequestProblem(
            message: "The field '\(field)' occurs more than once.", param: field, code: "duplicate_parameter")
    }

    static let notAnObject = RequestProblem(
        message: "The body must be a JSON object.", param: nil, code: "invalid_json")

    static func tooManyFields(_ bound: Int) -> RequestProblem {
        RequestProblem(
            message: "The body has more than \(bound) top-level fields.", param: nil, code: "too_many_parameters")
    }

    /// `field` is the known top-level field inside which the text stops being JSON.
    static func json(_ problem: JSONProblem, field: StaticString?, limits: JSONLimits) -> RequestProblem {
        let place = field.map { " (in the field '\($0)')" } ?? ""
        let param = field.map { "\($0)" }
        switch problem.fault {
        case .tooDeep:
            return RequestProblem(
                message: "The body nests deeper than \(limits.depth) levels, at byte \(problem.offset)\(place).",
                param: param, code: "json_too_deep")
        case .tooManyNodes:
            return RequestProblem(
                message: "The body holds more than \(limits.nodes) values\(place).", param: param,
                code: "json_too_large")
        default:
            return RequestProblem(
                message: "The body is not valid JSON: \(problem.fault.words) at byte \(problem.offset)\(place).",
                param: param, code: "invalid_json")
        }
    }
}

extension JSONFault {
    /// For people; completes "… at byte N".
    package var words: StaticString {
        switch self {
        case .unexpectedEnd: "it ends too early"
        case .unexpectedByte: "an unexpected character"
        case .trailingBytes: "something follows its end"
        case .invalidUTF8: "a byte sequence that is not UTF-8"
        case .loneSurrogate: "half a surrogate pair"
        case .controlCharacter: "a control character that is not escaped"
        case .invalidEscape: "an unknown escape"
        case .invalidNumber: "a number that is not valid"
        case .tooDeep: "it nests too deep"
        case .tooManyNodes: "it holds too many values"
        }
    }
}
