import HoldfastCore
import Yams

/// YAML text to the document tree.
///
/// YAML has ways to say one thing through another (anchors, aliases, merge keys, tags, several documents); a file that
/// decides where traffic and keys go should read the same for everybody, so they are refused, each with its place.
enum ConfigurationYAML {
    struct Failure: Error {
        var problems: [ConfigurationProblem]
    }

    /// Bytes. Ten thousand keys and a thousand routes take about 1.2 MB; this is a few times that.
    static let longestText = 4 << 20
    /// Levels; the deepest field stands at the fifth.
    static let deepest = 16
    /// Words that look like aliases. The library compares the keys of a mapping with every alias in them expanded, which
    /// grows without bound for aliases of aliases; this few can expand to some hundreds of values at most.
    static let mostAliases = 16

    static func parse(_ text: String) -> Result<ConfigurationNode, Failure> {
        read(text) { parser in
            guard let root = try parser.singleRoot() else { return [] }
            return [root]
        }.flatMap { nodes in
            nodes.first.map { .success($0) }
                ?? .failure(alone(1, 1, "the document is empty", "begin with version: 1, then providers and routes"))
        }
    }

    /// A file of any number of documents, which is not ours: a catalogue.
    static func parseAll(_ text: String) -> Result<[ConfigurationNode], Failure> {
        read(text) { parser in
            var roots: [Node] = []
            while let root = try parser.nextRoot() { roots.append(root) }
            return roots
        }
    }

    private static func read(
        _ text: String, _ roots: (Parser) throws -> [Node]
    ) -> Result<[ConfigurationNode], Failure> {
        guard text.utf8.count <= longestText else {
            return .failure(
                alone(
                    0, 0, "the document is larger than \(longestText >> 20) MiB", "split the work over several gateways"
                ))
        }
        if let place = placeOfOneAliasTooMany(text) {
            return .failure(
                alone(
                    place.line, place.column, "more than \(mostAliases) words look like aliases",
                    "write the values out; quote a text that begins with '*'"))
        }
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            // The parser owns the anchors; its nodes only point to them.
            return try withExtendedLifetime(parser) {
                var walk = Walk()
                let nodes = try roots(parser).map { walk.convert($0, path: "", depth: 0) }
                return walk.problems.isEmpty ? .success(nodes) : .failure(Failure(problems: walk.problems))
            }
        } catch let error as YamlError {
            return .failure(failure(error, in: text))
        } catch {
            return .failure(alone(1, 1, "the document cannot be read as YAML", "check its syntax"))
        }
    }

    private static func alone(_ line: Int, _ column: Int, _ message: String, _ mend: String) -> Failure {
        Failure(problems: [
            ConfigurationProblem(line: line, column: column, path: "", message: message, mend: mend)
        ])
    }

    private static func placeOfOneAliasTooMany(_ text: String) -> ConfigurationNode.Position? {
        var (line, column, count) = (1, 0, 0)
        var previous = UInt8(ascii: "\n")
        for byte in text.utf8 {
            column += 1
            if byte == UInt8(ascii: "*"), " \t\n\r[{,:?-".utf8.contains(previous) {
                count += 1
                if count > mostAliases {
                    return ConfigurationNode.Position(line: line, column: column)
                }
            }
            if byte == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 0)
            }
            previous = byte
        }
        return nil
    }

    // MARK: Errors of the library

    private static func failure(_ error: YamlError, in text: String) -> Failure {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            let start = context.map { " \($0.text) that began in line \($0.mark.line)" } ?? ""
            return alone(
                mark.line, mark.column, "this is not YAML: \(problem)\(start)", mend(problem, line: mark.line, in: text)
            )
        case .composer(_, let problem, let mark, _):
            if problem.contains("another document") {
                return alone(
                    mark.line, mark.column, "a second document begins here",
                    "keep one document in the file; remove '---'")
            }
            return alone(
                mark.line, mark.column, "this is not YAML: \(problem)", "write the value out; aliases are not read")
        case .reader(let problem, let offset, _, _):
            let place = position(of: offset ?? 0, in: text)
            return alone(
                place.line, place.column, "this is not text: \(problem)", "remove the character; save it as UTF-8")
        case .duplicatedKeysInMapping(let duplicates, let context):
            return repeated(duplicates.first ?? "", first: context.mark, in: text)
        default:
            return alone(1, 1, "the document cannot be read as YAML", "check its syntax")
        }
    }

    private static func mend(_ problem: String, line: Int, in text: String) -> String {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        // Inside braces the one of `${NAME}` ends the mapping, and the error shows there or in the line below.
        if lines.dropFirst(max(line - 2, 0)).prefix(2).contains(where: { $0.contains("${") }) {
            return "quote references inside { } and [ ]: \"${NAME}\""
        }
        if problem.contains("start any token") {
            return "indent with spaces, not tabs, and quote values that begin with a special character"
        }
        if problem.contains("mapping values are not allowed") || problem.contains("':'") {
            return "check the indentation, and quote a value that holds ': '"
        }
        return "check indentation, brackets and quotes here and in the line above"
    }

    /// The library names the first of the repeated keys. In a block mapping its repetition stands further down in the
    /// same column.
    private static func repeated(_ key: String, first: Mark, in text: String) -> Failure {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var place = ConfigurationNode.Position(line: first.line, column: first.column)
        for (index, line) in lines.enumerated().dropFirst(first.line) {
            let rest = line.unicodeScalars.dropFirst(first.column - 1)
            let isBlank = line.unicodeScalars.prefix(first.column - 1).allSatisfy { $0 == " " || $0 == "-" }
            let name = String(Substring(rest).drop { $0 == "\"" || $0 == "'" })
            if isBlank, name.hasPrefix(key), name.dropFirst(key.count).drop(while: { "\"' ".contains($0) }).first == ":"
            {
                place.line = index + 1
                break
            }
        }
        let shown = key.count > 60 ? "\(key.prefix(60))…" : key
        return alone(
            place.line, place.column, "the key '\(shown)' is written twice in one mapping, first in line \(first.line)",
            "keep one of them")
    }

    private static func position(of offset: Int, in text: String) -> ConfigurationNode.Position {
        var place = ConfigurationNode.Position(line: 1, column: 1)
        for character in text.prefix(offset) {
            place =
                character.isNewline
                ? ConfigurationNode.Position(line: place.line + 1, column: 1)
                : ConfigurationNode.Position(line: place.line, column: place.column + 1)
        }
        return place
    }
}

/// Copies the library's tree into ours and refuses what is not read here. It never descends into a node that has an
/// anchor, so no alias is ever followed.
private struct Walk {
    var problems: [ConfigurationProblem] = []

    mutating func convert(_ node: Node, path: String, depth: Int) -> ConfigurationNode {
        let position = Self.position(node)
        let nothing = ConfigurationNode(position: position, value: .mapping([]))
        guard depth <= ConfigurationYAML.deepest else {
            report(position, path, "this is nested too deeply", "the deepest field stands at the fifth level")
            return nothing
        }
        if let anchor = node.anchor {
            report(position, path, "anchors and aliases are not read here (&\(anchor))", "write the value out")
            return nothing
        }
        if let tag = Self.customTag(node) {
            report(position, path, "tags are not read here (\(tag))", "remove the tag")
        }
        switch node {
        case .scalar(let scalar):
            return ConfigurationNode(
                position: position,
                value: .scalar(ConfigurationNode.Scalar(scalar.string, isPlain: scalar.style == .plain)))
        case .sequence(let sequence):
            var items: [ConfigurationNode] = []
            for item in sequence {
                items.append(convert(item, path: "\(path)[\(items.count)]", depth: depth + 1))
            }
            return ConfigurationNode(position: position, value: .sequence(items))
        case .mapping(let mapping):
            return ConfigurationNode(position: position, value: .mapping(entries(mapping, path: path, depth: depth)))
        case .alias:
            report(position, path, "aliases are not read here", "write the value out")
            return nothing
        }
    }

    private mutating func entries(_ mapping: Node.Mapping, path: String, depth: Int) -> [ConfigurationNode.Entry] {
        var entries: [ConfigurationNode.Entry] = []
        for (key, value) in mapping {
            let position = Self.position(key)
            guard case .scalar(let scalar) = key, key.anchor == nil else {
                report(
                    position, path, "a key is a single plain word here",
                    "write the key as text, without anchor or alias")
                continue
            }
            if let tag = Self.customTag(key) {
                report(position, path, "tags are not read here (\(tag))", "remove the tag")
            }
            let child = ConfigurationPath.child(path, scalar.string)
            let converted = convert(value, path: child, depth: depth + 1)
            entries.append(ConfigurationNode.Entry(key: scalar.string, position: position, value: converted))
        }
        return entries
    }

    private mutating func report(
        _ position: ConfigurationNode.Position, _ path: String, _ message: String, _ mend: String
    ) {
        // The same anchored node is met once for each of its aliases.
        let problem = ConfigurationProblem(
            line: position.line, column: position.column, path: path, message: message, mend: mend)
        let isKnown = problems.contains { $0.line == problem.line && $0.column == problem.column }
        if !isKnown, problems.count < 100 {
            problems.append(problem)
        }
    }

    private static func position(_ node: Node) -> ConfigurationNode.Position {
        ConfigurationNode.Position(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    /// The tag as written; nil for what the library itself puts on every node.
    private static func customTag(_ node: Node) -> String? {
        let name = node.tag.rawValue
        let own = ["tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "", "!"]
        return own.contains(name) ? nil : name
    }
}
