import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list and end keys of clients.",
        discussion: """
            A key stands in the document, which create makes the line for, or is issued by the management plane: then \
            every gateway knows it within seconds, and one command ends it.

            EXAMPLES
              holdfast keys issue triage-app --workload triage > triage.key
              holdfast keys revoke triage-app
              holdfast keys create --id triage-app --workload triage
            """,
        subcommands: [
            KeysIssueCommand.self, KeysListCommand.self, KeysRevokeCommand.self, KeysCreateCommand.self,
        ]
    )
}

struct KeysCreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Offline: make a key for a client and print it once, with the line for the configuration.",
        discussion: """
            The key is shown here and nowhere else; the configuration holds its digest. Give the key to the client, \
            which sends it as `Authorization: Bearer KEY` or `x-api-key: KEY`, and add the line under `keys:`.

            EXAMPLES
              holdfast keys create --id triage-app --workload triage
              holdfast keys create --id triage-app --workload triage --json
            """
    )

    @Option(name: .long, help: "Who holds the key: 1 to 64 of a-z, 0-9 and '-'.")
    var id: String

    @Option(name: .long, help: "The workload in the configuration that the key speaks for.")
    var workload: String

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func run() throws {
        // The system's source, which is getrandom(2) on Linux.
        var random = SystemRandomNumberGenerator()
        do {
            let key = try NewKey.make(id: id, workload: workload, using: &random)
            Terminal.write(json ? key.json.pretty + "\n" : key.text(Terminal.renderer(environment: [:])))
        } catch {
            throw error.report()
        }
    }
}

/// A key just made. The only value that ever holds its text.
struct NewKey: Sendable {
    let key: Secret
    let id: String
    let workload: String
    /// `sha256:` and the digest of the whole key in lower-case hex.
    let hash: String

    /// - Parameter random: must be a cryptographic source.
    static func make(
        id: String, workload: String, using random: inout some RandomNumberGenerator
    ) throws(CommandFailure) -> NewKey {
        guard KeyText.isLegalID(id) else {
            throw CommandFailure(
                message: "the id \(shown(id)) is not one a key can have",
                mend: "use 1 to \(KeyText.longestID) of a-z, 0-9 and '-', such as --id triage-app", status: .usage)
        }
        guard isLegalWorkload(workload) else {
            throw CommandFailure(
                message: "the workload \(shown(workload)) is not a name the configuration can have",
                mend: "use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit, such as --workload triage",
                status: .usage)
        }
        let text = KeyText.make(kind: .client, id: id, using: &random)
        return NewKey(key: Secret(text), id: id, workload: workload, hash: ClientKeyHash.of(text))
    }

    var configurationLine: String {
        "- {id: \(id), hash: \"\(hash)\", workload: \(workload)}"
    }

    var json: JSONValue {
        [
            "key": .string(key.reveal()), "id": .string(id), "workload": .string(workload), "hash": .string(hash),
            "configuration_line": .string(configurationLine),
        ]
    }

    func text(_ renderer: Renderer) -> String {
        renderer.heading("The key, shown this once; give it to the client")
            + "  \(key.reveal())\n\n"
            + renderer.heading("The line for the configuration")
            + "  keys:\n    \(configurationLine)\n"
    }

    /// The configuration's rule for ids.
    private static func isLegalWorkload(_ text: String) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return (1...64).contains(text.utf8.count) && text.utf8.first.map(isLetterOrDigit) == true
            && text.utf8.allSatisfy { isLetterOrDigit($0) || "._-".utf8.contains($0) }
    }

    private static func shown(_ text: String) -> String {
        "'\(LogFields.visible(String(text.prefix(80))))'"
    }
}
