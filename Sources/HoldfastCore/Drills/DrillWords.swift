extension DrillReason {
    /// For people, on a line.
    package var message: String {
        switch self {
        case .stoppedByItself(let gateway, .lostCritical):
            "gateway \(gateway) ended the fault by itself: too many critical exchanges were lost"
        case .stoppedByItself(let gateway, _):
            "gateway \(gateway) ended the fault by itself: too large a share of all exchanges was lost"
        case .lostAfterRecovery(let count):
            "\(count) critical \(count == 1 ? "exchange was" : "exchanges were") lost after recovery was claimed"
        case .notRecovered(let gateways): "no recovery at \(Self.listed(gateways))"
        case .tooSlow(let milliseconds, let target):
            "recovery took \(Self.span(milliseconds)), and the target is \(Self.span(target))"
        case .notSteadyAgain(let gateways):
            "not steady again after the fault at \(Self.listed(gateways)): a breaker or a suspension is not as before"
        case .falseAlarm(let gateway): "gateway \(gateway) noticed a failure or acted on one, and there was none"
        case .harmWithoutFault(let counts):
            "\(counts.degraded) answers were degraded and \(counts.lost) exchanges lost, and nothing was injected"
        case .stopped(let stop): stop.message
        case .nobodyTookIt: "no gateway took the order"
        case .unsteadyBaseline(let gateways):
            "the state before was not steady at \(Self.listed(gateways)): something was out or lost already"
        case .contradictory(let gateways): "what \(Self.listed(gateways)) reported cannot be"
        case .silent(let gateways): "\(Self.listed(gateways)) was not heard in the middle of it"
        case .notTakenBy(let gateways): "\(Self.listed(gateways)) did not take part, though it reports"
        case .neverBegan: "the fault never began"
        case .neverEnded(let gateways): "the fault was not seen to end at \(Self.listed(gateways))"
        case .notEffective: "exchanges met the fault, and every one was answered as on a good day: it had no effect"
        case .tooFewExchanges(let count):
            "too little traffic: \(count) exchanges since the fault began, and \(DrillVerdict.fewestExchanges) are needed"
        case .tooFewMet(let count):
            "too few exchanges met the fault: \(count), and \(DrillVerdict.fewestMet) are needed"
        case .recoveryNotFinal(let gateways):
            "recovery at \(Self.listed(gateways)) was not looked at for long enough to be sure"
        }
    }

    package var mend: String {
        switch self {
        case .stoppedByItself, .notRecovered, .lostAfterRecovery:
            "look at who answered, give the route a candidate that does not fail with it, and run the drill again"
        case .tooSlow: "shorten the route's timeouts (first_token, response), or promise less"
        case .notSteadyAgain: "look at holdfast alerts and holdfast top for what keeps it open"
        case .falseAlarm, .harmWithoutFault:
            "look for a real failure at the same time (holdfast events), and run the sham again when it is quiet"
        case .stopped(let stop): stop.mend
        case .nobodyTookIt, .notTakenBy:
            "check that gateways follow this management plane and know drills: holdfast gateways, and their version"
        case .unsteadyBaseline: "wait until no breaker is open and nothing is lost (holdfast status, holdfast top)"
        case .contradictory: "check that each gateway has a token of its own, and that nobody else uses it"
        case .silent: "check the gateway and the network, and run the drill again"
        case .neverBegan, .neverEnded: "look at the gateway's log, and run the drill again"
        case .notEffective: "check that the route really asks what was to fail: holdfast top"
        case .tooFewExchanges, .tooFewMet: "bring traffic with --probes 2, or run it while there is some"
        case .recoveryNotFinal: "run it again with more traffic (--probes) or a longer lease"
        }
    }

    /// A line that people read.
    private static func listed(_ names: [String]) -> String {
        let most = 4
        let rest = names.count > most ? " and \(names.count - most) more" : ""
        return "gateway \(names.prefix(most).joined(separator: ", "))\(rest)"
    }

    package static func span(_ milliseconds: Int64) -> String {
        guard milliseconds >= 1_000 else { return "\(milliseconds) ms" }
        let tenths = milliseconds / 100
        return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
    }
}

extension DrillRun.Stop {
    package var message: String {
        switch self {
        case .person(let words): "stopped by \(words)"
        case .lever(let words): "all drills were ended by \(words)"
        case .orderGone: "its order was taken away in the middle of it"
        case .configurationChanged: "another configuration was published in the middle of it"
        case .restarted: "the management plane restarted in the middle of it"
        }
    }

    package var mend: String {
        switch self {
        case .person: "run it again when it is in nobody's way"
        case .lever: "release the lever (holdfast drill resume) when drills may run again"
        case .orderGone: "leave the override to the drill; to end a drill use holdfast drill stop"
        case .configurationChanged: "run it again when the roll-out is over"
        case .restarted: "run it again: what happened while nobody looked on is not known"
        }
    }
}

extension DrillMeasures {
    /// What is worth saying of a drill that has passed, one line each.
    package func facts(target: Int64) -> [String] {
        var lines: [String] = []
        if let recoveredAfter {
            lines.append(
                "recovered after \(DrillReason.span(recoveredAfter)); the target is \(DrillReason.span(target))")
        }
        let counts = all
        lines.append(
            "\(counts.all) exchanges since the fault began: \(counts.answered) answered, \(counts.degraded) degraded, "
                + "\(counts.lost) lost, \(counts.shed) shed; \(critical.lost) of the lost were critical")
        lines.append("\(met) met the fault")
        return lines
    }
}
