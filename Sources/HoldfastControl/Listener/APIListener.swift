import Foundation
import HTTPTypes
import HoldfastAPI
import HoldfastCore
import Hummingbird
import Logging
import NIOCore

/// Requests to answers: where it goes, who asks, what may be asked, and problems in words.
final class APIListener: Sendable {
    /// A configuration and some room.
    static let longestBody = 4 << 20
    static let bodyTime = Duration.seconds(10)

    let routes: [APIRoute]
    let tokens: Tokens
    let audit: AuditLog
    /// The names that a browser may ask for; others are somebody else's name that leads here (DNS rebinding).
    let hosts: Set<String>
    let clock: @Sendable () -> Int64
    let logger: Logger
    private let console = ConsolePages()
    private let answers: AnswerCounts
    private let guesses: Guesses

    init(
        routes: [APIRoute], tokens: Tokens, audit: AuditLog, hosts: Set<String>, clock: @escaping @Sendable () -> Int64,
        answers: AnswerCounts, guesses: Guesses, logger: Logger
    ) {
        self.routes = routes
        self.tokens = tokens
        self.audit = audit
        self.hosts = hosts
        self.clock = clock
        self.answers = answers
        self.guesses = guesses
        self.logger = logger
    }

    func respond(to request: Request, peer: String?, connection: APIConnection = .none) async -> Response {
        let id = UUID().uuidString.lowercased()
        var response: Response
        do {
            response = try await answer(request, peer: peer, connection: connection)
        } catch {
            response = render(problem(of: error, id: id, request: request), id: id)
        }
        if response.status == .methodNotAllowed {
            let path = request.uri.path
            let allowed = console.has(path) ? ConsolePages.methods : Self.allowed(matches(path))
            response.headers[.allow] = allowed.joined(separator: ", ")
        }
        answers.count(response.status.code)
        response.headers[.requestID] = id
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        response.headers[.contentTypeOptions] = "nosniff"
        return response
    }

    private func answer(
        _ request: Request, peer: String?, connection: APIConnection
    ) async throws -> Response {
        try checkHost(request)
        if let page = try console.response(to: request) { return page }
        let matches = matches(request.uri.path)
        guard !matches.isEmpty else { throw ProblemView.noSuchPath }
        guard let (route, parameters) = matches.first(where: { $0.0.method == request.method }) else {
            throw ProblemView.method(allowed: Self.allowed(matches))
        }
        let now = clock()
        let principal = try await principal(for: route, request, peer: peer, now: now)
        var asked = APIRequest(principal: principal, now: now)
        asked.parameters = parameters
        asked.peer = peer
        for (name, value) in request.uri.queryParameters { asked.query[String(name)] = String(value) }
        asked.ifMatch = try ifMatch(request)
        if route.streams { prepare(&asked, request, connection) }
        if route.request != nil { asked.body = try await body(of: request) }
        return render(try await route.handle(asked))
    }

    private func prepare(_ asked: inout APIRequest, _ request: Request, _ connection: APIConnection) {
        asked.asksForStream = request.headers[.accept]?.contains("text/event-stream") ?? false
        asked.lastEventID = request.headers[.lastEventID]
        asked.connection = connection
        let token = Self.token(of: request)
        asked.isStillPermitted = { [tokens, clock] permission in
            let now = clock()
            return token.flatMap { tokens.principal(of: $0, now: now) }?.may(permission, nowMilliseconds: now) ?? false
        }
    }

    private typealias Match = (route: APIRoute, parameters: [String: String])

    private func matches(_ path: String) -> [Match] {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let found: [Match] = routes.compactMap { route in route.match(segments).map { (route, $0) } }
        // A path that is written out means what it says, and not a name that happens to be spelt so.
        guard let closest = found.min(by: { $0.parameters.count < $1.parameters.count }) else { return [] }
        return found.filter { $0.route.path == closest.route.path }
    }

    private static func allowed(_ matches: [Match]) -> [String] {
        matches.map(\.route.method.rawValue)
    }

    // MARK: - Who asks

    private static func token(of request: Request) -> Substring? {
        let header = request.headers[.authorization] ?? ""
        return header.count > 7 && header.prefix(7).lowercased() == "bearer " ? header.dropFirst(7) : nil
    }

    private func principal(
        for route: APIRoute, _ request: Request, peer: String?, now: Int64
    ) async throws -> Principal {
        guard let permission = route.permission else { return Principal(id: "anybody", kind: .viewer) }
        guard let principal = Self.token(of: request).flatMap({ tokens.principal(of: $0, now: now) }) else {
            // Whoever has no token guesses none: nothing is counted, and nothing is written.
            guard request.headers[.authorization]?.isEmpty == false else { throw ProblemView.unauthorized }
            try await guesses.record(route.path, peer: peer, now: now)
            throw ProblemView.unauthorized
        }
        guard principal.may(permission, nowMilliseconds: now) else {
            let event = AuditEvent(
                Actor(principal: principal.id, kind: principal.kind.rawValue), "\(permission.rawValue).refused",
                route.path)
            try await audit.note(event, now: now)
            throw ProblemView.forbidden(kind: principal.kind.rawValue, permission: permission.rawValue)
        }
        return principal
    }

    private func checkHost(_ request: Request) throws {
        guard let authority = request.head.authority else { throw ProblemView.host }
        guard hosts.contains(Self.host(of: authority)) else { throw ProblemView.host }
        guard let origin = request.headers[.origin] else { return }
        guard let separator = origin.range(of: "://"),
            hosts.contains(Self.host(of: String(origin[separator.upperBound...])))
        else { throw ProblemView.host }
    }

    /// Without the port and without the brackets of an address, in the spelling of `control.hosts`.
    private static func host(of authority: String) -> String {
        if authority.hasPrefix("[") {
            let text = authority.dropFirst().prefix { $0 != "]" }
            return AddressText.ipv6(text).map(AddressText.ipv6Text) ?? String(text)
        }
        return authority.prefix { $0 != ":" }.lowercased()
    }

    private func ifMatch(_ request: Request) throws -> UInt64? {
        guard let text = request.headers[.ifMatch], text != "*" else { return nil }
        guard let number = UInt64(text.trimmingCharacters(in: CharacterSet(charactersIn: "\""))) else {
            throw ProblemView.invalid([
                .init(field: "if-match", message: "this is no generation", mend: "send the number of an `etag`")
            ])
        }
        return number
    }

    private func body(of request: Request) async throws -> Data {
        let type = request.headers[.contentType]?.prefix { $0 != ";" } ?? ""
        guard type.lowercased() == "application/json" else { throw ProblemView.wrongMediaType }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Self.longestBody {
            throw ProblemView.tooLarge
        }
        return try await withThrowingTaskGroup(of: Data?.self) { tasks in
            tasks.addTask {
                var body = Data()
                for try await part in request.body {
                    body.append(contentsOf: part.readableBytesView)
                    guard body.count <= Self.longestBody else { throw ProblemView.tooLarge }
                }
                return body
            }
            tasks.addTask {
                try await Task.sleep(for: Self.bodyTime)
                return nil
            }
            defer { tasks.cancelAll() }
            guard let first = try await tasks.next(), let body = first else { throw ProblemView.slowBody }
            return body
        }
    }

    // MARK: - Answers

    private func render(_ answer: APIAnswer) -> Response {
        switch answer {
        case .json(let status, let json, let generation):
            var headers: HTTPFields = [.contentType: "application/json"]
            if let generation { headers[.eTag] = "\"\(generation)\"" }
            return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
        case .text(let text, let type):
            return Response(
                status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        case .stream(let body):
            return Response(status: .ok, headers: [.contentType: "text/event-stream"], body: body)
        case .nothing:
            return Response(status: .noContent)
        case .with(let field, let answer):
            var response = render(answer)
            response.headers.append(field)
            return response
        }
    }

    private func render(_ problem: ProblemView, id: String) -> Response {
        var problem = problem
        problem.instance = id
        var headers: HTTPFields = [.contentType: ProblemView.mediaType]
        if problem.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        if let wait = problem.retryAfter { headers[.retryAfter] = "\(wait)" }
        return Response(
            status: HTTPResponse.Status(code: problem.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: APICoding.encode(problem))))
    }

    private func problem(of error: any Error, id: String, request: Request) -> ProblemView {
        switch error {
        case let problem as ProblemView:
            return problem
        case let failure as StoreFailure:
            logger.error("the store failed", metadata: ["reason": "\(failure.reason)", "mend": "\(failure.mend)"])
            return ProblemView(failure)
        default:
            logger.error("a request failed", metadata: ["error": "\(error)", "request": "\(id)"])
            return ProblemView(
                "defect", "A defect of ours", status: 500, detail: "the request could not be answered",
                mend: "look for the request's id in the log of holdfast control, and report it")
        }
    }
}

extension HTTPField.Name {
    fileprivate static let requestID = named("x-request-id")
    fileprivate static let lastEventID = named("last-event-id")
    fileprivate static let contentTypeOptions = named("x-content-type-options")

    private static func named(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("'\(text)' is a token of RFC 9110") }
        return name
    }
}
