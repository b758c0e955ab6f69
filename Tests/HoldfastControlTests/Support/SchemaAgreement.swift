import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// What is wrong with a view as JSON, held against its schema: a member that the schema does not know, one that it wants and
/// that is not there, a value of another type. As much of JSON schema as ours use.
enum SchemaAgreement {
    static func problems(of view: some Encodable, with schema: APISchema) throws -> [String] {
        problems(of: try Plain.value(of: view), with: schema.json, at: "")
    }

    /// Members of the schema that the view does not have: none of a view in which everything is set.
    static func absent(from view: some Encodable, of schema: APISchema) throws -> [String] {
        absent(from: try Plain.value(of: view), of: schema.json, at: "")
    }

    private static func problems(of value: JSONValue, with schema: JSONValue, at path: String) -> [String] {
        switch (schema["type"]?.string, value) {
        case ("object", .object(let members)):
            let known = schema["properties"]?.members ?? []
            let required = (schema["required"]?.array ?? []).compactMap(\.string)
            let missing = required.filter { name in !members.contains { $0.name == name } }
            return missing.map { "\(path).\($0) is missing" }
                + members.flatMap { member in
                    guard let inner = known.first(where: { $0.name == member.name }) else {
                        return ["\(path).\(member.name) is in no schema"]
                    }
                    return problems(of: member.value, with: inner.value, at: "\(path).\(member.name)")
                }
        case ("array", .array(let items)):
            let most = schema["maxItems"]?.integer ?? .max
            let tooMany = items.count > most ? ["\(path) has more than \(most)"] : []
            return tooMany + items.flatMap { problems(of: $0, with: schema["items"] ?? [:], at: "\(path)[]") }
        case ("string", .string(let text)): return problems(of: text, with: schema, at: path)
        case ("integer", _) where value.integer != nil, ("boolean", _) where value.bool != nil: return []
        default: return ["\(path) is no \(schema["type"]?.string ?? "?")"]
        }
    }

    private static func problems(of text: String, with schema: JSONValue, at path: String) -> [String] {
        let words = schema["enum"]?.array?.compactMap(\.string)
        let patterns = ([schema] + (schema["anyOf"]?.array ?? [])).compactMap { $0["pattern"]?.string }
        let isWord = words?.contains(text) ?? true
        let isShaped = patterns.isEmpty || patterns.contains { text.range(of: $0, options: .regularExpression) != nil }
        return isWord && isShaped ? [] : ["\(path) is '\(text)'"]
    }

    private static func absent(from value: JSONValue, of schema: JSONValue, at path: String) -> [String] {
        switch value {
        case .object(let members):
            return (schema["properties"]?.members ?? []).flatMap { known -> [String] in
                guard let member = members.first(where: { $0.name == known.name }) else {
                    return ["\(path).\(known.name)"]
                }
                return absent(from: member.value, of: known.value, at: "\(path).\(known.name)")
            }
        case .array(let items):
            guard let first = items.first else { return ["\(path)[]"] }
            return absent(from: first, of: schema["items"] ?? [:], at: "\(path)[]")
        default: return []
        }
    }
}

/// Any JSON, as it stands.
private struct Plain: Decodable {
    var value: JSONValue

    static func value(of view: some Encodable) throws -> JSONValue {
        try JSONDecoder().decode(Plain.self, from: APICoding.encode(view)).value
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            value = .null
        } else if let flag = try? container.decode(Bool.self) {
            value = .bool(flag)
        } else if let number = try? container.decode(Int.self) {
            value = .integer(number)
        } else if let text = try? container.decode(String.self) {
            value = .string(text)
        } else if let items = try? container.decode([Plain].self) {
            value = .array(items.map(\.value))
        } else {
            let members = try container.decode([String: Plain].self).sorted { $0.key < $1.key }
            value = .object(members.map { JSONMember(name: $0.key, value: $0.value.value) })
        }
    }
}
