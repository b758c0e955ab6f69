import Foundation
import HTTPTypes
import HoldfastAPI
import HoldfastCore
import HummingbirdCore

/// Where an answer goes that does not end at once.
struct APIConnection: Sendable {
    var isOpen: @Sendable () -> Bool
    /// At once, whatever is still to be written.
    var close: @Sendable () -> Void
    /// A reader that says nothing more is gone, and not only done with asking: without this its place stays taken until
    /// something is written.
    var closeWithReader: @Sendable () -> Void

    /// Nobody listens.
    static let none = APIConnection(isOpen: { false }, close: {}, closeWithReader: {})
}

/// A request that was let in.
struct APIRequest: Sendable {
    /// From the path, decoded.
    var parameters: [String: String] = [:]
    var query: [String: String] = [:]
    var body = Data()
    /// The newest generation that the client has seen.
    var ifMatch: UInt64?
    var principal: Principal
    /// The address that it comes from; nil: of this machine.
    var peer: String?
    /// Milliseconds since 1970.
    var now: Int64
    /// It accepts `text/event-stream`.
    var asksForStream = false
    var lastEventID: String?
    var connection = APIConnection.none
    /// Whether whoever asked may do this now, some time after the request.
    var isStillPermitted: @Sendable (Permission) -> Bool = { _ in false }

    var actor: Actor { Actor(principal: principal.id, kind: principal.kind.rawValue) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try APICoding.decode(type, from: body)
        } catch let error as DecodingError {
            throw ProblemView.invalid([error.field])
        }
    }

    /// A page's size, 1 to 1 000; 100 unless asked.
    var limit: Int {
        get throws {
            guard let text = query["limit"] else { return 100 }
            guard let limit = ConfigurationUnits.integer(text), 1...1_000 ~= limit else {
                throw ProblemView.invalid([
                    .init(field: "limit", message: "this is no size of a page", mend: "use 1 to 1000")
                ])
            }
            return limit
        }
    }

    /// A count or a place in a list; nil where it was not asked for.
    func number(_ name: String) throws -> Int? {
        guard let text = query[name] else { return nil }
        guard let number = ConfigurationUnits.integer(text) else {
            throw ProblemView.invalid([
                .init(
                    field: name, message: "this is no number of an entry, and no count of them",
                    mend: "use digits alone; `next` of a page is the place of the next one")
            ])
        }
        return number
    }

    func requiredNumber(_ name: String) throws -> Int {
        guard let number = try number(name) else {
            throw ProblemView.invalid([.init(field: name, message: "it is missing", mend: "add ?\(name)=NUMBER")])
        }
        return number
    }
}

enum APIAnswer: Sendable {
    case json(HTTPResponse.Status, Data, generation: UInt64?)
    case text(String, type: String)
    /// Of events, without an end.
    case stream(ResponseBody)
    case nothing
    /// The same with one more field in its head.
    indirect case with(HTTPField, APIAnswer)

    static func view(
        _ view: some Encodable, status: HTTPResponse.Status = .ok, generation: UInt64? = nil
    ) -> APIAnswer {
        .json(status, APICoding.encode(view), generation: generation)
    }
}

/// One route of the API. The listener, the permissions, the OpenAPI document and the matrix test all come from the one
/// list of them.
struct APIRoute: Sendable {
    typealias Handle = @Sendable (APIRequest) async throws -> APIAnswer

    var method: HTTPRequest.Method
    /// With `{name}` for a parameter.
    var path: String
    /// Nil: for everybody.
    var permission: Permission?
    var summary: String
    var query: [APISchema.Parameter] = []
    var request: APISchema?
    var status: HTTPResponse.Status = .ok
    var response: APISchema?
    /// Of the response.
    var mediaType = "application/json"
    /// Changes take `If-Match`.
    var takesGeneration = false
    /// Answers with `text/event-stream` too, where that is accepted.
    var streams = false
    var handle: Handle

    /// The path's parameters where it matches; no normalising, and no empty parameter.
    func match(_ segments: [Substring]) -> [String: String]? {
        let own = path.split(separator: "/", omittingEmptySubsequences: false)
        guard own.count == segments.count else { return nil }
        var found: [String: String] = [:]
        for (mine, given) in zip(own, segments) {
            if mine.hasPrefix("{") {
                guard !given.isEmpty else { return nil }
                found[String(mine.dropFirst().dropLast())] = String(given)
            } else if mine != given {
                return nil
            }
        }
        return found
    }
}

extension DecodingError {
    fileprivate var field: ProblemView.Field {
        func path(_ context: Context, _ key: (any CodingKey)? = nil) -> String {
            let keys = (context.codingPath + [key].compactMap { $0 }).map {
                $0.intValue.map(String.init) ?? $0.stringValue
            }
            return keys.isEmpty ? "body" : keys.joined(separator: ".")
        }
        switch self {
        case .keyNotFound(let key, let context):
            return .init(field: path(context, key), message: "it is missing", mend: "add it; see /openapi.json")
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return .init(field: path(context), message: "it has the wrong type", mend: "see /openapi.json")
        case .dataCorrupted(let context):
            return .init(
                field: path(context), message: "this is not valid JSON, or not a value", mend: "see /openapi.json")
        @unknown default:
            return .init(field: "body", message: "it cannot be read", mend: "see /openapi.json")
        }
    }
}
