import HoldfastAPI
import HoldfastCore

/// A gateway may be taken over, and its report is shown to people and believed by alerts: what it says is bounded in
/// number and in length, and holds nothing that drives a terminal.
extension GatewayReportView {
    /// By scalars: one character may be of any length. What is longer is cut and not refused: a gateway that has much to
    /// say is still heard.
    static let longestText = 1_000
    static let longestWord = 100
    /// `none`: it has no configuration yet.
    static let sources = ["control", "ring", "file", "none"]

    /// - Throws: `ProblemView` that names what cannot be true.
    func checked() throws -> GatewayReportView {
        var fields: [ProblemView.Field] = []
        func check(_ field: String, _ isRight: Bool, _ message: String) {
            guard !isRight else { return }
            fields.append(.init(field: field, message: message, mend: "report it as /openapi.json says"))
        }
        check("generation", generation <= APISchema.longestNumber, "no generation has such a number")
        check("source", Self.sources.contains(source), "there is no such source")
        let counts = [
            ("exchanges_in_flight", exchangesInFlight), ("exchanges", exchanges), ("failures", failures),
            ("more_troubles", moreTroubles ?? 0),
        ]
        for (field, count) in counts {
            check(field, (0...APISchema.longestNumber).contains(count), "nobody has counted that")
        }
        check("troubles", (troubles ?? []).count <= TroubleView.most, "there are more than \(TroubleView.most)")
        check("troubles", (troubles ?? []).prefix(TroubleView.most).allSatisfy(\.isRight), "one of them cannot be")
        check("drills", DrillObservationView.areRight(drills ?? []), "one of them cannot be, or there are too many")
        var telling = TellingCheck()
        var report = self
        report.figures = figures.map { telling.figures($0) }
        report.receipts = receipts.map { telling.receipts($0) }
        fields += telling.fields
        guard fields.isEmpty else { throw ProblemView.invalid(fields) }
        report.version = Self.plain(version, longest: Self.longestWord)
        report.shedding = Self.plain(shedding, longest: Self.longestWord)
        report.refused = refused.map { Self.plain($0, longest: Self.longestText) }
        return report
    }

    static func plain(_ text: String, longest: Int) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(longest) {
            plain.append(JSONValue.isControl(scalar) ? "\u{FFFD}" : scalar)
        }
        return String(plain)
    }
}

extension TroubleView {
    /// Of the word for it: a newer gateway may know more of them than this.
    static let longestSuspension = 64

    fileprivate var isRight: Bool {
        let isName = NameKind.id.accepts(subject) || NameKind.deployment.accepts(subject)
        let isBreaker = breaker.map { AlertSights.Trouble.Breaker(rawValue: $0) != nil } ?? true
        return isName && isBreaker && (suspension?.unicodeScalars.count ?? 0) <= TroubleView.longestSuspension
    }
}
