import HoldfastWire

/// A JSON text as what it means: spelling, whitespace and the order of members aside.
indirect enum JSONTree: Equatable {
    case null
    case bool(Bool)
    /// As written: a number that is copied must not change by a digit.
    case number(String)
    case string(String)
    case list([JSONTree])
    case object([String: JSONTree])

    init(_ text: String) throws {
        self = try withBytes(text) { bytes in
            var json = JSONScanner(bytes, limits: .upstream)
            let tree = try JSONTree(&json)
            try json.finish()
            return tree
        }
    }

    private init(_ json: inout JSONScanner) throws {
        switch try json.kind() {
        case .null:
            try json.skipValue()
            self = .null
        case .bool:
            self = .bool(try json.bool())
        case .number:
            let number = try json.number()
            self = .number(String(decoding: json.bytes[number.range], as: UTF8.self))
        case .string:
            let string = try json.string()
            self = .string(json.text(of: string))
        case .array:
            var elements: [JSONTree] = []
            try json.openArray()
            while try json.nextElement() { elements.append(try JSONTree(&json)) }
            self = .list(elements)
        case .object:
            var members: [String: JSONTree] = [:]
            try json.openObject()
            while let key = try json.nextKey() {
                let name = json.text(of: key)
                let isNew = members.updateValue(try JSONTree(&json), forKey: name) == nil
                guard isNew else { throw DuplicateMember(name: name) }
            }
            self = .object(members)
        }
    }

    struct DuplicateMember: Error {
        var name: String
    }

    subscript(_ name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    subscript(_ place: Int) -> JSONTree? {
        guard case .list(let elements) = self, elements.indices.contains(place) else { return nil }
        return elements[place]
    }
}
