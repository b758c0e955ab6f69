/// The document as written: a tree in which every key and value knows its line and column, both from 1. What a scalar
/// means is decided by the table of fields and by nothing else, so `no`, `1e3` and `0x10` are only texts here.
package struct ConfigurationNode: Sendable, Hashable {
    package struct Position: Sendable, Hashable {
        package var line: Int
        package var column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    /// One key of a mapping with its value. Keys are unique within their mapping: whoever builds the tree sees to it.
    package struct Entry: Sendable, Hashable {
        package var key: String
        package var position: Position
        package var value: ConfigurationNode

        package init(key: String, position: Position, value: ConfigurationNode) {
            self.key = key
            self.position = position
            self.value = value
        }
    }

    package struct Scalar: Sendable, Hashable {
        /// Where the text comes from, for notes about who else can read it.
        package enum Origin: Sendable, Hashable {
            case document
            case environment
            case file(path: String, isReadableByOthers: Bool)
        }

        /// What the scalar says, references replaced.
        package var text: String
        /// What stands in the document. Messages quote this one, so that nothing read through a reference is printed.
        package var written: String
        package var isPlain: Bool
        package var origin = Origin.document
        /// A reference in it could not be read, which is a problem of its own; its text is not judged again.
        package var isUnresolved = false

        package init(_ text: String, isPlain: Bool) {
            self.text = text
            written = text
            self.isPlain = isPlain
        }

        /// The ways in which a document says that a key has no value.
        package var isNull: Bool {
            isPlain && origin == .document && ["", "~", "null", "Null", "NULL"].contains(text)
        }
    }

    package indirect enum Value: Sendable, Hashable {
        case scalar(Scalar)
        case sequence([ConfigurationNode])
        case mapping([Entry])
    }

    package var position: Position
    package var value: Value

    package init(position: Position, value: Value) {
        self.position = position
        self.value = value
    }

    var kindName: String {
        switch value {
        case .scalar: "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// The dotted way to a value: `providers.openai.base_url`, `keys[0].hash`, `deployments."openai/gpt-4.1".price`.
package enum ConfigurationPath {
    package static func child(_ parent: String, _ key: String) -> String {
        let isPlain = !key.isEmpty && key.utf8.allSatisfy { ASCIIText.isLetterOrDigit($0) || $0 == 0x5F || $0 == 0x2D }
        let step = isPlain ? key : "\"\(ConfigurationQuote.inside(key))\""
        return parent.isEmpty ? step : "\(parent).\(step)"
    }

    package static func item(_ parent: String, _ index: Int) -> String {
        "\(parent)[\(index)]"
    }
}

/// A text of the document as messages show it: on one line, short, and unable to drive a terminal.
package enum ConfigurationQuote {
    /// Characters; enough to recognise a value, too few to flood a report.
    static let longest = 60

    package static func quoted(_ text: String) -> String {
        "'\(inside(text))'"
    }

    package static func inside(_ text: String) -> String {
        var shown = ""
        for (count, scalar) in text.unicodeScalars.enumerated() {
            guard count < longest else { return shown + "…" }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            let isFormat = scalar.properties.generalCategory == .format
            let isSeparator = scalar.value == 0x2028 || scalar.value == 0x2029
            shown.unicodeScalars.append(isControl || isFormat || isSeparator ? "\u{FFFD}" : scalar)
        }
        return shown
    }
}

enum ASCIIText {
    static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte)
    }

    static func isLowercase(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte)
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || isLowercase(byte) || (0x41...0x5A).contains(byte)
    }

    static func isVisible(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte)
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
}
