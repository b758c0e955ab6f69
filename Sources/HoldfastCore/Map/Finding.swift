/// What an assessment can find. The order is the one in which findings of the same rank stand.
package enum FindingKind: String, Sendable, Hashable, CaseIterable, Comparable {
    case singlePoint = "single-point"
    case oneVendor = "one-vendor"
    case noOwned = "no-owned"
    case fallbackFailed = "fallback-failed"
    case fallbackUntested = "fallback-untested"
    case fallbackOutdated = "fallback-outdated"
    case retirement = "retirement"
    case recoveryMeasured = "recovery-measured"
    case recoveryTarget = "recovery-target"
    case recoveryChain = "recovery-chain"
    case latency = "latency"
    case capacity = "capacity"
    case sharedManagement = "shared-management"
    case sharedAlert = "shared-alert"
    case noAlert = "no-alert"
    case sharedBackup = "shared-backup"
    case sharedFallback = "shared-fallback"
    case sharedGroup = "shared-group"
    case sharedAddress = "shared-address"
    case oneGateway = "one-gateway"
    case cutPair = "cut-pair"
    case cutTriple = "cut-triple"
    case noOwner = "no-owner"
    case onePerson = "one-person"
    case unknownPlace = "unknown-place"
    case unknownDomain = "unknown-domain"
    case unknownPrice = "unknown-price"
    case neverSeen = "never-seen"
    case undeclared = "undeclared"
    case idleAcceptance = "idle-acceptance"

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: FindingKind, right: FindingKind) -> Bool { left.rank < right.rank }
}

/// One thing worth knowing about what depends on what: why, what to do, and how much hangs on it.
package struct Finding: Sendable, Hashable {
    package enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        case notice, warning, critical

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

        package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

        /// Of something that critical work depends on, or that other work does.
        init(_ criticality: Criticality) {
            self =
                switch criticality {
                case .critical: .critical
                case .standard: .warning
                case .deferrable: .notice
                }
        }
    }

    package enum Acceptance: Sendable, Hashable {
        case accepted(DeclaredMap.Acceptance)
        /// It counts again.
        case expired(DeclaredMap.Acceptance)
    }

    /// The same for the same kind and subjects, whatever else changes: what an acceptance names.
    package let id: String
    package let kind: FindingKind
    /// What it is about; decides the id.
    package let subjects: [String]
    package var severity: Severity
    /// One line.
    package var title: String
    package var reason: String
    package var mend: String
    /// Services, workloads and routes that it concerns, the most critical first.
    package var stops: [ComponentID] = []
    /// Declared costs of a minute of those; nil: none is declared.
    package var minuteCostMicros: Int64?
    package var acceptance: Acceptance?

    package init(
        _ kind: FindingKind, _ severity: Severity, of subjects: [String], _ title: String, reason: String, mend: String
    ) {
        self.kind = kind
        self.severity = severity
        self.subjects = subjects
        self.title = title
        self.reason = reason
        self.mend = mend
        id = Self.id(kind, subjects)
    }

    /// Whether it counts: nobody has decided to live with it.
    package var isOpen: Bool {
        if case .accepted = acceptance { false } else { true }
    }

    /// The worst first; of the same severity what costs or stops most.
    func precedes(_ other: Finding) -> Bool {
        if severity != other.severity { return severity > other.severity }
        let (cost, otherCost) = (minuteCostMicros ?? -1, other.minuteCostMicros ?? -1)
        if cost != otherCost { return cost > otherCost }
        if kind != other.kind { return kind < other.kind }
        if stops.count != other.stops.count { return stops.count > other.stops.count }
        return subjects != other.subjects ? subjects.lexicographicallyPrecedes(other.subjects) : id < other.id
    }

    // MARK: - Ids

    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz")
    private static let hashLength = 7
    package static let idPattern =
        "^(\(FindingKind.allCases.map(\.rawValue).joined(separator: "|")))-[0-9a-hjkmnp-tv-z]{\(hashLength)}$"

    /// The kind, and 35 bits of what it is about: among a thousand findings two share one once in 70 000 maps.
    static func id(_ kind: FindingKind, _ subjects: [String]) -> String {
        // FNV-1a, and the last step of SplitMix64 behind it, since FNV's upper bits are weak for short texts.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in ([kind.rawValue] + subjects).joined(separator: "\n").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        var random = SeededRandom(seed: hash)
        let mixed = random.next()
        let letters = (0..<hashLength).map { digits[Int(mixed >> (5 * UInt64($0)) & 31)] }
        return "\(kind.rawValue)-\(String(letters))"
    }

    /// Whether a text may be the id of a finding.
    package static func isID(_ text: String) -> Bool {
        guard let dash = text.lastIndex(of: "-"), FindingKind(rawValue: String(text[..<dash])) != nil else {
            return false
        }
        let hash = text[text.index(after: dash)...]
        return hash.count == hashLength && hash.allSatisfy(digits.contains)
    }
}

/// Lists in sentences.
enum Listing {
    /// `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
    static func text(_ items: [String], most: Int = 3) -> String {
        guard items.count > 1 else { return items.first ?? "nothing" }
        if items.count > most { return "\(items.prefix(most).joined(separator: ", ")) and \(items.count - most) more" }
        return "\(items.dropLast().joined(separator: ", ")) and \(items[items.count - 1])"
    }
}
