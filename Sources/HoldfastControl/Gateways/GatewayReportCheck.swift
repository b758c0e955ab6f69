import HoldfastAPI

extension GatewayReportView {
    static let sources = ["control", "ring", "file"]
    /// Characters of its texts. What is longer is cut and not refused: a gateway that has much to say is still heard.
    static let longestText = 2_000

    /// As it may be kept and shown. Gates believe reports, and lists and metrics show them.
    func checked() throws -> GatewayReportView {
        guard Self.sources.contains(source) else {
            throw ProblemView.invalid([
                .init(
                    field: "source", message: "no configuration comes from there",
                    mend: "use \(Self.sources.joined(separator: ", "))")
            ])
        }
        guard generation <= APISchema.longestNumber else {
            throw ProblemView.invalid([
                .init(field: "generation", message: "no generation has such a number", mend: "use 18 digits at most")
            ])
        }
        var kept = self
        kept.version = String(version.prefix(Self.longestText))
        kept.shedding = String(shedding.prefix(Self.longestText))
        kept.refused = refused.map { String($0.prefix(Self.longestText)) }
        return kept
    }
}
