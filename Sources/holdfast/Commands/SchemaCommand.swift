import ArgumentParser
import HoldfastCore

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the configuration, for editors.",
        discussion: """
            EXAMPLES:
              holdfast schema > holdfast.schema.json
                then, as the first line of holdfast.yaml:
                # yaml-language-server: $schema=./holdfast.schema.json
              holdfast schema --markdown > Docs/configuration.md
            """
    )

    @Flag(name: .long, help: "Print the page of all keys with their defaults and reasons instead.")
    var markdown = false

    func run() {
        print(markdown ? ConfigurationPage.markdown() : ConfigurationSchema.json(), terminator: "")
    }
}
