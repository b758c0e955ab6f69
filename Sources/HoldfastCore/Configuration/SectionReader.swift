/// Reads one section of the document by its rule: unknown and missing keys are reported once, here; values come out
/// judged, and where a key is absent its default is read as if it had been written.
struct SectionReader {
    let rule: SectionRule
    let path: String
    let position: ConfigurationNode.Position
    private let entries: [ConfigurationNode.Entry]
    private let findings: ConfigurationFindings

    /// `position`: where the section's key stands, for what is missing in it. A nil `node` is an absent section, all of
    /// whose values are defaults.
    init(
        _ node: ConfigurationNode?, _ rule: SectionRule, path: String, position: ConfigurationNode.Position,
        findings: ConfigurationFindings
    ) {
        self.rule = rule
        self.path = path
        self.position = position
        self.findings = findings
        guard let node else {
            entries = []
            return
        }
        guard case .mapping(let found) = node.value else {
            entries = []
            findings.add(position, path, Self.wrongKind(node, wanted: "a mapping of keys to values"))
            return
        }
        entries = found
        reportUnknown()
        reportMissing()
    }

    private func reportUnknown() {
        let known = rule.fields.map(\.name)
        for entry in entries where !known.contains(entry.key) {
            let meant = findings.nearest(to: entry.key, among: known)
            let mend =
                if entry.key == "<<" {
                    "merge keys are not read here; write the values out"
                } else if let meant {
                    "write \(meant), or remove the line"
                } else {
                    "remove it; known here: \(known.joined(separator: ", "))"
                }
            let place = path.isEmpty ? "at the top of the document" : "here"
            let question = meant.map { "; did you mean \($0)?" } ?? ""
            findings.add(
                entry.position, ConfigurationPath.child(path, entry.key),
                Fault("\(ConfigurationQuote.quoted(entry.key)) is not a key known \(place)\(question)", mend: mend))
        }
    }

    private func reportMissing() {
        for field in rule.fields where field.presence == .required && entry(field.name) == nil {
            findings.add(
                position, ConfigurationPath.child(path, field.name),
                Fault("\(field.name) is missing", mend: "add \(field.name): \(field.example)"))
        }
    }

    func entry(_ name: String) -> ConfigurationNode.Entry? {
        precondition(rule[name] != nil, "the table has no field '\(name)' in '\(rule.title)'")
        return entries.first { $0.key == name }
    }

    func child(_ name: String) -> String {
        ConfigurationPath.child(path, name)
    }

    /// Where a problem with this field is shown: at its value, or at the section where it is absent.
    func place(_ name: String) -> ConfigurationNode.Position {
        guard let entry = entry(name) else { return position }
        switch entry.value.value {
        case .scalar(let scalar) where scalar.isNull: return entry.position
        // A mapping begins with its first key, often in the next line; its own key is what one looks for.
        case .mapping: return entry.position
        case .scalar, .sequence: return entry.value.position
        }
    }

    func isWritten(_ name: String) -> Bool {
        entry(name) != nil
    }

    func report(_ name: String, _ fault: Fault) {
        findings.add(place(name), child(name), fault)
    }

    func nearest(to name: String, among candidates: [String]) -> String? {
        findings.nearest(to: name, among: candidates)
    }

    /// A problem with one item of a list.
    func report(_ item: Located<String>, _ fault: Fault) {
        findings.add(item.position, item.path, fault)
    }

    /// A problem with the section itself, such as with its name.
    func reportSection(_ fault: Fault) {
        findings.add(position, path, fault)
    }

    func note(_ kind: String, _ name: String, _ fault: Fault) {
        findings.note(kind: kind, place(name), child(name), fault)
    }

    // MARK: Scalars

    func boolean(_ name: String) -> Bool? {
        guard case .boolean(let value)? = value(name) else { return nil }
        return value
    }

    func integer(_ name: String) -> Int? {
        switch value(name) {
        case .integer(let value)?, .bytes(let value)?: value
        default: nil
        }
    }

    func nanoseconds(_ name: String) -> Int64? {
        guard case .nanoseconds(let value)? = value(name) else { return nil }
        return value
    }

    func micros(_ name: String) -> Int64? {
        guard case .micros(let value)? = value(name) else { return nil }
        return value
    }

    func text(_ name: String) -> String? {
        guard case .text(let value)? = value(name) else { return nil }
        return value
    }

    func listen(_ name: String) -> ListenAddress? {
        guard case .listen(let value)? = value(name) else { return nil }
        return value
    }

    func baseURL(_ name: String) -> BaseURL? {
        guard case .baseURL(let value)? = value(name) else { return nil }
        return value
    }

    func digest(_ name: String) -> [UInt8]? {
        guard case .digest(let value)? = value(name) else { return nil }
        return value
    }

    /// Leaves `target` alone where the value is not right: the problem is reported, and no snapshot comes of it.
    func assign(_ name: String, to target: inout Int) {
        target = integer(name) ?? target
    }

    func assign(_ name: String, to target: inout Int64) {
        target = nanoseconds(name) ?? target
    }

    /// The field's text as the document has it, quoted for a message.
    func shown(_ name: String) -> String {
        entry(name).map { Self.shown($0.value) } ?? ConfigurationQuote.quoted("")
    }

    private static func shown(_ node: ConfigurationNode) -> String {
        guard case .scalar(let scalar) = node.value else { return node.kindName }
        return ConfigurationQuote.quoted(scalar.written)
    }

    /// Where the value came from, for notes about who else can read it.
    func origin(_ name: String) -> ConfigurationNode.Scalar.Origin? {
        guard case .scalar(let scalar)? = entry(name)?.value.value else { return nil }
        return scalar.origin
    }

    private func value(_ name: String) -> ConfigurationValue? {
        guard let field = rule[name] else {
            preconditionFailure("the table has no field '\(name)' in '\(rule.title)'")
        }
        if let entry = entry(name) {
            return scalar(entry.value, field.kind, path: child(name), position: place(name))
        }
        guard case .defaulted(let text) = field.presence else { return nil }
        switch field.kind.judge(text, written: text) {
        case .success(let value): return value
        case .failure(let fault): preconditionFailure("the default of '\(child(name))' is wrong: \(fault.message)")
        }
    }

    private func scalar(
        _ node: ConfigurationNode, _ kind: ValueKind, path: String, position: ConfigurationNode.Position
    ) -> ConfigurationValue? {
        guard case .scalar(let scalar) = node.value else {
            findings.add(position, path, Self.wrongKind(node, wanted: "a single value"))
            return nil
        }
        guard !scalar.isUnresolved else { return nil }
        guard !scalar.isNull else {
            findings.add(position, path, Self.wrongKind(node, wanted: "a value"))
            return nil
        }
        switch kind.judge(scalar.text, written: scalar.written) {
        case .success(let value):
            return value
        case .failure(let fault):
            findings.add(position, path, fault)
            return nil
        }
    }

    // MARK: Lists and sections

    /// The texts of a list with their places, without those that are not right; nil where there is no list.
    func texts(_ name: String) -> [Located<String>]? {
        items(name) { if case .text(let text) = $0 { text } else { nil } }
    }

    /// Nil where there is no list, or where an item is not right.
    func integers(_ name: String) -> [Int]? {
        let found = items(name) { if case .integer(let value) = $0 { value } else { nil } }
        return found?.count == itemCount(name) ? found?.map(\.value) : nil
    }

    /// Of a list as it is written, right or not.
    func itemCount(_ name: String) -> Int {
        if case .sequence(let items)? = entry(name)?.value.value { items.count } else { 0 }
    }

    private func items<Item>(_ name: String, _ pick: (ConfigurationValue) -> Item?) -> [Located<Item>]? {
        guard let field = rule[name], case .list(let kind, let count) = field.kind else {
            preconditionFailure("the table has no list '\(name)' in '\(rule.title)'")
        }
        guard let entry = entry(name) else { return nil }
        guard case .sequence(let items) = entry.value.value else {
            report(name, Self.wrongKind(entry.value, wanted: "a list"))
            return nil
        }
        guard count.contains(items.count) else {
            report(
                name,
                items.count < count.lowerBound
                    ? Fault("the list is empty", mend: "name at least one, such as \(field.example)")
                    : Fault("the list holds \(items.count) items", mend: "name at most \(count.upperBound)"))
            return nil
        }
        return items.enumerated().compactMap { index, item in
            let itemPath = ConfigurationPath.item(child(name), index)
            guard let found = scalar(item, kind, path: itemPath, position: item.position).flatMap(pick) else {
                return nil
            }
            return Located(value: found, shown: Self.shown(item), path: itemPath, position: item.position)
        }
    }

    func section(_ name: String) -> SectionReader {
        guard let section = rule[name]?.kind.section else {
            preconditionFailure("the table has no section '\(name)' in '\(rule.title)'")
        }
        return SectionReader(
            entry(name)?.value, section, path: child(name), position: entry(name)?.position ?? position,
            findings: findings)
    }

    /// The sections of a mapping from names to sections, in the document's order.
    func named(_ name: String) -> [NamedSection] {
        guard case .named(let nameKind, let section)? = rule[name]?.kind else {
            preconditionFailure("the table has no mapping '\(name)' in '\(rule.title)'")
        }
        guard let entry = entry(name) else { return [] }
        guard case .mapping(let found) = entry.value.value else {
            report(name, Self.wrongKind(entry.value, wanted: "a mapping from names to sections"))
            return []
        }
        return found.map { item in
            let itemPath = ConfigurationPath.child(child(name), item.key)
            if !nameKind.accepts(item.key) {
                findings.add(
                    item.position, itemPath,
                    Fault("\(ConfigurationQuote.quoted(item.key)) is not \(nameKind.noun)", mend: nameKind.mend))
            }
            let reader = SectionReader(
                item.value, section, path: itemPath, position: item.position, findings: findings)
            return NamedSection(name: item.key, reader: reader)
        }
    }

    func sections(_ name: String) -> [SectionReader] {
        guard case .sections(let section)? = rule[name]?.kind else {
            preconditionFailure("the table has no list of sections '\(name)' in '\(rule.title)'")
        }
        guard let entry = entry(name) else { return [] }
        guard case .sequence(let items) = entry.value.value else {
            report(name, Self.wrongKind(entry.value, wanted: "a list"))
            return []
        }
        return items.enumerated().map { index, item in
            SectionReader(
                item, section, path: ConfigurationPath.item(child(name), index), position: item.position,
                findings: findings)
        }
    }

    private static func wrongKind(_ node: ConfigurationNode, wanted: String) -> Fault {
        if case .scalar(let scalar) = node.value, scalar.isNull {
            return Fault("the key has no value", mend: "write \(wanted), or remove the line")
        }
        return Fault("this is \(node.kindName)", mend: "write \(wanted)")
    }
}

/// A value with its place in the document.
struct Located<Value> {
    var value: Value
    /// The text of the document, quoted for a message; the value may have been read through a reference.
    var shown: String
    var path: String
    var position: ConfigurationNode.Position
}

/// One section of a mapping from names to sections; the reader's position is that of the name.
struct NamedSection {
    var name: String
    var reader: SectionReader
}
