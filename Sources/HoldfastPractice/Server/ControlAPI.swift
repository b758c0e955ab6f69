import HoldfastCore

/// Faults and observations, under `/practice/`. Translates; the rules are in `FaultBoard`.
struct ControlAPI {
    struct Answer {
        var status: Int
        var body: JSONValue
        /// The listener may have to close or open.
        var changesListener = false
        var allow: String?
    }

    let core: PracticeCore

    func answer(method: String, path: String, body: [UInt8]) -> Answer {
        switch path {
        case "/practice/livez":
            guard method == "GET" else { return wrongMethod("GET") }
            return Answer(status: 200, body: ["status": "ok", "name": .string(core.options.name), "simulated": true])
        case "/practice/requests":
            guard method == "GET" else { return wrongMethod("GET") }
            return Answer(status: 200, body: core.report().json)
        case "/practice/faults":
            return faults(method: method, body: body)
        default:
            let prefix = "/practice/faults/"
            guard path.hasPrefix(prefix) else {
                return problem(
                    404, "There is no such path. Known: /practice/faults, /practice/requests, /practice/livez.", nil)
            }
            guard method == "DELETE" else { return wrongMethod("DELETE") }
            let id = String(path.dropFirst(prefix.count))
            guard core.endFault(id: id) else {
                return problem(404, "No such fault is in force. GET /practice/faults lists those that are.", nil)
            }
            return Answer(status: 200, body: ["ended": 1], changesListener: true)
        }
    }

    private func faults(method: String, body: [UInt8]) -> Answer {
        switch method {
        case "GET":
            return Answer(status: 200, body: ["faults": .array(core.faults().map(json))])
        case "DELETE":
            return Answer(status: 200, body: ["ended": .integer(core.endAllFaults())], changesListener: true)
        case "POST":
            do {
                return Answer(status: 201, body: json(try add(body)), changesListener: true)
            } catch {
                return problem(400, error.message, error.field)
            }
        default:
            return wrongMethod("GET, POST, DELETE")
        }
    }

    private func add(_ body: [UInt8]) throws(FaultProblem) -> FaultLease {
        guard let document = try? JSONValue(parsing: body), let members = document.members else {
            throw FaultProblem(
                message: "The body must be a JSON object such as {\"fault\": \"cut\", \"for\": \"60s\"}.", field: nil)
        }
        var parameters: [(FaultParameter, JSONValue)] = []
        for member in members {
            if let parameter = FaultParameter(rawValue: member.name) {
                parameters.append((parameter, member.value))
            } else if !["fault", "for", "share", "models"].contains(member.name) {
                let known = FaultParameter.allCases.map(\.rawValue).joined(separator: ", ")
                throw FaultProblem(
                    message: "There is no field '\(member.name)'. Known: fault, for, share, models, \(known).",
                    field: member.name)
            }
        }
        guard let name = document["fault"]?.string else {
            throw FaultProblem(message: "'fault' is missing. Known: \(FaultName.known).", field: "fault")
        }
        let fault = try Fault.from(name: name, parameters: parameters)
        guard let span = document["for"]?.string.flatMap(SpanText.parse) else {
            throw FaultProblem(
                message: "'for' is missing or no duration: a fault ends by itself, after 60s for example, at most 1h.",
                field: "for")
        }
        return try core.addFault(
            fault, forNanoseconds: span, share: try share(document["share"]), models: try models(document["models"]))
    }

    private func share(_ value: JSONValue?) throws(FaultProblem) -> Double {
        guard let value else { return 1 }
        guard let share = value.double else {
            throw FaultProblem(message: "'share' must be a number: more than 0 and at most 1.", field: "share")
        }
        return share
    }

    private func models(_ value: JSONValue?) throws(FaultProblem) -> [String] {
        guard let value else { return [] }
        let names = (value.array ?? []).compactMap(\.string)
        guard !names.isEmpty, names.count == value.array?.count else {
            throw FaultProblem(
                message: "'models' must be a list of model names; leave it out for all models.", field: "models")
        }
        return names
    }

    private func json(_ lease: FaultLease) -> JSONValue {
        let left = max(0, lease.expires.nanoseconds(since: core.instant))
        let end = core.options.clock.wallSeconds() + Int(left / Span.second)
        var members = [
            JSONMember(name: "id", value: .string(lease.idText)),
            JSONMember(name: "fault", value: .string(lease.fault.name.rawValue)),
        ]
        members += lease.fault.parameterMembers
        members += [
            JSONMember(name: "share", value: .number(lease.share)),
            JSONMember(name: "models", value: .array(lease.models.map(JSONValue.string))),
            JSONMember(name: "expires", value: .string(HTTPDate.text(secondsSince1970: end))),
            JSONMember(name: "left_ms", value: .integer(Int(left / Span.millisecond))),
        ]
        return .object(members)
    }

    private func wrongMethod(_ allow: String) -> Answer {
        var answer = problem(405, "This path answers to \(allow).", nil)
        answer.allow = allow
        return answer
    }

    private func problem(_ status: Int, _ message: String, _ param: String?) -> Answer {
        let answer = StatusAnswer(
            status: status, type: "invalid_request_error", code: nil, message: message, param: param)
        return Answer(status: status, body: answer.body)
    }
}

extension Fault {
    /// The parameters as the control API shows them.
    fileprivate var parameterMembers: [JSONMember] {
        func member(_ parameter: FaultParameter, _ value: JSONValue) -> JSONMember {
            JSONMember(name: parameter.rawValue, value: value)
        }
        func span(_ nanoseconds: Int64) -> JSONValue { .string(SpanText.describe(nanoseconds)) }
        return switch self {
        case .refuse, .reset, .silence, .html, .noDone, .stale: []
        case .slowFirstToken(let delay), .slowHead(let delay): [member(.delay, span(delay))]
        case .slowTokens(let gap): [member(.gap, span(gap))]
        case .stall(let tokens), .cut(let tokens), .malformed(let tokens), .inBandError(let tokens):
            [member(.afterTokens, .integer(tokens))]
        case .status(let status, let code):
            [member(.status, .integer(status))] + (code.map { [member(.code, .string($0))] } ?? [])
        case .rateLimit(let wait, let delay):
            [member(.wait, .string(wait.rawValue))] + (delay.map { [member(.delay, span($0))] } ?? [])
        case .empty(let done): [member(.done, .bool(done))]
        case .redirect(let location): location.map { [member(.location, .string($0))] } ?? []
        }
    }
}
