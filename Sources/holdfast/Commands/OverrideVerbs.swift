import ArgumentParser
import HoldfastAPI
import HoldfastCore

/// What all operations at run time have: a reason and an end.
struct OverrideOptions: ParsableArguments {
    @OptionGroup var why: ReasonOption

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long, such as 30m, 2h or 7d; 30d at most.", valueName: "SPAN"))
    var span: String

    @OptionGroup var match: IfMatchOption

    func validate() throws {
        guard let nanoseconds = ConfigurationUnits.duration(span), nanoseconds > 0 else {
            throw ValidationError("--for is a span such as 30m, 2h or 7d.")
        }
    }

    static let exitCodes = """
        EXIT CODES
          0   in force from now on
          1   not done: somebody was faster, or nothing is published yet
          65  the request is not valid; every field is named with its mend
          69  the management plane does not answer
          77  no valid token, or one that may not do this
        """
}

/// A short verb that makes one override.
protocol OverrideVerb: ControlledCommand {
    var operation: OverrideOptions { get }
    var effect: OverrideEffectView { get }
}

extension OverrideVerb {
    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let made = try await client.create(
            NewOverrideView(effect: effect, reason: operation.why.reason, for: operation.span),
            ifMatch: operation.match.ifMatch)
        show(made.view, console) {
            var report = Report()
            report.override(made.view, now: console.now())
            report.line("to end it before: holdfast overrides clear \(made.view.id) --reason …", indent: 2)
            return report
        }
        return .success
    }

    /// Whether exactly one of them is named.
    func requireOne(_ names: [(option: String, value: String?)]) throws {
        guard names.count(where: { $0.value != nil }) == 1 else {
            throw ValidationError("Name exactly one of \(names.map(\.option).joined(separator: ", ")).")
        }
    }
}

struct DrainCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Take nothing new there, and finish what runs.",
        discussion: """
            EXAMPLES
              holdfast drain --provider openai --reason 'their status page is red' --for 2h
              holdfast drain --deployment local/qwen3:8b --reason 'a new driver' --for 30m

            \(OverrideOptions.exitCodes)
            """
    )

    @Option(help: ArgumentHelp("One model at one provider.", valueName: "PROVIDER/MODEL"))
    var deployment: String?

    @Option(help: ArgumentHelp("All that it serves.", valueName: "NAME"))
    var provider: String?

    @Option(help: ArgumentHelp("All that is asked of it.", valueName: "NAME"))
    var route: String?

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        try requireOne([("--deployment", deployment), ("--provider", provider), ("--route", route)])
    }

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "drain")
        effect.deployment = deployment
        effect.provider = provider
        effect.route = route
        return effect
    }
}

struct RestrictCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "restrict",
        abstract: "Take out what law or policy forbids, until a person clears it.",
        discussion: """
            Nothing is sent there, not even a check. A restriction never ends by itself: --for says when a person has to \
            look at it again, and from then on it is shown as overdue.

            EXAMPLES
              holdfast restrict --jurisdiction us --reason 'the ruling of today' --for 7d
              holdfast restrict --vendor openai --reason 'no contract any more' --for 30d

            \(OverrideOptions.exitCodes)
            """
    )

    @Option(help: ArgumentHelp("One model at one provider.", valueName: "PROVIDER/MODEL"))
    var deployment: String?

    @Option(help: ArgumentHelp("All that it serves.", valueName: "NAME"))
    var provider: String?

    @Option(help: ArgumentHelp("Every provider of this vendor.", valueName: "NAME"))
    var vendor: String?

    @Option(help: ArgumentHelp("Every provider under this law.", valueName: "NAME"))
    var jurisdiction: String?

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        try requireOne([
            ("--deployment", deployment), ("--provider", provider), ("--vendor", vendor),
            ("--jurisdiction", jurisdiction),
        ])
    }

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "restrict")
        effect.deployment = deployment
        effect.provider = provider
        effect.vendor = vendor
        effect.jurisdiction = jurisdiction
        return effect
    }
}

struct PinCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Ask one candidate of a route first, or alone.",
        discussion: """
            EXAMPLES
              holdfast pin assistant local/qwen3:8b --reason 'the others are slow today' --for 4h
              holdfast pin assistant local/qwen3:8b --only --reason 'nothing may leave the house' --for 1d

            \(OverrideOptions.exitCodes)
            """
    )

    @Argument(help: "The route.")
    var route: String

    @Argument(help: "One of its candidates, as PROVIDER/MODEL.")
    var candidate: String

    @Flag(help: "No other is asked, also where this one fails.")
    var only = false

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "pin")
        effect.route = route
        effect.candidate = candidate
        effect.only = only ? true : nil
        return effect
    }
}

struct ShedCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "shed",
        abstract: "Refuse what is less critical, to keep room for the rest.",
        discussion: """
            EXAMPLES
              holdfast shed --below standard --reason 'half of the capacity is gone' --for 1h
              holdfast shed --below critical --route assistant --reason 'OPS-17' --for 20m

            \(OverrideOptions.exitCodes)
            """
    )

    @Option(
        help: ArgumentHelp(
            "What is less critical than this is refused: standard or critical.", valueName: "CRITICALITY"),
        completion: .list(["standard", "critical"]))
    var below: String

    @Option(help: ArgumentHelp("On this route alone. Default: on every one.", valueName: "NAME"))
    var route: String?

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "shed")
        effect.below = below
        effect.route = route
        return effect
    }
}

struct CapCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "cap",
        abstract: "Ask a deployment for less. It only ever lowers what the file allows.",
        discussion: """
            EXAMPLES
              holdfast cap openai/gpt-4.1-mini --concurrent 8 --reason 'they throttle us' --for 1h
              holdfast cap openai/gpt-4.1-mini --tokens-per-minute 50000 --reason 'the bill' --for 1d

            \(OverrideOptions.exitCodes)
            """
    )

    @Argument(help: "One model at one provider, as PROVIDER/MODEL.")
    var deployment: String

    @Option(help: ArgumentHelp("Attempts in flight at once.", valueName: "N"))
    var concurrent: Int?

    @Option(help: ArgumentHelp("Attempts a minute.", valueName: "N"))
    var requestsPerMinute: Int?

    @Option(help: ArgumentHelp("Tokens a minute.", valueName: "N"))
    var tokensPerMinute: Int?

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard concurrent != nil || requestsPerMinute != nil || tokensPerMinute != nil else {
            throw ValidationError("Name at least one of --concurrent, --requests-per-minute, --tokens-per-minute.")
        }
    }

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "cap")
        effect.deployment = deployment
        effect.concurrent = concurrent
        effect.requestsPerMinute = requestsPerMinute
        effect.tokensPerMinute = tokensPerMinute
        return effect
    }
}

struct PriceCommand: OverrideVerb {
    static let configuration = CommandConfiguration(
        commandName: "price",
        abstract: "Say what a deployment costs, in place of the whole row of the file.",
        discussion: """
            In USD per million tokens. What is not named is unknown, never zero.

            EXAMPLES
              holdfast price openai/gpt-4.1-mini --input 0.40 --output 1.60 --reason 'their mail of today' --for 30d

            \(OverrideOptions.exitCodes)
            """
    )

    @Argument(help: "One model at one provider, as PROVIDER/MODEL.")
    var deployment: String

    @Option(help: ArgumentHelp("Of input tokens.", valueName: "USD"))
    var input: String?

    @Option(help: ArgumentHelp("Of input tokens that the provider had cached.", valueName: "USD"))
    var cachedInput: String?

    @Option(help: ArgumentHelp("Of output tokens.", valueName: "USD"))
    var output: String?

    @OptionGroup var operation: OverrideOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard input != nil || cachedInput != nil || output != nil else {
            throw ValidationError("Name at least one of --input, --cached-input, --output.")
        }
    }

    var effect: OverrideEffectView {
        var effect = OverrideEffectView(kind: "price")
        effect.deployment = deployment
        effect.price = .init(input: input, cachedInput: cachedInput, output: output)
        return effect
    }
}
