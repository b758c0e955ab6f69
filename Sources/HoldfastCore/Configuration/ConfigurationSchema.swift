/// The JSON Schema (draft 2020-12) of `holdfast.yaml`, for editors. It knows what one value may look like; what has to
/// agree across the document (names, addresses, keys) only `holdfast check` can tell.
package enum ConfigurationSchema {
    package static func json() -> String {
        var members: [(String, JSONValue)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("holdfast.yaml")),
        ]
        members += sectionMembers(ConfigurationTable.document)
        members.append(
            (
                "$defs",
                .pairs([
                    (
                        "reference",
                        .pairs([
                            ("description", .string("${NAME} reads the environment, file:PATH a file.")),
                            ("type", .string("string")),
                            ("pattern", .string("\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}|^file:.")),
                        ])
                    )
                ])
            ))
        return JSONValue.pairs(members).pretty + "\n"
    }

    private static func sectionMembers(_ rule: SectionRule) -> [(String, JSONValue)] {
        let required = rule.fields.filter { $0.presence == .required }.map { JSONValue.string($0.name) }
        return [
            ("description", .string(rule.description)),
            ("type", .string("object")),
            ("properties", .pairs(rule.fields.map { ($0.name, field($0)) })),
            ("required", .array(required)),
            ("additionalProperties", .bool(false)),
        ]
    }

    private static func field(_ field: FieldRule) -> JSONValue {
        var description = field.description
        switch field.presence {
        case .required: description += " Required."
        case .optional(let absent): description += " Absent: \(absent)."
        case .defaulted(let text): description += " Default: \(text)."
        }
        var members = self.members(of: field.kind).filter { $0.0 != "description" }
        members.insert(("description", .string(description)), at: 0)
        return .pairs(members)
    }

    private static func members(of kind: ValueKind) -> [(String, JSONValue)] {
        switch kind {
        case .section(let rule):
            return sectionMembers(rule)
        case .named(let names, let rule):
            return [
                ("type", .string("object")),
                ("propertyNames", .pairs([("pattern", .string(names.pattern))])),
                ("additionalProperties", .pairs(sectionMembers(rule))),
            ]
        case .sections(let rule):
            return [("type", .string("array")), ("items", .pairs(sectionMembers(rule)))]
        case .list(let item, let count):
            return [
                ("type", .string("array")), ("items", .pairs(members(of: item))),
                ("minItems", .integer(count.lowerBound)), ("maxItems", .integer(count.upperBound)),
                ("uniqueItems", .bool(true)),
            ]
        default:
            return [("anyOf", .array([.pairs(literal(kind)), .pairs([("$ref", .string("#/$defs/reference"))])]))]
        }
    }

    /// One scalar as it is written out, without references.
    private static func literal(_ kind: ValueKind) -> [(String, JSONValue)] {
        switch kind {
        case .version: [("const", .integer(1))]
        case .boolean: [("type", .string("boolean"))]
        case .integer(let range):
            [
                ("type", .string("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ]
        case .duration:
            pattern("^[0-9]+(\\.[0-9]+)?(\(ConfigurationUnits.durations.map(\.suffix).joined(separator: "|")))$")
        case .size: pattern("^[0-9]+(\\.[0-9]+)?(\(ConfigurationUnits.sizes.map(\.suffix).joined(separator: "|")))$")
        case .money:
            [
                ("type", .array([.string("number"), .string("string")])), ("minimum", .integer(0)),
                ("pattern", .string("^[0-9]+(\\.[0-9]{1,6}0*)?$")),
            ]
        case .date: pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
        case .timeOfDay: pattern("^([01][0-9]|2[0-3]):[0-5][0-9]$")
        case .text(let longest): pattern("^[ -~]{1,\(longest)}$")
        case .listenAddress: pattern("^(localhost|[0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$")
        case .baseURL: pattern("^https?://[^@?#\\s]+$")
        case .secret: pattern("^[!-~]+$")
        case .headerName: pattern("^[A-Za-z0-9._-]{1,128}$")
        case .headerValue: pattern("^[!-~]([ -~]*[!-~])?$")
        case .pem(let block): pattern("-----BEGIN [A-Z ]*\(block)-----")
        case .label: pattern("^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")
        case .line(let longest):
            [("type", .string("string")), ("minLength", .integer(1)), ("maxLength", .integer(longest))]
        case .name(let names): pattern(names.pattern)
        case .keyHash: pattern("^sha256:[0-9A-Fa-f]{64}$")
        case .choice(let accepted, _): [("enum", .array(accepted.map(JSONValue.string)))]
        case .accessLog: pattern("^(stdout|off|.*/.*[^/])$")
        case .list, .section, .named, .sections:
            preconditionFailure("a scalar's schema is asked for, and this is \(kind)")
        }
    }

    private static func pattern(_ pattern: String) -> [(String, JSONValue)] {
        [("type", .string("string")), ("pattern", .string(pattern))]
    }
}

extension JSONValue {
    fileprivate static func pairs(_ pairs: [(String, JSONValue)]) -> JSONValue {
        .object(pairs.map { JSONMember(name: $0, value: $1) })
    }
}
