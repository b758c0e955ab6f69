import Foundation

struct SourceFile {
    /// Relative to the checkout.
    var path: String
    var text: SwiftText

    var lines: Int {
        text.raw.split(separator: "\n", omittingEmptySubsequences: false).count
            - (text.raw.hasSuffix("\n") ? 1 : 0)
    }
}

/// The checkout this test was built from.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let textEndings = [
        "swift", "md", "yaml", "yml", "json", "py", "sh", "toml", "lua", "conf", "c", "h",
    ]
    private static let textNames = ["Makefile", "run", "profile", ".gitignore", ".swift-format"]
    /// Built or fetched, not written.
    private static let skipped: Set<String> = [".build", ".git", ".cache", ".venv", "__pycache__", "node_modules"]

    /// Every text file, or those with one ending, sorted by path.
    static func files(endingIn ending: String = "") throws -> [SourceFile] {
        try paths(under: "").filter { $0.hasSuffix(ending) }.sorted().map { path in
            let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            return SourceFile(path: path, text: path.hasSuffix(".swift") ? SwiftText(text) : SwiftText(prose: text))
        }
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    private static func paths(under folder: String) throws -> [String] {
        let url = folder.isEmpty ? root : root.appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(atPath: url.path).flatMap { name -> [String] in
            let path = folder.isEmpty ? name : folder + "/" + name
            var isFolder: ObjCBool = false
            guard !skipped.contains(name),
                FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder)
            else { return [] }
            if isFolder.boolValue { return try paths(under: path) }
            let ending = (name as NSString).pathExtension
            return textEndings.contains(ending) || textNames.contains(name) ? [path] : []
        }
    }
}
