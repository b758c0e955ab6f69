/// One key of one section.
package struct FieldRule: Sendable {
    package enum Presence: Sendable, Hashable {
        case required
        /// What absence means, as a phrase.
        case optional(String)
        /// The text that stands for an absent one; it is read as if it had been written.
        case defaulted(String)
    }

    package var name: String
    package var kind: ValueKind
    package var presence: Presence
    package var example: String
    package var description: String
    /// Why the default is what it is, or why the field is needed.
    package var reason: String

    package init(
        _ name: String, _ kind: ValueKind, _ presence: Presence, example: String, _ description: String, reason: String
    ) {
        self.name = name
        self.kind = kind
        self.presence = presence
        self.example = example
        self.description = description
        self.reason = reason
    }
}

/// One mapping with a fixed set of keys.
package struct SectionRule: Sendable {
    /// As the page of fields shows it: `providers.<id>.pool`.
    package var title: String
    package var description: String
    package var fields: [FieldRule]

    package init(_ title: String, _ description: String, _ fields: [FieldRule]) {
        self.title = title
        self.description = description
        self.fields = fields
    }

    subscript(name: String) -> FieldRule? {
        fields.first { $0.name == name }
    }
}

extension ValueKind {
    /// The section inside, where there is one.
    package var section: SectionRule? {
        switch self {
        case .section(let rule), .named(_, let rule), .sections(let rule): rule
        default: nil
        }
    }
}
