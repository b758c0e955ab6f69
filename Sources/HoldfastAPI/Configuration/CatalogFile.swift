package import HoldfastCore

/// A catalogue of Backstage from disk to a map.
package enum CatalogFile {
    /// Entities; a catalogue of more is one of a company whose map no single file holds.
    static let mostEntities = 5_000

    /// - Parameter name: stands for the file in messages.
    package static func read(_ text: String, name: String) throws(ConfigurationProblems) -> BackstageImport {
        let documents: [ConfigurationNode]
        switch ConfigurationYAML.parseAll(text) {
        case .success(let found): documents = found
        case .failure(let list):
            throw ConfigurationProblems(
                file: name, problems: list.problems, isUnreadable: false, referencedFiles: [])
        }
        guard documents.count <= mostEntities else {
            let problem = ConfigurationProblem(
                line: 1, column: 1, path: "", message: "the catalogue has \(documents.count) entities",
                mend: "import at most \(mostEntities) at a time")
            throw ConfigurationProblems(file: name, problems: [problem], isUnreadable: false, referencedFiles: [])
        }
        return BackstageImport(documents)
    }
}
