import HoldfastCore

/// A JSON schema as OpenAPI 3.1 has it, for what our views look like.
struct APISchema: Sendable {
    struct Parameter: Sendable {
        var name: String
        var summary: String
        var schema: APISchema
    }

    var json: JSONValue

    static let string = APISchema(json: ["type": "string"])
    static let integer = APISchema(json: ["type": "integer"])
    static let boolean = APISchema(json: ["type": "boolean"])
    /// RFC 3339.
    static let time = APISchema(json: ["type": "string", "format": "date-time"])

    static func oneOf(_ words: [String]) -> APISchema {
        APISchema(json: ["type": "string", "enum": .array(words.map(JSONValue.string))])
    }

    static func array(of item: APISchema) -> APISchema {
        APISchema(json: ["type": "array", "items": item.json])
    }

    static func map(of value: APISchema) -> APISchema {
        APISchema(json: ["type": "object", "additionalProperties": value.json])
    }

    /// - Parameters:
    ///   - fields: in their order; those that end with `?` may be absent.
    static func object(_ fields: [(String, APISchema)]) -> APISchema {
        var properties: [JSONMember] = []
        var required: [JSONValue] = []
        for (name, schema) in fields {
            let isOptional = name.hasSuffix("?")
            let name = isOptional ? String(name.dropLast()) : name
            properties.append(JSONMember(name: name, value: schema.json))
            if !isOptional { required.append(.string(name)) }
        }
        return APISchema(
            json: ["type": "object", "properties": .object(properties), "required": .array(required)])
    }

    static func page(of item: APISchema) -> APISchema {
        .object([("items", .array(of: item)), ("next?", .string)])
    }

    static let pageParameters: [Parameter] = [
        Parameter(
            name: "limit", summary: "Items at most, 1 to 1000; 100 unless told.",
            schema: APISchema(json: ["type": "integer", "minimum": 1, "maximum": 1_000])),
        Parameter(name: "after", summary: "`next` of the page before.", schema: .string),
    ]
}
