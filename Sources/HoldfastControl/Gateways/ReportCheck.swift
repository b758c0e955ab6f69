import HoldfastAPI
import HoldfastCore

/// A gateway may be taken over, and its report is shown to people and believed by alerts: what it says is bounded in
/// number and in length, and holds nothing that drives a terminal.
extension GatewayReportView {
    static let longestText = 1_000
    private static let sources: Set<String> = ["control", "ring", "file", "none"]

    /// - Throws: `ProblemView` that names what cannot be true.
    func checked() throws -> GatewayReportView {
        var fields: [ProblemView.Field] = []
        func check(_ field: String, _ isRight: Bool, _ message: String) {
            guard !isRight else { return }
            fields.append(.init(field: field, message: message, mend: "report it as /openapi.json says"))
        }
        check("version", (1...64).contains(version.utf8.count), "this is no version")
        check("source", Self.sources.contains(source), "there is no such source")
        check("shedding", (1...32).contains(shedding.utf8.count), "this is no word for shedding")
        check("exchanges", min(exchangesInFlight, exchanges, failures) >= 0, "there are less than none")
        check("troubles", (troubles ?? []).count <= TroubleView.most, "there are more than \(TroubleView.most)")
        check("troubles", (troubles ?? []).prefix(TroubleView.most).allSatisfy(\.isRight), "one of them cannot be")
        check("more_troubles", (moreTroubles ?? 0) >= 0, "there are less than none")
        guard fields.isEmpty else { throw ProblemView.invalid(fields) }
        var report = self
        report.version = Self.plain(version)
        report.shedding = Self.plain(shedding)
        report.refused = refused.map(Self.plain)
        return report
    }

    private static func plain(_ text: String) -> String {
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(longestText) {
            plain.append(JSONValue.isControl(scalar) ? "\u{FFFD}" : scalar)
        }
        return String(plain)
    }
}

extension TroubleView {
    fileprivate var isRight: Bool {
        let isName = NameKind.id.accepts(subject) || NameKind.deployment.accepts(subject)
        let isBreaker = breaker.map { AlertSights.Trouble.Breaker(rawValue: $0) != nil } ?? true
        // A newer gateway may know more classes than this.
        return isName && isBreaker && (suspension?.utf8.count ?? 0) <= 64
    }
}
