/// Replaces references in scalars: `${NAME}`, anywhere in a value, by the environment; `file:PATH`, a whole value, by
/// the text of a file. `$${` stands for `${` itself.
///
/// What a reference yields is never read for references again, so neither a variable nor a file can reach further than
/// the document said. Keys of mappings are names and are left alone.
package struct ConfigurationReferences {
    package enum FileReading: Sendable {
        case text(String, path: String, isReadableByOthers: Bool)
        /// Why it cannot be used, as the end of the sentence "the file 'x' …", and what to do.
        case failed(reason: String, mend: String)
    }

    var environment: (String) -> String?
    var file: (String) -> FileReading
    /// False: those of the management plane's own section need not be readable, since whoever reads here is another plane
    /// or another machine.
    var needsControl: Bool

    package init(
        environment: @escaping (String) -> String?, file: @escaping (String) -> FileReading, needsControl: Bool = true
    ) {
        self.environment = environment
        self.file = file
        self.needsControl = needsControl
    }

    /// What a reference stands for that cannot be read here, and need not be.
    package static let elsewhere = "read-where-the-gateway-runs"

    func resolve(_ node: ConfigurationNode, path: String = "", findings: ConfigurationFindings) -> ConfigurationNode {
        var node = node
        switch node.value {
        case .scalar(var scalar):
            resolve(&scalar, at: node.position, path: path, findings: findings)
            node.value = .scalar(scalar)
        case .sequence(let items):
            node.value = .sequence(
                items.enumerated().map {
                    resolve($0.element, path: ConfigurationPath.item(path, $0.offset), findings: findings)
                })
        case .mapping(let entries):
            node.value = .mapping(
                entries.map {
                    var entry = $0
                    entry.value = resolve(
                        $0.value, path: ConfigurationPath.child(path, $0.key), findings: findings)
                    return entry
                })
        }
        return node
    }

    private func resolve(
        _ scalar: inout ConfigurationNode.Scalar, at position: ConfigurationNode.Position, path: String,
        findings: ConfigurationFindings
    ) {
        let isOptional = !needsControl && path.hasPrefix("control.")
        do {
            let (text, usesEnvironment) = try expand(scalar.written)
            scalar.text = text
            scalar.origin = usesEnvironment ? .environment : .document
            if scalar.written.hasPrefix("file:") {
                let (contents, origin) = try read(String(text.dropFirst("file:".count)), written: scalar.written)
                scalar.text = contents
                scalar.origin = origin
            }
            if isOptional, scalar.text.contains(Self.elsewhere) { scalar.isUnresolved = true }
        } catch {
            scalar.isUnresolved = true
            if !isOptional { findings.add(position, path, error) }
        }
    }

    private func expand(_ written: String) throws(Fault) -> (text: String, usesEnvironment: Bool) {
        guard written.contains("${") else { return (written, false) }
        var text = ""
        var rest = Substring(written)
        var usesEnvironment = false
        while let dollar = rest.firstIndex(of: "$") {
            text += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                text += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Fault("'${' has no closing '}'", mend: "write ${NAME}, or $${ where the text itself is meant")
                }
                text += try variable(String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end]))
                usesEnvironment = true
                rest = rest[rest.index(after: end)...]
            } else {
                text += "$"
                rest = rest.dropFirst()
            }
        }
        return (text + rest, usesEnvironment)
    }

    private func variable(_ name: String) throws(Fault) -> String {
        let bytes = Array(name.utf8)
        let isName =
            bytes.allSatisfy { ASCIIText.isLetterOrDigit($0) || $0 == 0x5F }
            && bytes.first.map(ASCIIText.isDigit) == false
        guard isName else {
            throw Fault(
                "\(ConfigurationQuote.quoted(name)) is not the name of an environment variable",
                mend: "write ${NAME} with letters, digits and '_' only; defaults and other operators are not known here"
            )
        }
        guard let value = environment(name) else {
            throw Fault("the environment variable \(name) is not set", mend: "set \(name) before the start")
        }
        guard !value.isEmpty else {
            throw Fault("the environment variable \(name) is empty", mend: "give \(name) a value before the start")
        }
        return value
    }

    private func read(
        _ name: String, written: String
    ) throws(Fault) -> (text: String, origin: ConfigurationNode.Scalar.Origin) {
        guard !name.isEmpty else {
            throw Fault("'file:' names no file", mend: "write file:PATH, relative to the configuration's folder")
        }
        switch file(name) {
        case .failed(let reason, let mend):
            let shown = ConfigurationQuote.quoted(String(written.dropFirst("file:".count)))
            throw Fault("the file \(shown) \(reason)", mend: mend)
        case .text(let contents, let path, let isReadableByOthers):
            var text = Substring(contents)
            // One line ending, as editors and `echo` leave it; more would be part of the text. A Swift character can
            // be the two bytes of a carriage return and a line feed.
            if let last = text.last, last == "\n" || last == "\r\n" {
                text = text.dropLast()
            }
            guard !text.isEmpty else {
                let shown = ConfigurationQuote.quoted(String(written.dropFirst("file:".count)))
                throw Fault("the file \(shown) is empty", mend: "write the value into the file")
            }
            return (String(text), .file(path: path, isReadableByOthers: isReadableByOthers))
        }
    }
}
