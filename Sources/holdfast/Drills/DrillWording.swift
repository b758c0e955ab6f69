import HoldfastAPI
import HoldfastCore

extension FaultView {
    /// What it does, in words.
    var sentence: String {
        let lasts = "for \(DrillReason.span(leaseMilliseconds))"
        let share = sharePercent == 100 ? "" : ", \(sharePercent) % of the exchanges"
        return "\(effect) \(lasts)\(share)\(route.map { ", on route \($0)" } ?? "")"
    }

    private var effect: String {
        switch target {
        case "resolver": fault == "sham" ? "does nothing to the resolver" : "takes the resolver away"
        case "control":
            fault == "sham" ? "does nothing to the management plane" : "cuts gateways off the management plane"
        default: "\(verb) \(subject)"
        }
    }

    private var subject: String { target == "owned" ? "every owned provider" : "\(target) \(name ?? "?")" }

    private var verb: String {
        switch fault {
        case "refuse": "refuses connections to"
        case "silence": "lets nothing come from"
        case "slow": "delays attempts by \(DrillReason.span(delayMilliseconds)) at"
        case "cut": "cuts answers off at"
        case "revoke": "refuses the key of"
        case "sham": "does nothing to"
        default: "answers \(fault) for"
        }
    }
}

extension DrillView {
    /// On a line.
    var title: String {
        let subject = route ?? order?.name
        return "\(plan)\(subject.map { " of \($0)" } ?? "")"
    }

    var state: Piece {
        switch verdict {
        case .pass?: .green("passed")
        case .fail?: .red("FAILED")
        case .inconclusive?: .yellow("inconclusive")
        case nil: .yellow(phase.sentence)
        }
    }

    var exitStatus: HoldfastAPI.ExitStatus {
        switch verdict {
        case .pass?: .success
        case .fail?: .failure
        case .inconclusive?, nil: .inconclusive
        }
    }

    var recovery: String {
        guard let measures else { return "" }
        return measures.recoveredAfter.map { DrillReason.span($0) } ?? (order == nil ? "" : "none")
    }
}

extension DrillView.Phase {
    var sentence: String {
        switch self {
        case .starting: "on its way to gateways"
        case .baseline: "looking at the state before"
        case .fault: "the fault is in effect"
        case .recovery: "looking at recovery"
        case .tabletop: "people tick steps"
        case .done: "over"
        }
    }
}

extension DrillObservationView.Counts {
    var all: Int { answered + degraded + lost + shed }

    /// The worst that happened; nil: nothing did.
    var mark: Character {
        if lost > 0 { return "x" }
        if shed > 0 { return "s" }
        if degraded > 0 { return "d" }
        return answered > 0 ? "o" : "."
    }
}

extension Report {
    mutating func drill(_ drill: DrillView) {
        line(.bold(drill.id), "  \(drill.title): ", drill.state)
        for reason in drill.because { line("\(reason)", indent: 2) }
        if let mend = drill.mend { line("mend: \(mend)", indent: 2) }
        var facts: [(String, Piece)] = []
        if let order = drill.order { facts.append(("does", "\(order.sentence)")) }
        facts.append(("reason", "\(drill.reason)"))
        facts.append(("by", "\(drill.author)\(drill.schedule.map { ", schedule \($0)" } ?? "")"))
        facts.append(("began", "\(drill.beganAt.prefix(19))Z, on generation \(drill.generation)"))
        if let measures = drill.measures, drill.order != nil { facts += Self.facts(measures) }
        self.facts(facts)
        if let measures = drill.measures, drill.order != nil { counts(measures) }
        timeline(drill)
        steps(drill)
    }

    private static func facts(_ measures: DrillView.Measures) -> [(String, Piece)] {
        func instant(_ milliseconds: Int64?) -> Piece {
            milliseconds.map { "\(DrillReason.span($0))" } ?? .faint("not seen")
        }
        var facts: [(String, Piece)] = [
            ("noticed", instant(measures.detectedAfter)), ("acted", instant(measures.actedAfter)),
            ("recovered", instant(measures.recoveredAfter)),
        ]
        if let target = measures.recoveryTarget { facts.append(("target", "\(DrillReason.span(target))")) }
        facts.append(("met the fault", "\(measures.met), \(measures.probes) of all exchanges were probes"))
        facts.append(("steady again", measures.isSteadyAgain ? .green("yes") : .yellow("no")))
        if !measures.answerers.isEmpty {
            let names = measures.answerers.prefix(6).map { "\($0.deployment) \($0.count)" }
            facts.append(("answered by", "\(names.joined(separator: ", "))"))
        }
        return facts
    }

    private mutating func counts(_ measures: DrillView.Measures) {
        let rows = [
            ("before", measures.baseline), ("critical", measures.critical), ("standard", measures.standard),
            ("deferrable", measures.deferrable),
        ]
        table(
            Table(
                header: ["EXCHANGES", "ANSWERED", "DEGRADED", "LOST", "SHED"],
                rows: rows.map { name, counts in
                    [
                        "\(name)", "\(counts.answered)",
                        Piece("\(counts.degraded)", counts.degraded == 0 ? nil : .yellow),
                        Piece("\(counts.lost)", counts.lost == 0 ? nil : .red), "\(counts.shed)",
                    ]
                }))
    }

    /// A character for each second.
    private mutating func timeline(_ drill: DrillView) {
        guard let first = drill.seconds.first?.second else { return }
        line(
            .faint("from \(first) s: "), "\(DrillTimeline.marks(drill.seconds, most: 180))", indent: 2)
        line(.faint("o answered, d degraded, x lost, s shed, . nothing, | the fault begins"), indent: 2)
    }

    private mutating func steps(_ drill: DrillView) {
        for (place, step) in drill.steps.enumerated() {
            let mark: Piece =
                switch step.worked {
                case true?: .green("done   ")
                case false?: .red("failed ")
                case nil: .faint("open   ")
                }
            line("\(place + 1)  ", mark, "\(step.text)", indent: 2)
            if let note = step.note { line(.faint("\(note), \(step.doneBy ?? "?")"), indent: 6) }
        }
    }

    mutating func drills(_ drills: [DrillView]) {
        table(
            Table(
                header: ["DRILL", "PLAN", "STATE", "RECOVERY", "BEGAN", "BY", "BECAUSE"],
                rows: drills.map { drill in
                    [
                        .bold(drill.id), "\(drill.title)", drill.state, "\(drill.recovery)",
                        "\(drill.beganAt.prefix(16))Z", "\(drill.author)", "\(drill.because.first ?? "")",
                    ]
                }))
    }

    mutating func fallbacks(_ fallbacks: [FallbackView]) {
        table(
            Table(
                header: ["ROUTE", "FALLBACK", "STATE", "PASSES", "AT LEAST", "RECOVERY", "LAST", "WHAT CHANGED SINCE"],
                rows: fallbacks.map { fallback in
                    [
                        "\(fallback.route)", .bold(fallback.deployment), fallback.state.piece, "\(fallback.passes)",
                        "\(fallback.confidencePercent.map { "\($0) %" } ?? "")",
                        "\(fallback.lastRecoveryMilliseconds.map { DrillReason.span($0) } ?? "")",
                        "\(fallback.lastPassedAt.map { "\($0.prefix(10))" } ?? "never")",
                        "\(fallback.changes.joined(separator: "; "))",
                    ]
                }))
    }
}

extension FallbackView.State {
    var piece: Piece {
        switch self {
        case .tested: .green(rawValue)
        case .outdated, .untested: .yellow(rawValue)
        case .failed: .red(rawValue)
        }
    }
}
