import HoldfastAPI

/// Findings for whoever reads them at three in the morning: what counts first, the worst above, and under each why it
/// matters and what to do.
struct AssessmentReport {
    private let view: AssessmentView
    private let source: String

    /// - Parameter source: a file, or a generation.
    init(_ view: AssessmentView, of source: String) {
        self.view = view
        self.source = source
    }

    private static let severities = ["critical", "warning", "notice"]

    private var open: [FindingView] { view.findings.filter(\.isOpen) }
    private var accepted: [FindingView] { view.findings.filter { !$0.isOpen } }

    /// `2 critical, 1 warning and 4 notices`.
    private var summary: String {
        let counts = view.counts
        guard counts.critical + counts.warning + counts.notice > 0 else { return "nothing found that counts" }
        return [
            "\(counts.critical) critical", Words.count(counts.warning, "warning"), Words.count(counts.notice, "notice"),
        ].joined(separator: ", ")
    }

    /// What was not looked at: absence is never success.
    private var gaps: [String] {
        var gaps: [String] = []
        if view.generation == nil {
            gaps.append("of the file alone: what gateways see and what drills have shown is not part of it")
        } else if !view.observed {
            gaps.append("no gateway reports: nothing is known of what is really used")
        }
        if view.exactOrder < 3 {
            let looked = view.exactOrder == 1 ? "single failures" : "single failures and pairs"
            gaps.append("the map has too many sets of failures to look at all of them; \(looked) are exact")
        }
        if view.morePairs + view.moreTriples > 0 {
            gaps.append(
                "\(Words.count(view.morePairs, "more pair")) and \(Words.count(view.moreTriples, "more set")) of three are not listed: holdfast map show --json"
            )
        }
        return gaps
    }

    // MARK: - For people

    var report: Report {
        var report = Report()
        report.line(
            .bold(summary), " in \(source)", view.counts.accepted > 0 ? "; \(view.counts.accepted) accepted" : "")
        for gap in gaps { report.line(.faint(gap)) }
        for severity in Self.severities {
            let findings = open.filter { $0.severity == severity }
            guard !findings.isEmpty else { continue }
            report.blank()
            report.heading("\(severity.uppercased()) (\(findings.count))")
            for finding in findings {
                report.blank()
                add(finding, to: &report)
            }
        }
        guard !accepted.isEmpty else { return report }
        report.blank()
        report.heading("ACCEPTED (\(accepted.count))")
        for finding in accepted {
            let until = finding.acceptance.map { "until \($0.until): \($0.reason)" } ?? ""
            report.blank()
            report.line("\(finding.title)")
            report.facts([("id", "\(finding.id)"), ("accepted", "\(until)")])
        }
        return report
    }

    private func add(_ finding: FindingView, to report: inout Report) {
        let style: Renderer.Style? =
            switch finding.severity {
            case "critical": .red
            case "warning": .yellow
            default: nil
            }
        report.line([Piece(finding.title, style)])
        var facts: [(String, Piece)] = [("id", .faint(finding.id))]
        if let cost = finding.costPerMinute { facts.append(("costs", "$\(cost) a minute")) }
        facts.append(("why", "\(finding.reason)"))
        facts.append(("mend", "\(finding.mend)"))
        if let acceptance = finding.acceptance {
            facts.append(("accepted", "until \(acceptance.until), which is over: \(acceptance.reason)"))
        }
        report.facts(facts)
    }

    // MARK: - Markdown

    var markdown: String {
        var lines = ["# Assessment of \(Self.escaped(source))", "", "\(summary), on \(view.day)."]
        for gap in gaps { lines += ["", "*\(Self.escaped(gap))*"] }
        for severity in Self.severities {
            let findings = open.filter { $0.severity == severity }
            guard !findings.isEmpty else { continue }
            lines += ["", "## \(severity.prefix(1).uppercased() + severity.dropFirst())"]
            for finding in findings { lines += self.lines(of: finding) }
        }
        if !accepted.isEmpty {
            lines += ["", "## Accepted", "", "| finding | id | until | reason |", "|---|---|---|---|"]
            for finding in accepted {
                let cells = [
                    finding.title, "`\(finding.id)`", finding.acceptance?.until ?? "", finding.acceptance?.reason ?? "",
                ]
                lines.append("| \(cells.map(Self.escapedCell).joined(separator: " | ")) |")
            }
        }
        return PlainText.visible(lines.joined(separator: "\n"), keepsLines: true) + "\n"
    }

    private func lines(of finding: FindingView) -> [String] {
        var lines = ["", "### \(Self.escaped(finding.title))", "", "- `\(finding.id)`"]
        if let cost = finding.costPerMinute { lines.append("- costs: $\(cost) a minute") }
        lines.append("- why: \(Self.escaped(finding.reason))")
        lines.append("- mend: \(Self.escaped(finding.mend))")
        if let acceptance = finding.acceptance {
            lines.append("- accepted until \(acceptance.until), which is over: \(Self.escaped(acceptance.reason))")
        }
        return lines
    }

    /// Names and reasons are text, and never markup.
    static func escaped(_ text: String) -> String {
        text.map { "\\`*_[]<>|#".contains($0) ? "\\\($0)" : "\($0)" }.joined()
    }

    private static func escapedCell(_ text: String) -> String {
        text.hasPrefix("`") ? text : escaped(text)
    }
}

/// What would stop, and what would carry it.
struct OutlookReport {
    private let view: OutlookView

    init(_ view: OutlookView) {
        self.view = view
    }

    var report: Report {
        var report = Report()
        let stops = view.lines.filter { $0.state == "stops" }
        let cost = view.costPerMinute.map { ", at $\($0) a minute" } ?? ""
        report.line(
            "without ", .bold(view.without.joined(separator: ", ")), ": ",
            stops.isEmpty ? .green("nothing stops") : .red("\(stops.count) of \(view.lines.count) stop\(cost)"))
        add("STOPS", stops, .red, to: &report)
        add("DEGRADED", view.lines.filter { $0.state == "degraded" }, .yellow, to: &report)
        add("GOES ON", view.lines.filter { $0.state == "goes_on" }, .green, to: &report)
        return report
    }

    private func add(_ heading: String, _ lines: [OutlookView.Line], _ style: Renderer.Style, to report: inout Report) {
        guard !lines.isEmpty else { return }
        report.blank()
        report.line([Piece("\(heading) (\(lines.count))", style)])
        for line in lines {
            let cost = line.costPerMinute.map { ", $\($0) a minute" } ?? ""
            report.line("\(line.component)", .faint(" (\(line.criticality)\(cost))"), indent: 2)
            for carrier in line.carriers { report.line(Self.pieces(carrier), indent: 4) }
        }
    }

    private static func pieces(_ carrier: OutlookView.Carrier) -> [Piece] {
        let capacity = carrier.capacity.map { "; \($0.left) of \($0.all) \($0.dimension) left" }.joined()
        let standing: Piece =
            carrier.primary
            ? .faint("as on every day") : carrier.state == "tested" ? .green("tested") : .yellow("\(carrier.state)")
        return ["route:\(carrier.route) is carried by \(carrier.deployment), ", standing, "\(capacity)"]
    }
}
