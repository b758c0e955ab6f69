import HoldfastCore
import NIOHTTP1

/// Decides what answers a request: the endpoint, the fault that meets it, and the content.
struct PracticeRouter {
    /// What the connection plays.
    struct Performance {
        enum Content {
            case generated(GeneratedAnswer, stream: Bool)
            case plain(JSONValue)
            /// The fault's opening leaves nothing of the answer.
            case none
        }

        var content: Content
        var plan: FaultPlan
        var fault: String?
        var model: String?
        var pacing: Pacing
        /// The time left on the lease that brought the fault.
        var leaseLeftNanoseconds: Int64?
    }

    enum Decision {
        case perform(Performance)
        case reject(StatusAnswer, model: String?, allow: String?)
    }

    let core: PracticeCore
    /// The number of this request in the provider's life, for its identifiers.
    let serial: UInt64
    let reused: Bool

    func decide(_ head: HTTPRequestHead, path: String, body: [UInt8]) -> Decision {
        guard authorized(head.headers) else {
            return .reject(StatusAnswer.forFault(status: 401, code: nil), model: nil, allow: nil)
        }
        let endpoint: PracticeRequest.Endpoint
        switch path {
        case "/v1/chat/completions": endpoint = .chat
        case "/v1/completions": endpoint = .completions
        case "/v1/embeddings": endpoint = .embeddings
        case "/v1/models": return models(head)
        default:
            let prefix = "/v1/models/"
            if path.hasPrefix(prefix) { return model(String(path.dropFirst(prefix.count)), head) }
            return .reject(
                StatusAnswer(
                    status: 404, type: "invalid_request_error", code: "unknown_url",
                    message: "Unknown request URL. Please check the URL for typos."),
                model: nil, allow: nil)
        }
        guard head.method == .POST else { return wrongMethod("POST") }
        guard let document = try? JSONValue(parsing: body) else {
            return .reject(
                StatusAnswer(
                    status: 400, type: "invalid_request_error", code: nil,
                    message: "We could not parse the JSON body of your request."),
                model: nil, allow: nil)
        }
        do {
            return try generate(document, endpoint: endpoint)
        } catch {
            return .reject(error, model: document["model"]?.string, allow: nil)
        }
    }

    private func generate(
        _ document: JSONValue, endpoint: PracticeRequest.Endpoint
    ) throws(StatusAnswer) -> Decision {
        let name = document["model"]?.string
        var performance = try meet(model: name)
        // A provider that is down reads nothing of the request.
        guard performance.plan.opening == .answer else { return .perform(performance) }
        let request = try PracticeRequest.read(document, endpoint: endpoint)
        guard core.options.accepts(model: request.model) else { throw PracticeRouter.unknown(request.model) }
        let seed = core.options.seed
        if endpoint == .embeddings {
            performance.content = .plain(PlainBodies.embeddings(request, seed: seed))
        } else {
            var identifiers = SeededRandom(seed: seed ^ serial)
            let answer = GeneratedAnswer(
                request, provider: core.options.name, seed: seed, id: identifiers.next(),
                created: core.options.clock.wallSeconds())
            performance.content = .generated(answer, stream: request.stream)
        }
        return .perform(performance)
    }

    /// A model's name asks for its own request alone, so it goes before what is leased for many.
    private func meet(model: String?) throws(StatusAnswer) -> Performance {
        let own: Fault?
        do {
            own = try model.flatMap { name throws(FaultProblem) in try Fault.from(model: name) }
        } catch {
            throw StatusAnswer(
                status: 400, type: "invalid_request_error", code: nil, message: error.message, param: error.field)
        }
        let lease = own == nil ? core.drawFault(model: model) : nil
        let fault = own ?? lease?.fault
        return Performance(
            content: .none, plan: FaultPlan.of(fault, reused: reused), fault: fault?.name.rawValue, model: model,
            pacing: core.options.pacing, leaseLeftNanoseconds: lease.map { $0.expires.nanoseconds(since: core.instant) }
        )
    }

    private func models(_ head: HTTPRequestHead) -> Decision {
        guard head.method == .GET else { return wrongMethod("GET") }
        let ids = core.options.models ?? PracticeOptions.standardModels
        return list(PlainBodies.models(ids, created: core.options.clock.wallSeconds()), model: nil)
    }

    private func model(_ id: String, _ head: HTTPRequestHead) -> Decision {
        guard head.method == .GET else { return wrongMethod("GET") }
        guard core.options.accepts(model: id) else { return .reject(PracticeRouter.unknown(id), model: id, allow: nil) }
        return list(PlainBodies.model(id, created: core.options.clock.wallSeconds()), model: id)
    }

    private func list(_ body: JSONValue, model: String?) -> Decision {
        let lease = core.drawFault(model: model)
        return .perform(
            Performance(
                content: .plain(body), plan: FaultPlan.of(lease?.fault, reused: reused),
                fault: lease?.fault.name.rawValue, model: model, pacing: .instant,
                leaseLeftNanoseconds: lease.map { $0.expires.nanoseconds(since: core.instant) }))
    }

    /// A practice key guards nothing of value, so a plain comparison will do.
    private func authorized(_ headers: HTTPHeaders) -> Bool {
        guard let key = core.options.apiKey else { return true }
        return headers.first(name: "authorization") == "Bearer \(key)" || headers.first(name: "x-api-key") == key
    }

    private func wrongMethod(_ allow: String) -> Decision {
        .reject(
            StatusAnswer(
                status: 405, type: "invalid_request_error", code: "method_not_supported",
                message: "Not allowed to use this method here. This path answers to \(allow)."),
            model: nil, allow: allow)
    }

    private static func unknown(_ model: String) -> StatusAnswer {
        StatusAnswer(
            status: 404, type: "invalid_request_error", code: "model_not_found",
            message: "The model `\(model)` does not exist or you do not have access to it.", param: "model")
    }
}
