import ArgumentParser
import HoldfastAPI
import HoldfastCore

/// What of a drill is the same whether it is started, exported or imported.
struct DrillShapeOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The route whose exchanges meet the fault; kill-primary and probes need one.", valueName: "ROUTE"))
    var route: String?

    @Option(
        help: ArgumentHelp(
            "Which deployment, provider, vendor or jurisdiction, where the plan is of one.", valueName: "NAME"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "How it fails: refuse, silence, slow, cut, revoke, 500, 503 or 429. Default: refuse.", valueName: "FAULT"))
    var fault: String?

    @Option(help: ArgumentHelp("Of the exchanges, such as 25%. Default: 100%.", valueName: "PERCENT"))
    var share: String?

    @Option(help: ArgumentHelp("How long it fails. Default: 60s.", valueName: "SPAN"))
    var lease: String?

    @Option(help: ArgumentHelp("How long slow attempts wait. Default: 5s.", valueName: "SPAN"))
    var delay: String?

    @Option(help: ArgumentHelp("How long the state before is looked at. Default: 3s.", valueName: "SPAN"))
    var baseline: String?

    @Option(help: ArgumentHelp("Exchanges that each gateway makes by itself in a second. Default: 0.", valueName: "N"))
    var probes: Int?

    @Option(
        help: ArgumentHelp(
            "Recovery has to be there within this. Default: what the map promises, else 30s.", valueName: "SPAN"))
    var target: String?

    @Option(help: ArgumentHelp("End it where so many critical exchanges are lost. Default: 10.", valueName: "N"))
    var stopLostCritical: Int?

    @Option(help: ArgumentHelp("End it where so much of all exchanges is lost. Default: 50.", valueName: "PERCENT"))
    var stopLostPercent: Int?

    @Flag(help: "Everything but the failure: what is noticed then is a false alarm.")
    var sham = false

    @Flag(help: "Nobody is left to answer, and that is meant.")
    var confirmOutage = false

    func validate() throws { _ = try percent() }

    private func percent() throws -> Int? {
        guard let share else { return nil }
        guard let percent = Int(share.hasSuffix("%") ? String(share.dropLast()) : share), 1...100 ~= percent else {
            throw ValidationError("--share is 1% to 100%.")
        }
        return percent
    }

    func view(plan: String, reason: String) throws -> NewDrillView {
        var view = NewDrillView(plan: plan, reason: reason)
        view.route = route
        view.name = name
        view.fault = fault
        view.share = try percent()
        view.lease = lease
        view.delay = delay
        view.baseline = baseline
        view.probes = probes
        view.target = target
        view.sham = sham ? true : nil
        view.stopLostCritical = stopLostCritical
        view.stopLostPercent = stopLostPercent
        view.confirmed = confirmOutage ? true : nil
        return view
    }
}

struct DrillRunCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Start a drill, follow it, and say what it came to.",
        discussion: """
            Gateways look at the state before, inject the failure, end it by themselves, and are watched until all is \
            steady again. To stop following (Ctrl-C) does not end it: holdfast drill stop does. A table-top is started \
            with its steps, and not followed.

            EXAMPLES
              holdfast drill run kill-primary --route assistant --probes 2 --reason 'before the release'
              holdfast drill run kill-vendor --name openai --fault silence --share 10% --reason 'what if'
              holdfast drill run kill-primary --route assistant --sham --reason 'are there false alarms'
              holdfast drill run tabletop --step 'page the one on call' --step 'find the runbook' --reason 'quarterly'

            EXIT CODES
              0   passed; with --detach, and for a table-top: started
              1   failed, or it could not begin: another drill runs, or all are halted
              2   inconclusive: too little traffic, a gateway that was silent, stopped
              64  the command line cannot be understood
              65  the request is not valid; every field is named with its mend
              69  the management plane does not answer
              73  the file of --outcome cannot be written
              77  no valid token, or one that may not do this
            """
    )

    /// Between two looks.
    static let interval = Duration.seconds(1)
    /// In a row; then somebody else has to look.
    private static let mostSilence = 60

    @Argument(help: ArgumentHelp("What fails: see holdfast drill plans.", valueName: "PLAN"))
    var plan: String

    @OptionGroup var shape: DrillShapeOptions

    @Option(name: .customLong("step"), help: ArgumentHelp("Of a table-top; one for each.", valueName: "TEXT"))
    var steps: [String] = []

    @Flag(help: "Tell whoever listens for events before it begins.")
    var announce = false

    @Flag(help: "Start it, and do not follow.")
    var detach = false

    @Option(help: ArgumentHelp("Write down which drill it was, and how it ended.", valueName: "FILE"))
    var outcome: String?

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func view() throws -> NewDrillView {
        var view = try shape.view(plan: plan, reason: why.reason)
        view.announced = announce ? true : nil
        view.steps = steps.isEmpty ? nil : steps
        return view
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        try note(nil, .inconclusive)
        let started = try await client.start(try view())
        try note(started.id, .inconclusive)
        if detach || started.phase == .tabletop {
            show(started, console) {
                var report = Report()
                report.drill(started)
                return report
            }
            return .success
        }
        let ended = try await follow(started, client, console)
        try note(ended.id, ended.exitStatus)
        show(ended, console) {
            var report = Report()
            report.drill(ended)
            return report
        }
        return ended.exitStatus
    }

    private func note(_ drill: String?, _ status: ExitStatus) throws(CommandFailure) {
        if let outcome { try DrillOutcomeFile(drill: drill, status: status.rawValue).write(outcome) }
    }

    /// Until it is over. It ends by itself, so the only thing that is bounded here is silence.
    private func follow(
        _ started: DrillView, _ client: ControlClient, _ console: Console
    ) async throws -> DrillView {
        var timeline = DrillTimeline(isTerminal: console.isTerminal)
        var drill = started
        var silence = 0
        if !options.json {
            var report = Report()
            report.line(.bold(drill.id), "  \(drill.title): \(drill.order?.sentence ?? "")")
            console.show(report)
        }
        while drill.phase != .done {
            if !options.json { console.write(timeline.text(of: drill, console.renderer)) }
            try await Task.sleep(for: Self.interval)
            do throws(ControlFailure) {
                drill = try await client.drill(drill.id)
                silence = 0
            } catch {
                silence += 1
                guard silence < Self.mostSilence, error.exitStatus() == .unavailable else { throw error }
            }
        }
        if !options.json { console.write(timeline.takeBack) }
        return drill
    }
}

struct DrillOutcomeCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "outcome",
        abstract: "Say how holdfast drill run --outcome FILE has ended.",
        discussion: """
            Ends as that command did; where the file does not exist, nothing was begun, and nothing is wrong. This is what \
            the hypothesis of an exported experiment asks.

            EXAMPLES
              holdfast drill run kill-primary --route assistant --outcome today.json --reason …
              holdfast drill outcome today.json

            EXIT CODES
              0   passed, or not begun
              1   failed, or it could not begin
              2   inconclusive, or it is not over
            """
    )

    @Argument(help: ArgumentHelp("As it was named to --outcome.", valueName: "FILE"))
    var file: String

    @OptionGroup var options: ControlOptions

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let found = DrillOutcomeFile.read(file) else {
            console.write(options.json ? "null\n" : "not begun\n")
            return .success
        }
        show(found, console) {
            var report = Report()
            let words = [0: "passed", 1: "failed", 2: "inconclusive"][found.status] ?? "ended with \(found.status)"
            report.line("\(found.drill ?? "no drill"): \(words)")
            return report
        }
        return ExitStatus(rawValue: found.status) ?? .failure
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus { .success }
}
