import HoldfastAPI
import HoldfastCore

/// Evidence for people who were not there: complete, and readable without the product.
///
/// Whatever somebody wrote into it, such as a reason, is text here too: it neither marks anything up nor ends a table.
struct EvidenceMarkdown {
    private let evidence: DrillEvidence
    private var drill: DrillView { evidence.drill }

    init(_ evidence: DrillEvidence) {
        self.evidence = evidence
    }

    var text: String {
        let parts = [summary, whatWasDone, measures, timeline, steps, gateways, covers, log, howToVerify]
        return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    }

    // MARK: - Parts

    private var summary: [String] {
        let verdict = drill.verdict?.rawValue.uppercased() ?? "OPEN"
        var lines = ["# Drill \(Self.plain(drill.id)): \(verdict)", "", "\(Self.plain(drill.title)).", ""]
        lines += drill.because.map { "- \(Self.plain($0))" }
        if let mend = drill.mend { lines += ["", "What to do: \(Self.plain(mend))."] }
        return lines
    }

    private var whatWasDone: [String] {
        var rows: [(String, String)] = [("Plan", drill.plan)]
        if let order = drill.order {
            rows.append(("Fault", order.sentence))
            rows.append(
                ("Probes", order.probesPerSecond == 0 ? "none" : "\(order.probesPerSecond) a second by each gateway"))
            rows.append(("State before", "looked at for \(DrillReason.span(order.baselineMilliseconds))"))
            rows.append(
                (
                    "Ends by itself",
                    "after \(order.stopLostCritical) lost critical exchanges, or \(order.stopLostPercent) % lost of all"
                ))
        }
        rows += [
            ("Started by", drill.author + (drill.schedule.map { ", schedule \($0)" } ?? "")), ("Reason", drill.reason),
            ("Announced", drill.isAnnounced ? "yes" : "no"), ("Began", drill.beganAt),
        ]
        if let at = drill.faultAt { rows.append(("Fault in effect from", at)) }
        if let at = drill.endedAt { rows.append(("Ended", at)) }
        if let configuration = evidence.configuration {
            rows.append(
                (
                    "Configuration",
                    "generation \(configuration.generation) (\(configuration.name)), by \(configuration.author) at \(configuration.madeAt)"
                ))
            rows.append(("Its digest", "SHA-256 \(configuration.digest)"))
        }
        return ["## What was done", ""] + Self.table(["", ""], rows.map { [$0.0, $0.1] })
    }

    private var measures: [String] {
        guard drill.order != nil, let measures = drill.measures else { return [] }
        func instant(_ milliseconds: Int64?) -> String { milliseconds.map { DrillReason.span($0) } ?? "not seen" }
        let times = [
            ["noticed (t_d)", instant(measures.detectedAfter)], ["acted (t_a)", instant(measures.actedAfter)],
            ["recovered (t_r)", instant(measures.recoveredAfter)], ["recovery time", instant(measures.recoveryTime)],
            ["target", instant(measures.recoveryTarget)],
            ["exchanges that met the fault", "\(measures.met)"], ["of all, probes", "\(measures.probes)"],
            ["steady again", measures.isSteadyAgain ? "yes" : "no"],
        ]
        func row(_ name: String, _ counts: DrillObservationView.Counts) -> [String] {
            [name, "\(counts.answered)", "\(counts.degraded)", "\(counts.lost)", "\(counts.shed)"]
        }
        var lines = ["## What was measured", "", "Since the fault became effective; the worst of all gateways.", ""]
        lines += Self.table(["", ""], times) + [""]
        lines += Self.table(
            ["Exchanges", "answered", "degraded", "lost", "shed"],
            [
                row("before", measures.baseline), row("critical", measures.critical),
                row("standard", measures.standard),
                row("deferrable", measures.deferrable),
            ])
        if !measures.answerers.isEmpty {
            lines +=
                [""]
                + Self.table(
                    ["Answered by", "exchanges"], measures.answerers.map { [$0.deployment, "\($0.count)"] })
        }
        return lines
    }

    private var timeline: [String] {
        guard !drill.seconds.isEmpty else { return [] }
        let rows = drill.seconds.map { second in
            let counts = second.counts
            return [
                "\(second.second)", "\(counts.answered)", "\(counts.degraded)", "\(counts.lost)", "\(counts.shed)",
            ]
        }
        return ["## Timeline", "", "By second; the fault begins at 0.", ""]
            + Self.table(["second", "answered", "degraded", "lost", "shed"], rows)
    }

    private var steps: [String] {
        guard !drill.steps.isEmpty else { return [] }
        let rows = drill.steps.enumerated().map { place, step in
            let worked = step.worked.map { $0 ? "yes" : "NO" } ?? "not ticked"
            return ["\(place + 1)", step.text, worked, step.note ?? "", step.doneBy ?? "", step.doneAt ?? ""]
        }
        return ["## Steps", ""] + Self.table(["", "step", "worked", "note", "by", "at"], rows)
    }

    private var gateways: [String] {
        guard !drill.gateways.isEmpty else { return [] }
        let rows = drill.gateways.map { gateway in
            guard let seen = gateway.observation else { return [gateway.id, "said nothing", "", "", "", ""] }
            return [
                gateway.id, seen.phase.rawValue, seen.ended ?? "", "\(seen.met)",
                seen.recoveredAfterMilliseconds.map { DrillReason.span($0) } ?? "",
                seen.isSteadyAgain ? "yes" : "no",
            ]
        }
        return ["## Gateways", ""]
            + Self.table(["gateway", "last said", "fault ended by", "met", "recovered after", "steady again"], rows)
    }

    private var covers: [String] {
        guard !evidence.covers.isEmpty else { return [] }
        var lines = ["## What it says something about", ""]
        for fallback in evidence.covers {
            lines += [
                "\(Self.plain(fallback.deployment)) as a fallback of \(Self.plain(fallback.route)), as it was:", "",
            ]
            lines += Self.table(["", ""], fallback.facts.map { [$0.name, $0.value] }) + [""]
        }
        return lines.dropLast()
    }

    private var log: [String] {
        let rows = evidence.audit.map { item in
            let entry = item.entry
            let details = entry.details.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            return [
                "\(entry.number)", TimeOfDay.text(milliseconds: entry.at), entry.principal, entry.action,
                entry.phase.rawValue, details.joined(separator: "; "),
            ]
        }
        return ["## Audit log", ""] + Self.table(["entry", "at", "by", "what", "", "details"], rows)
    }

    private var howToVerify: [String] {
        [
            "## How to verify it", "",
            "This page is made from a signed bundle: `holdfast drill evidence \(Self.plain(drill.id)) --format bundle`. "
                + "`holdfast drill verify FILE --key signing.pub` checks it with the public key alone, offline: the signature, "
                + "and that each entry above stands in the audit log under this checkpoint.", "",
            "Public key: `\(evidence.key)`", "", "```", evidence.checkpoint.trimmingSuffix, "```", "",
            "Made at \(Self.plain(evidence.madeAt)) for \(Self.plain(evidence.madeBy)), Holdfast \(Self.plain(evidence.version)).",
        ]
    }

    // MARK: - Text

    private static func table(_ header: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String { "| \(cells.map(plain).joined(separator: " | ")) |" }
        return [line(header), "|\(String(repeating: "---|", count: header.count))"] + rows.map(line)
    }

    /// Marks up nothing, on one line.
    static func plain(_ text: String) -> String {
        var out = ""
        for character in PlainText.visible(text) {
            switch character {
            case "\\", "|", "`", "*", "_", "[", "]", "#", "~", "<", ">": out += "\\\(character)"
            case "&": out += "&amp;"
            default: out.append(character)
            }
        }
        return out
    }
}

extension String {
    /// Without line ends at its end.
    fileprivate var trimmingSuffix: String {
        var text = self
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }
}
