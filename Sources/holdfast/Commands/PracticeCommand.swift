import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Logging
import NIOCore
import NIOPosix

struct PracticeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "practice",
        abstract: "Serve a simulated provider that fails on purpose.",
        discussion: """
            Speaks the OpenAI dialect with believable pacing; every answer says that it is simulated. One process is \
            one provider. A model name asks for a fault in one request (practice-fault-cut-5); the control API sets \
            one for many requests, with a lease after which it ends by itself. The control API is open to whoever \
            reaches the address, so keep to a loopback address where that matters.

            EXAMPLES
              holdfast practice --name primary
              holdfast practice --listen 127.0.0.1:0 --ready-file practice.json --instant
              holdfast practice --list
              curl http://127.0.0.1:8101/v1/chat/completions -H 'content-type: application/json' \\
                -d '{"model": "practice-large", "stream": true, "messages": [{"role": "user", "content": "hello"}]}'
              curl http://127.0.0.1:8101/practice/faults -d '{"fault": "status", "status": 503, "for": "60s"}'

            EXIT CODES
              0   stopped as asked; answers got 10 seconds to finish
              64  the command line is not right
              69  an address is in use or not ours
              73  the ready file cannot be written
            """
    )

    /// As long as a provider's load balancer gives its streams.
    private static let drainNanoseconds = 10 * Span.second

    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free port.", valueName: "HOST:PORT"))
    var listen = "127.0.0.1:8101"

    @Option(
        help: ArgumentHelp(
            "A second listener for the control API alone: reachable under `refuse`.", valueName: "HOST:PORT"))
    var control: String?

    @Option(help: "The provider's name, as its answers tell it.")
    var name = "practice"

    @Option(
        help: ArgumentHelp(
            "The models it has, separated by commas. Default: practice-large, practice-small and every name that "
                + "begins with practice.", valueName: "A,B"))
    var models: String?

    @Option(help: ArgumentHelp("Ask for this key. Default: any key or none.", valueName: "KEY"))
    var apiKey: String?

    @Option(help: ArgumentHelp("Time to the first token.", valueName: "DURATION"))
    var firstToken = "200ms"

    @Option(help: ArgumentHelp("Time between two tokens.", valueName: "DURATION"))
    var tokenGap = "20ms"

    @Flag(help: "Answer without any pacing.")
    var instant = false

    @Option(help: "The same seed and the same request give the same answer.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Threads that serve.", valueName: "N"))
    var eventLoops = 1

    @Option(help: ArgumentHelp("After binding, write the address here as JSON.", valueName: "PATH"))
    var readyFile: String?

    @Flag(help: "Explain every fault and stop.")
    var list = false

    @Flag(help: "With --list: as JSON.")
    var json = false

    @Flag(help: "Print and log nothing but errors.")
    var quiet = false

    func run() async throws {
        if list { return print(json ? FaultListing.json : FaultListing.text) }
        let options = try options()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: eventLoops)
        // Listened for from here on, so that no signal falls between the start and the wait.
        let signals = TerminationSignals { number in _exit(128 + number) }
        let server: PracticeServer
        do {
            server = try await PracticeServer.start(options: options, group: group)
        } catch {
            throw unavailable(error, options)
        }
        try announce(server, options)
        _ = await signals.waitForFirst()
        if !quiet { print("Stopping: taking nothing new, open answers have 10 seconds.") }
        await server.stop(drainNanoseconds: PracticeCommand.drainNanoseconds)
        try await group.shutdownGracefully()
    }

    func validate() throws {
        if json, !list { throw ValidationError("--json goes with --list: a server's state is at /practice/requests.") }
        guard (1...64).contains(eventLoops) else { throw ValidationError("--event-loops must be from 1 to 64.") }
        _ = try options()
    }

    private func options() throws -> PracticeOptions {
        var options = PracticeOptions()
        options.listen = try address(listen, "--listen")
        options.control = try control.map { try address($0, "--control") }
        guard !name.isEmpty, name.utf8.count <= 64 else {
            throw ValidationError("--name must have 1 to 64 bytes, such as primary.")
        }
        options.name = name
        if let models {
            let names = models.split(separator: ",", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard names.allSatisfy({ !$0.isEmpty }) else {
                throw ValidationError("--models must be names separated by commas, such as model-a,model-b.")
            }
            options.models = names
        }
        options.apiKey = apiKey
        let paced = Pacing(
            firstTokenNanoseconds: try span(firstToken, "--first-token"),
            tokenGapNanoseconds: try span(tokenGap, "--token-gap"))
        options.pacing = instant ? .instant : paced
        options.seed = seed
        options.logger = Logger(label: "holdfast.practice")
        options.logger.logLevel = quiet ? .error : .info
        return options
    }

    private func address(_ text: String, _ option: String) throws -> ListenAddress {
        guard let address = PracticeOptions.address(text) else {
            throw ValidationError(
                "\(option) must be HOST:PORT, such as 127.0.0.1:8101 or [::1]:8101; '\(text)' is not.")
        }
        return address
    }

    private func span(_ text: String, _ option: String) throws -> Int64 {
        guard let span = SpanText.parse(text), span <= Span.hour else {
            throw ValidationError("\(option) must be a duration such as 200ms or 2s, at most 1h; '\(text)' is not.")
        }
        return span
    }

    private func unavailable(_ error: any Error, _ options: PracticeOptions) -> ExitCode {
        var addresses = options.listen.description
        if let control = options.control { addresses += " or \(control)" }
        let cause =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: "is in use (port 0 takes a free one)"
            case EADDRNOTAVAIL: "is no address of this machine"
            case EACCES: "is not allowed for this user, who may have ports of 1024 and above"
            default: "cannot be listened on: \(error)"
            }
        return CommandFailure(
            message: "\(addresses) \(cause)",
            mend: "choose another with --listen HOST:PORT\(options.control == nil ? "" : " or --control HOST:PORT")",
            status: .unavailable
        ).report()
    }

    private func announce(_ server: PracticeServer, _ options: PracticeOptions) throws {
        let listening = ListenAddress(host: options.listen.host, port: server.port).description
        try ReadyFile(listen: listening).write(to: readyFile)
        guard !quiet else { return }
        print("Practice provider '\(options.name)' (simulated) at http://\(listening)/v1")
        if let port = server.controlPort, let control = options.control {
            print("Its control API: http://\(ListenAddress(host: control.host, port: port))/practice/faults")
        } else {
            print("Its faults: http://\(listening)/practice/faults; --list explains them.")
        }
        // Seen at once where standard output is a pipe.
        fflush(nil)
    }
}

private enum FaultListing {
    static var text: String {
        var lines = [
            "Faults of a practice provider. In one request: the model name shown. For many: POST /practice/faults",
            "{\"fault\": NAME, \"for\": \"60s\", …} with the parameters shown, and for all of them \"share\": 0.5, \"models\": [\"a\"].",
            "",
        ]
        for fault in FaultName.allCases {
            lines.append(fault.rawValue)
            lines.append("    \(fault.explanation)")
            for parameter in fault.parameters { lines.append("    \(parameter.rawValue): \(parameter.explanation)") }
            if let model = fault.exampleModel { lines.append("    model: \(model)") }
        }
        return lines.joined(separator: "\n")
    }

    static var json: String {
        let faults: [JSONValue] = FaultName.allCases.map { fault in
            let parameters: [JSONValue] = fault.parameters.map {
                ["name": .string($0.rawValue), "explanation": .string($0.explanation)]
            }
            return [
                "name": .string(fault.rawValue), "explanation": .string(fault.explanation),
                "parameters": .array(parameters), "model": .optional(fault.exampleModel),
            ]
        }
        return (["faults": .array(faults)] as JSONValue).pretty
    }
}
