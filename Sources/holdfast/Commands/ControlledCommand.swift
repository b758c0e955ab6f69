import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

/// Where the management plane is, who asks, and in which form the answer is wanted: the same for every command that is a
/// client of it.
struct ControlOptions: ParsableArguments {
    static let addressVariable = "HOLDFAST_CONTROL"
    static let tokenVariable = "HOLDFAST_TOKEN"
    static let usualAddress = "http://127.0.0.1:8090"

    @Option(
        name: .customLong("control"),
        help: ArgumentHelp(
            "The management plane. Default: $\(Self.addressVariable), else \(Self.usualAddress).", valueName: "URL"))
    var address: String?

    // There is no option for the token itself: everybody on the machine can read a process's arguments.
    @Option(
        help: ArgumentHelp("Holds the token. Default: what $\(Self.tokenVariable) says.", valueName: "FILE"),
        completion: .file())
    var tokenFile: String?

    @Flag(help: "Print what the API says, as JSON.")
    var json = false

    func client(
        _ console: Console, patienceSeconds: Int64 = ControlClient.usualPatience
    ) throws(CommandFailure) -> ControlClient {
        ControlClient(
            base: try base(console.environment), token: try token(console.environment),
            patienceSeconds: patienceSeconds)
    }

    func base(_ environment: [String: String]) throws(CommandFailure) -> String {
        let given = environment[Self.addressVariable].flatMap { $0.isEmpty ? nil : $0 }
        return try Self.checked(address ?? given ?? Self.usualAddress, option: "--control")
    }

    /// An address that a client can use.
    static func checked(_ text: String, option: String) throws(CommandFailure) -> String {
        func refused(_ reason: String) -> CommandFailure {
            CommandFailure(
                message: "'\(text.prefix(200))' \(reason)", mend: "write it like \(option) \(usualAddress)",
                status: .usage)
        }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
            ["http", "https"].contains(parts.scheme), parts.query == nil, parts.fragment == nil
        else { throw refused("is no address of a management plane or gateway") }
        guard parts.user == nil, parts.password == nil else {
            throw refused("holds credentials, which everybody on this machine can read")
        }
        return text
    }

    func token(_ environment: [String: String]) throws(CommandFailure) -> Secret {
        let text: String
        let source: String
        if let tokenFile {
            guard let bytes = FileManager.default.contents(atPath: tokenFile) else {
                throw CommandFailure(
                    message: "\(tokenFile) cannot be read", mend: "check the name and the permissions", status: .noInput
                )
            }
            (text, source) = (String(decoding: bytes, as: UTF8.self), tokenFile)
        } else if let given = environment[Self.tokenVariable], !given.isEmpty {
            (text, source) = (given, "$\(Self.tokenVariable)")
        } else {
            throw CommandFailure(
                message: "the management plane asks for a token, and there is none",
                mend: "put it into $\(Self.tokenVariable), or name its file with --token-file",
                status: .noPermission)
        }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        // What it holds may be a secret all the same, so it is not shown.
        guard KeyText(token) != nil else {
            throw CommandFailure(
                message: "\(source) holds no token",
                mend: "one token and nothing else, as hf_operator_…, belongs there",
                status: .noPermission)
        }
        return Secret(token)
    }
}

/// A command that asks the management plane. It says what to ask and what to show; how a client is made and ended and
/// how refusals are said is the same for all of them.
protocol ControlledCommand: AsyncParsableCommand {
    var options: ControlOptions { get }
    /// The code for a request that is not valid.
    static var invalidStatus: ExitStatus { get }
    /// How long one answer may take.
    static var patienceSeconds: Int64 { get }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus
    /// What needs no management plane; nil: this does.
    func performOffline(_ console: Console) async throws -> ExitStatus?
}

extension ControlledCommand {
    static var invalidStatus: ExitStatus { .invalid }
    static var patienceSeconds: Int64 { ControlClient.usualPatience }

    func performOffline(_ console: Console) async throws -> ExitStatus? { nil }

    func run() async throws {
        let status = await execute(in: .system())
        if status != .success { throw ExitCode(status.rawValue) }
    }

    func execute(in console: Console) async -> ExitStatus {
        do {
            if let status = try await performOffline(console) { return status }
            let client = try options.client(console, patienceSeconds: Self.patienceSeconds)
            let result: Result<ExitStatus, any Error>
            do {
                result = .success(try await perform(client, console))
            } catch {
                result = .failure(error)
            }
            await client.shutDown()
            return try result.get()
        } catch let failure as CommandFailure {
            console.writeError(failure.text)
            return failure.status
        } catch let failure as ControlFailure {
            console.showError(failure.report)
            return failure.exitStatus(invalid: Self.invalidStatus)
        } catch {
            console.writeError("holdfast: \(PlainText.visible("\(error)"))\n")
            return .software
        }
    }

    /// The API's view, or what it means.
    func show(_ view: some Encodable, _ console: Console, _ report: () -> Report) {
        if options.json {
            console.writeJSON(view)
        } else {
            console.show(report())
        }
    }
}

extension Console {
    func writeJSON(_ view: some Encodable) {
        write(PlainText.visibleJSON(String(decoding: APICoding.pretty(view), as: UTF8.self)) + "\n")
    }

    /// One line, for streams of them.
    func writeJSONLine(_ view: some Encodable) {
        write(PlainText.visibleJSON(String(decoding: APICoding.encode(view), as: UTF8.self)) + "\n")
    }
}

/// What a revocation says as JSON. There is no such view of the API, which answers with nothing.
struct Revoked: Encodable {
    var id: String
    var revoked = true
}

/// Why, which every change asks for.
struct ReasonOption: ParsableArguments {
    @Option(help: ArgumentHelp("Why, for whoever reads it later; in the audit log for good.", valueName: "TEXT"))
    var reason: String
}

/// The generation that a change is meant for.
struct IfMatchOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("Only if this is still the newest generation: else nothing is changed.", valueName: "N"))
    var ifMatch: UInt64?
}

/// How much of a list is shown.
struct MostOption: ParsableArguments {
    @Option(help: ArgumentHelp("Show at most so many.", valueName: "COUNT"))
    var most = 100

    func validate() throws {
        guard 1...100_000 ~= most else { throw ValidationError("--most is 1 to 100000.") }
    }
}

extension Report {
    /// A part is never taken for the whole.
    mutating func rest<Item>(of page: Page<Item>, most: Int) {
        guard page.next != nil else { return }
        line(.yellow("there are more than these \(most): see --most"))
    }
}
