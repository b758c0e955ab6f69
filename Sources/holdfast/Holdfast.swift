import ArgumentParser

@main
struct Holdfast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast",
        abstract: "Keeps work moving when the AI behind it fails, and proves that it does.",
        subcommands: [CheckCommand.self, SchemaCommand.self, VersionCommand.self]
    )
}
