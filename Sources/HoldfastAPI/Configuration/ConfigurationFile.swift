import Foundation
package import HoldfastCore

/// A configuration that is right in every part.
package struct LoadedConfiguration: Sendable {
    package var snapshot: Snapshot
    package var notes: [ConfigurationProblem]
    /// Full paths of the files the document refers to, each once, in the order in which they were read: whoever watches
    /// the document watches these as well.
    package var referencedFiles: [String]
}

/// Everything that is wrong with one configuration. Nothing of it is put into force.
package struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    /// The document's name as it was given.
    package var file: String
    /// Never empty; by place in the document.
    package var problems: [ConfigurationProblem]
    /// The document itself could not be read at all.
    package var isUnreadable: Bool
    /// As in `LoadedConfiguration`; those that could not be read are in it too.
    package var referencedFiles: [String]

    package init(
        file: String, problems: [ConfigurationProblem], isUnreadable: Bool, referencedFiles: [String]
    ) {
        self.file = file
        self.problems = problems
        self.isUnreadable = isUnreadable
        self.referencedFiles = referencedFiles
    }

    package var exitStatus: ExitStatus {
        isUnreadable ? .noInput : .configuration
    }

    /// Two lines for each problem: `file:line:column: path: message`, then the mend.
    package var description: String {
        problems.map { ConfigurationReport.lines(of: $0, file: file) }.joined(separator: "\n")
    }
}

/// `holdfast.yaml` from disk to snapshot.
package enum ConfigurationFile {
    /// Where commands look when no file is named.
    package static let defaultPath = "holdfast.yaml"

    /// Relative references are read from the document's folder. `environment` is the process's own, or a test's.
    package static func load(
        path: String, environment: [String: String]
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        try compile(
            text: try text(path: path), name: path, directory: directory(of: path), environment: environment)
    }

    /// Where relative references of a document begin.
    package static func directory(of path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    /// The document as it is written.
    package static func text(path: String) throws(ConfigurationProblems) -> String {
        switch FileReading.read(path, longest: ConfigurationYAML.longestText) {
        case .text(let contents, _):
            return contents
        case .failed(let failure):
            let mend =
                failure == .missing
                ? "write one (Docs/holdfast.example.yaml is a start), or name it with --config FILE" : failure.mend
            throw ConfigurationProblems(
                file: path,
                problems: [
                    ConfigurationProblem(
                        line: 0, column: 0, path: "", message: "the configuration \(failure.reason)", mend: mend)
                ], isUnreadable: true, referencedFiles: [])
        }
    }

    /// `name` stands for the document in messages; `directory` is where relative references begin.
    ///
    /// - Parameters:
    ///   - issued: keys that the management plane has made; nil: it never made any.
    ///   - readsReferences: false: a reference that cannot be read counts as right, since it is read elsewhere.
    package static func compile(
        text: String, name: String, directory: String, environment: [String: String], issued: [IssuedKey]? = nil,
        readsReferences: Bool = true
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        let root: ConfigurationNode
        switch ConfigurationYAML.parse(text) {
        case .success(let node):
            root = node
        case .failure(let list):
            throw ConfigurationProblems(
                file: name, problems: list.problems, isUnreadable: false, referencedFiles: [])
        }
        var files: [String] = []
        let references = ConfigurationReferences(
            environment: { environment[$0] ?? (readsReferences ? nil : ConfigurationReferences.elsewhere) },
            file: { relative in
                let full = relative.hasPrefix("/") ? relative : "\(directory)/\(relative)"
                if !files.contains(full) {
                    files.append(full)
                }
                switch FileReading.read(full, longest: FileReading.longestReferenced) {
                case .text(let contents, let isReadableByOthers):
                    return .text(contents, path: full, isReadableByOthers: isReadableByOthers)
                case .failed where !readsReferences:
                    return .text(ConfigurationReferences.elsewhere, path: full, isReadableByOthers: false)
                case .failed(let failure):
                    return .failed(reason: failure.reason, mend: failure.mend)
                }
            })
        let outcome = ConfigurationCompiler.compile(
            root, directory: directory, references: references, issued: issued)
        guard let snapshot = outcome.snapshot else {
            throw ConfigurationProblems(
                file: name, problems: outcome.problems, isUnreadable: false, referencedFiles: files)
        }
        return LoadedConfiguration(snapshot: snapshot, notes: outcome.notes, referencedFiles: files)
    }
}
