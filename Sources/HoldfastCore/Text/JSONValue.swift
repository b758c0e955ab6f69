/// A JSON value that keeps the order of its members, so that documents, reports and log lines read the same from run to
/// run. For what is small and written seldom; the path of an exchange writes and reads bytes.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    package static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map(JSONValue.string))
    }

    package static func optional(_ text: String?) -> JSONValue {
        text.map(JSONValue.string) ?? .null
    }
}

package struct JSONMember: Sendable, Hashable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}

// MARK: - Reading

extension JSONValue {
    /// The first member of that name; nil where there is none and where this is no object.
    package subscript(name: String) -> JSONValue? {
        members?.first { $0.name == name }?.value
    }

    package var isNull: Bool { self == .null }

    package var bool: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    package var integer: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value) where value == value.rounded() && abs(value) < 1e15: Int(value)
        default: nil
        }
    }

    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var array: [JSONValue]? {
        if case .array(let items) = self { items } else { nil }
    }

    package var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }
}

// MARK: - Writing

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }

    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember(name: $0.0, value: $0.1) })
    }
}

extension JSONValue {
    /// One line, no spaces: for log lines and answers.
    package var line: String {
        var text = ""
        write(to: &text, indent: nil, depth: 0)
        return text
    }

    /// Indented by two spaces: for reports that people may read too.
    package var pretty: String {
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
        case .string(let value): text += Self.quoted(value)
        case .array(let values):
            Self.writeList(values, brackets: ("[", "]"), to: &text, indent: indent, depth: depth) { value, text in
                value.write(to: &text, indent: indent, depth: depth + 1)
            }
        case .object(let members):
            Self.writeList(members, brackets: ("{", "}"), to: &text, indent: indent, depth: depth) { member, text in
                text += Self.quoted(member.name)
                text += indent == nil ? ":" : ": "
                member.value.write(to: &text, indent: indent, depth: depth + 1)
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

    /// A string literal with its quotes.
    package static func quoted(_ text: String) -> String {
        "\"" + escaped(text) + "\""
    }

    /// The inside of a string literal. More is escaped than JSON asks for: delete, the C1 controls and the two line
    /// separators too, so that no log line can move the cursor of the terminal it is shown on or be split by a reader
    /// of lines.
    package static func escaped(_ text: String) -> String {
        // Almost every text is plain: looking first spares a copy of each token of a practice stream.
        guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F || $0 == 0x22 || $0 == 0x5C }) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where isControl(scalar):
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    package static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: true
        default: false
        }
    }
}
