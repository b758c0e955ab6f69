import HoldfastCore

/// A JSON schema as OpenAPI 3.1 has it, for what our views look like.
struct APISchema: Sendable {
    struct Parameter: Sendable {
        var name: String
        var summary: String
        var schema: APISchema
        var isRequired = false
    }

    var json: JSONValue

    static let string = APISchema(json: ["type": "string"])
    static let integer = APISchema(json: ["type": "integer", "format": "int64"])
    /// As many digits as every reader of JSON and of query strings takes whole.
    static let count = APISchema(json: ["type": "integer", "minimum": 0, "maximum": .integer(longestNumber)])
    static let positive = APISchema(json: ["type": "integer", "minimum": 1, "maximum": .integer(longestNumber)])
    static let longestNumber = 999_999_999_999_999_999
    /// As long as a file may be named.
    static let longestName = 255
    static let boolean = APISchema(json: ["type": "boolean"])
    /// RFC 3339.
    static let time = APISchema(json: ["type": "string", "format": "date-time"])

    static func oneOf(_ words: [String]) -> APISchema {
        APISchema(json: ["type": "string", "enum": .array(words.map(JSONValue.string))])
    }

    static func array(of item: APISchema) -> APISchema {
        APISchema(json: ["type": "array", "items": item.json])
    }

    static func array(of item: APISchema, most: Int) -> APISchema {
        APISchema(json: ["type": "array", "items": item.json, "maxItems": .integer(most)])
    }

    /// Of which each is another.
    static func array(ofUnique item: APISchema, most: Int) -> APISchema {
        APISchema(
            json: ["type": "array", "items": item.json, "maxItems": .integer(most), "uniqueItems": true])
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

    static let pageParameters = pageParameters(placedBy: .string)
    /// Of lists in the order of a number.
    static let numberedPageParameters = pageParameters(placedBy: .count)

    private static func pageParameters(placedBy place: APISchema) -> [Parameter] {
        [
            Parameter(
                name: "limit", summary: "Items at most, 1 to 1000; 100 unless told.",
                schema: APISchema(json: ["type": "integer", "minimum": 1, "maximum": 1_000])),
            Parameter(name: "after", summary: "`next` of the page before.", schema: place),
        ]
    }

    // MARK: - Texts

    static func text(longest: Int) -> APISchema {
        APISchema(json: ["type": "string", "maxLength": .integer(longest)])
    }

    /// As the configuration has them, of any of these kinds.
    static func names(_ kinds: [NameKind]) -> APISchema {
        APISchema(json: ["type": "string", "anyOf": .array(kinds.map { ["pattern": .string($0.pattern)] })])
    }

    /// Such as `30m`, `2h` or `1.5d`.
    static let span = APISchema(
        json: [
            "type": "string", "pattern": #"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d)$"#, "examples": ["30m", "2h", "7d"],
        ])

    /// One line with something on it.
    static func line(longest: Int) -> APISchema {
        let broken = #"\u0000-\u001f\u007f-\u009f\u2028\u2029"#
        return APISchema(
            json: [
                "type": "string", "minLength": 1, "maxLength": .integer(longest),
                "pattern": .string("^[^\(broken)]*[^\\s\(broken)][^\(broken)]*$"),
            ])
    }

    static let why = line(longest: Override.longestReason)

    /// Of keys and tokens.
    static let id = APISchema(
        json: ["type": "string", "pattern": .string("^[a-z0-9-]{1,\(KeyText.longestID)}$"), "examples": ["triage-app"]])
}
