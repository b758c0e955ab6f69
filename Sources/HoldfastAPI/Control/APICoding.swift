package import Foundation

/// JSON as all our processes speak it to each other: names in snake case, sorted, no escaped slashes.
package enum APICoding {
    package static func encode(_ value: some Encodable) -> Data {
        encode(value, formatting: [.sortedKeys, .withoutEscapingSlashes])
    }

    /// The same with line ends and indents, for what people may read too.
    package static func pretty(_ value: some Encodable) -> Data {
        encode(value, formatting: [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
    }

    private static func encode(_ value: some Encodable, formatting: JSONEncoder.OutputFormatting) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dataEncodingStrategy = .base64
        guard let json = try? encoder.encode(value) else {
            preconditionFailure("what our processes say is plain values, which always encode")
        }
        return json
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from json: Data) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dataDecodingStrategy = .base64
        return try decoder.decode(type, from: json)
    }
}
