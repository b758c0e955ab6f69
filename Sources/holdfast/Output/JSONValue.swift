/// A JSON value that keeps the order of its fields, so that reports and log lines read the same from run to run.
enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([Field])

    struct Field: Sendable, Hashable {
        var name: String
        var value: JSONValue
    }

    static func fields(_ pairs: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(pairs.map { Field(name: $0.key, value: $0.value) })
    }

    static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map(JSONValue.string))
    }

    static func optional(_ text: String?) -> JSONValue {
        text.map(JSONValue.string) ?? .null
    }

    /// One line, no spaces: for log lines.
    var line: String {
        var text = ""
        write(to: &text, indent: nil, depth: 0)
        return text
    }

    /// Indented by two spaces: for reports that people may read too.
    var pretty: String {
        var text = ""
        write(to: &text, indent: 2, depth: 0)
        return text
    }

    private func write(to text: inout String, indent: Int?, depth: Int) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        // JSON has no infinities and no not-a-number.
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.quote(value, into: &text)
        case .array(let values):
            Self.writeList(values, brackets: ("[", "]"), to: &text, indent: indent, depth: depth) { value, text in
                value.write(to: &text, indent: indent, depth: depth + 1)
            }
        case .object(let fields):
            Self.writeList(fields, brackets: ("{", "}"), to: &text, indent: indent, depth: depth) { field, text in
                Self.quote(field.name, into: &text)
                text += indent == nil ? ":" : ": "
                field.value.write(to: &text, indent: indent, depth: depth + 1)
            }
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], brackets: (open: String, close: String), to text: inout String, indent: Int?,
        depth: Int, each: (Element, inout String) -> Void
    ) {
        text += brackets.open
        for (place, element) in elements.enumerated() {
            if place > 0 { text += "," }
            if let indent {
                text += "\n" + String(repeating: " ", count: indent * (depth + 1))
            }
            each(element, &text)
        }
        if let indent, !elements.isEmpty {
            text += "\n" + String(repeating: " ", count: indent * depth)
        }
        text += brackets.close
    }

    /// Escapes more than JSON asks for: delete, the C1 controls and the two line separators too, so that no log line
    /// can move the cursor of the terminal it is shown on or be split by a reader of lines.
    static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if isControl(scalar) {
                    let hex = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: true
        default: false
        }
    }
}
