import HTTPTypes
import HoldfastAPI
import HoldfastCore

/// `/openapi.json`: the routes that the listener serves, and no other list of them.
enum OpenAPI {
    static func route(describing routes: [APIRoute], version: String) -> APIRoute {
        var own = APIRoute(
            method: .get, path: "/openapi.json", permission: nil, summary: "This description, OpenAPI 3.1.",
            response: .object([])
        ) { _ in .nothing }
        let document = document(routes + [own], version: version).line
        own.handle = { _ in .text(document, type: "application/json") }
        return own
    }

    static func document(_ routes: [APIRoute], version: String) -> JSONValue {
        var paths: [JSONMember] = []
        for route in routes {
            let operation = JSONMember(name: route.method.rawValue.lowercased(), value: operation(route))
            if let place = paths.firstIndex(where: { $0.name == route.path }),
                case .object(var members) = paths[place].value
            {
                members.append(operation)
                paths[place].value = .object(members)
            } else {
                paths.append(JSONMember(name: route.path, value: .object([operation])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Holdfast management plane", "version": .string(version),
                "description": "Desired state, operations and evidence. Tokens of the data plane mean nothing here.",
            ],
            "components": [
                "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
                "schemas": ["Problem": APISchema.problem.json],
            ],
            "paths": .object(paths),
        ]
    }

    private static func operation(_ route: APIRoute) -> JSONValue {
        var members: [JSONMember] = [
            JSONMember(name: "summary", value: .string(route.summary)),
            JSONMember(name: "operationId", value: .string(name(of: route))),
            JSONMember(name: "responses", value: responses(route)),
        ]
        let parameters = parameters(route)
        if !parameters.isEmpty { members.append(JSONMember(name: "parameters", value: .array(parameters))) }
        if let permission = route.permission {
            members.append(JSONMember(name: "security", value: [["token": []]]))
            members.append(JSONMember(name: "x-permission", value: .string(permission.rawValue)))
        }
        if let request = route.request {
            members.append(
                JSONMember(
                    name: "requestBody",
                    value: ["required": true, "content": ["application/json": ["schema": orNull(request.json)]]]))
        }
        return .object(members)
    }

    private static func name(of route: APIRoute) -> String {
        let words = route.path.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "v1" }
        return ([Substring(route.method.rawValue.lowercased())] + words).joined(separator: "_")
    }

    private static func parameters(_ route: APIRoute) -> [JSONValue] {
        var found: [JSONValue] = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { part in
            [
                "name": .string(String(part.dropFirst().dropLast())), "in": "path", "required": true,
                "schema": ["type": "string"],
            ]
        }
        found += route.query.map {
            [
                "name": .string($0.name), "in": "query", "description": .string($0.summary),
                "required": .bool($0.isRequired), "schema": $0.schema.json,
            ]
        }
        if route.streams {
            found.append([
                "name": "Last-Event-ID", "in": "header", "schema": ["type": "string"],
                "description": "Of a stream: the last id that was seen, as `after`.",
            ])
        }
        if route.takesGeneration {
            found.append([
                "name": "If-Match", "in": "header", "schema": ["type": "string"],
                "description": "The newest generation that the client has seen; the change is refused where it is not.",
            ])
        }
        return found
    }

    private static func responses(_ route: APIRoute) -> JSONValue {
        var members: [JSONMember] = []
        var good = [
            JSONMember(name: "description", value: "As asked."),
            JSONMember(name: "headers", value: headers(of: route)),
        ]
        if let response = route.response {
            var content = [JSONMember(name: route.mediaType, value: ["schema": response.json])]
            if route.streams {
                content.append(JSONMember(name: "text/event-stream", value: ["schema": ["type": "string"]]))
            }
            good.append(JSONMember(name: "content", value: .object(content)))
        }
        members.append(JSONMember(name: "\(route.status.code)", value: .object(good)))
        if route.path == "/v1/pull" {
            members.append(
                JSONMember(
                    name: "204",
                    value: [
                        "description": "There is nothing newer.", "headers": .object([requestID, watched]),
                    ]))
        }
        members.append(
            JSONMember(
                name: "default",
                value: [
                    "description": "A problem, with its mend.",
                    "headers": .object([requestID]),
                    "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
                ]))
        return .object(members)
    }

    private static let requestID = JSONMember(
        name: "x-request-id",
        value: ["description": "As in the log.", "required": true, "schema": ["type": "string", "format": "uuid"]])

    private static let watched = JSONMember(
        name: ControlClient.watchedHeader,
        value: [
            "description": "Somebody looks on: the next report is to have figures and receipts. Absent: nobody does.",
            "schema": oneWord("true"),
        ])

    private static func oneWord(_ word: String) -> JSONValue { ["type": "string", "enum": [.string(word)]] }

    private static func headers(of route: APIRoute) -> JSONValue {
        guard route.response != nil, route.mediaType == "application/json" else { return .object([requestID]) }
        if route.path == "/v1/pull" { return .object([requestID, watched]) }
        let generation = JSONMember(
            name: "etag",
            value: [
                "description": "The newest generation, for If-Match; absent where the answer is of none.",
                "schema": ["type": "string", "pattern": #"^"[0-9]+"$"#],
            ])
        return .object([requestID, generation])
    }

    /// In a request a member that may be absent may be null too, and means the same.
    private static func orNull(_ schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema else { return schema }
        var required: [JSONValue] = []
        if case .array(let names) = schema["required"] { required = names }
        for (place, member) in members.enumerated() {
            switch member.name {
            case "items": members[place].value = orNull(member.value)
            case "properties":
                members[place].value = .object(
                    (member.value.members ?? []).map { field in
                        let inner = orNull(field.value)
                        let isRequired = required.contains(.string(field.name))
                        return JSONMember(
                            name: field.name, value: isRequired ? inner : ["anyOf": [inner, ["type": "null"]]])
                    })
            default: break
            }
        }
        return .object(members)
    }
}
