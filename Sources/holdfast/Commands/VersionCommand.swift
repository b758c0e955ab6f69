import ArgumentParser
import HoldfastCore

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.",
        discussion: """
            EXAMPLES
              holdfast version
              holdfast version --json
            """
    )

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func run() {
        Terminal.write(Self.text(json: json) + "\n")
    }

    static func text(json: Bool) -> String {
        json
            ? (["name": "holdfast", "version": .string(Version.text)] as JSONValue).line
            : "holdfast \(Version.text)"
    }
}
