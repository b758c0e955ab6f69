/// How long a token of each kind lives. Every token ends: one that leaked does harm until then at most.
package enum TokenLifetime {
    private static let day: Int64 = 86_400_000

    /// Milliseconds: what a token gets where nothing is asked for, and the most it can get.
    package static func bounds(of kind: PrincipalKind) -> (usual: Int64, longest: Int64) {
        switch kind {
        // Read only, and often on a wall.
        case .viewer: (90 * day, 365 * day)
        case .operator_, .approver: (30 * day, 90 * day)
        // As long as an audit takes; it sees more than a viewer.
        case .auditor: (30 * day, 90 * day)
        // Can make every other kind, so it is made when it is needed. Not so short that the first one, which is printed
        // once, ends before the second was made.
        case .admin: (7 * day, 30 * day)
        // In a secret store, and rotated by whoever runs it.
        case .automation: (30 * day, 90 * day)
        // Nobody is there to renew it. A gateway whose token ended serves on, with what it has.
        case .node: (365 * day, 730 * day)
        }
    }

    /// Nothing lives for less: a token that ends before it arrives only makes people ask for the longest.
    package static let shortestMilliseconds: Int64 = 60_000

    package enum Refusal: Error, Sendable, Hashable {
        case tooShort
        case tooLong(kind: PrincipalKind, longestMilliseconds: Int64)

        package var message: String {
            switch self {
            case .tooShort: "a token lives for at least a minute"
            case .tooLong(let kind, let longest):
                "a token of the kind \(kind.rawValue) lives for at most \(longest / 86_400_000) days"
            }
        }

        package var mend: String {
            switch self {
            case .tooShort: "ask for a minute or more"
            case .tooLong(_, let longest): "ask for \(longest / 86_400_000) days or less, and make another one then"
            }
        }
    }

    /// Milliseconds that a new token lives for.
    ///
    /// - Parameter asked: nil where nobody asked.
    package static func milliseconds(of kind: PrincipalKind, asked: Int64?) throws(Refusal) -> Int64 {
        let (usual, longest) = bounds(of: kind)
        guard let asked else { return usual }
        guard asked >= shortestMilliseconds else { throw .tooShort }
        guard asked <= longest else { throw .tooLong(kind: kind, longestMilliseconds: longest) }
        return asked
    }
}
