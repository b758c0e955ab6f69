package import Foundation

/// One event of the audit log. A change is two: what was about to happen, written before it, and what became of it.
package struct AuditEntry: Codable, Sendable, Equatable {
    package enum Phase: String, Codable, Sendable {
        /// About to happen.
        case intended
        case completed, failed
        /// The process ended in between, and a later one found that nothing had happened.
        case interrupted
        /// Happened on its own account, such as a refused sign-in: there was nothing to change.
        case noted
    }

    /// From 0, without gaps.
    package var number: Int
    /// Milliseconds since 1970.
    package var at: Int64
    package var principal: String
    package var kind: String
    /// Noun and verb, as in `overrides.create`.
    package var action: String
    package var target: String
    package var details: [String: String]
    package var phase: Phase
    /// Of an outcome: the number of what was intended.
    package var intent: Int?

    package init(
        number: Int, at: Int64, principal: String, kind: String, action: String, target: String,
        details: [String: String], phase: Phase, intent: Int?
    ) {
        self.number = number
        self.at = at
        self.principal = principal
        self.kind = kind
        self.action = action
        self.target = target
        self.details = details
        self.phase = phase
        self.intent = intent
    }

    /// What is hashed: JSON with sorted keys, so that the same entry always has the same bytes.
    package var leaf: Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(self) else {
            preconditionFailure("an entry is plain values, which always encode")
        }
        return bytes
    }
}
