/// `catalog-info.yaml` of Backstage as a map: what is a component there, a system or a resource, is a component here, and
/// what depends on what stays. Whatever is left out is said, since an import that looks whole and is not would hide the
/// dependency that somebody looks for.
///
/// What it does not know: how important anything is, unless an annotation `holdfast.dev/…` says so. A catalogue's
/// `lifecycle` is no criticality.
package struct BackstageImport: Sendable {
    /// What was not taken over, and why.
    package struct Note: Sendable, Hashable {
        /// Of the document.
        package var line: Int
        package var message: String
    }

    static let annotationPrefix = "holdfast.dev/"

    /// By id, groups behind the rest.
    package private(set) var components: [MapComponent] = []
    package private(set) var notes: [Note] = []

    /// An entity that becomes a component.
    private struct Entity {
        var ref: BackstageRef
        var node: ConfigurationNode
        var id: ComponentID
    }

    private var entities: [Entity] = []
    private var ids: [BackstageRef: ComponentID] = [:]
    private var providers: [BackstageRef: [ComponentID]] = [:]
    private var members: [BackstageRef: Set<String>] = [:]
    private var found: [ComponentID: MapComponent] = [:]

    /// - Parameter documents: one for each entity, as YAML separates them.
    package init(_ documents: [ConfigurationNode]) {
        for document in documents { read(document) }
        for entity in entities { found[entity.id] = component(entity) }
        for entity in entities { relate(entity) }
        components = found.values.sorted { $0.id < $1.id }
    }

    private mutating func note(_ node: ConfigurationNode, _ message: String) {
        notes.append(Note(line: node.position.line, message: message))
    }

    // MARK: - Entities

    private mutating func read(_ document: ConfigurationNode) {
        guard let kind = document["kind"]?.plainText, let ref = BackstageRef(document) else {
            return note(document, "this is no entity: it has no kind, or no metadata.name; left out")
        }
        let shown = ConfigurationQuote.inside("\(kind) \(ref.name)")
        switch ref.kind {
        case "component", "resource", "system":
            guard let id = id(of: document, ref) else { return }
            guard ids.updateValue(id, forKey: ref) == nil else { return note(document, "\(shown) stands here twice") }
            entities.append(Entity(ref: ref, node: document, id: id))
            for api in document["spec"]?["providesApis"]?.plainTexts ?? [] {
                guard let api = BackstageRef(api, kind: "api") else { continue }
                providers[api, default: []].append(id)
            }
        case "group":
            for member in document["spec"]?["members"]?.plainTexts ?? [] {
                guard let user = BackstageRef(member, kind: "user") else { continue }
                members[ref, default: []].insert(user.componentName)
            }
        case "user":
            for group in document["spec"]?["memberOf"]?.plainTexts ?? [] {
                guard let group = BackstageRef(group, kind: "group") else { continue }
                members[group, default: []].insert(ref.componentName)
            }
        case "api": break
        default: note(document, "\(shown) is left out: of this kind nothing depends on anything here")
        }
    }

    private mutating func id(of document: ConfigurationNode, _ ref: BackstageRef) -> ComponentID? {
        if let text = annotation("id", document) {
            guard let id = ComponentID(text), id.kind != .group else {
                note(
                    document,
                    "\(Self.annotationPrefix)id is not kind:name; \(ConfigurationQuote.inside(ref.name)) is left out")
                return nil
            }
            return id
        }
        let id = ComponentID(kind(of: document, ref), ref.componentName)
        guard ComponentID(id.description) == id else {
            note(document, "\(ConfigurationQuote.quoted(ref.name)) is no name; left out")
            return nil
        }
        return id
    }

    private func kind(of document: ConfigurationNode, _ ref: BackstageRef) -> ComponentKind {
        guard ref.kind == "resource" else { return .service }
        let type = document["spec"]?["type"]?.plainText?.lowercased() ?? ""
        if let kind = ComponentKind(rawValue: type), kind.failsByItself, !kind.isConfigured { return kind }
        switch type {
        case "host", "server", "vm", "virtual-machine", "cluster", "kubernetes-cluster": return .node
        default: return .dataSource
        }
    }

    private func annotation(_ name: String, _ document: ConfigurationNode) -> String? {
        document["metadata"]?["annotations"]?["\(Self.annotationPrefix)\(name)"]?.plainText
    }

    // MARK: - Facts

    private mutating func component(_ entity: Entity) -> MapComponent {
        var component = MapComponent(entity.id, .declared)
        component.owner = owner(entity)
        let rule = ConfigurationTable.component
        func value(_ name: String, _ field: String) -> Result<ConfigurationValue, Fault>? {
            guard let text = annotation(name, entity.node), let kind = rule[field]?.kind else { return nil }
            return kind.judge(text, written: text)
        }
        if let text = string(value("criticality", "criticality"), "criticality", entity) {
            component.criticality = Criticality(rawValue: text)
        }
        if case .nanoseconds(let span)? = judged(value("recovery-target", "recovery_target"), "recovery-target", entity)
        {
            component.recoveryTargetNanoseconds = span
        }
        let tolerance = judged(value("latency-tolerance", "latency_tolerance"), "latency-tolerance", entity)
        if case .nanoseconds(let span)? = tolerance { component.latencyToleranceNanoseconds = span }
        if case .micros(let cost)? = judged(value("cost-per-minute", "cost_per_minute"), "cost-per-minute", entity) {
            component.minuteCostMicros = cost
        }
        for kind in DomainKind.allCases {
            guard let text = annotation(kind.rawValue, entity.node) else { continue }
            let name = string(ValueKind.label.judge(text, written: text), kind.rawValue, entity)
            if let name { component.domains.insert(FailureDomain(kind, name)) }
        }
        return component
    }

    private mutating func judged(
        _ result: Result<ConfigurationValue, Fault>?, _ name: String, _ entity: Entity
    ) -> ConfigurationValue? {
        switch result {
        case .success(let value)?: return value
        case .failure(let fault)?:
            note(entity.node, "\(Self.annotationPrefix)\(name) of \(entity.id) is left out: \(fault.message)")
            return nil
        case nil: return nil
        }
    }

    private mutating func string(
        _ result: Result<ConfigurationValue, Fault>?, _ name: String, _ entity: Entity
    ) -> String? {
        if case .text(let text)? = judged(result, name, entity) { text } else { nil }
    }

    /// A group whose members the catalogue names is one of people here, so that one of a single person is seen as that.
    private mutating func owner(_ entity: Entity) -> ComponentID? {
        guard let text = entity.node["spec"]?["owner"]?.plainText else { return nil }
        guard let ref = BackstageRef(text, kind: "group"), ["group", "user"].contains(ref.kind),
            ComponentID.isName(ref.componentName[...])
        else {
            note(entity.node, "the owner of \(entity.id) is no group and no user; left out")
            return nil
        }
        guard ref.kind == "group" else { return ComponentID(.person, ref.componentName) }
        let people = (members[ref] ?? []).filter { ComponentID.isName($0[...]) }.sorted()
        let id = ComponentID(people.isEmpty ? .team : .group, ref.componentName)
        guard !people.isEmpty, NameKind.id.accepts(id.name) else { return ComponentID(.team, ref.componentName) }
        found[id] = MapComponent(
            id, .declared, needs: [MapComponent.Need(least: 1, of: people.map { ComponentID(.person, $0) })])
        return id
    }

    // MARK: - Relations

    private mutating func relate(_ entity: Entity) {
        let spec = entity.node["spec"]
        for text in spec?["dependsOn"]?.plainTexts ?? [] {
            if let other = known(text, entity, "dependsOn") { need(other, by: entity.id) }
        }
        for text in spec?["dependencyOf"]?.plainTexts ?? [] {
            if let other = known(text, entity, "dependencyOf") { need(entity.id, by: other) }
        }
        for text in spec?["consumesApis"]?.plainTexts ?? [] { consume(text, entity) }
        // A system is what its parts make of it.
        if let text = spec?["system"]?.plainText, let system = BackstageRef(text, kind: "system"), let id = ids[system]
        {
            need(entity.id, by: id)
        }
        if let text = annotation("backs-up", entity.node), let other = known(text, entity, "backs-up") {
            found[entity.id]?.backsUp = other
        }
    }

    private mutating func consume(_ text: String, _ entity: Entity) {
        guard let api = BackstageRef(text, kind: "api"), let providing = providers[api], let first = providing.first
        else {
            let shown = ConfigurationQuote.quoted(text)
            return note(entity.node, "\(entity.id) consumes \(shown), which nothing here provides; left out")
        }
        guard providing.count > 1 else { return need(first, by: entity.id) }
        let group = ComponentID(.group, "api-\(api.componentName)".lowercased())
        found[group] = MapComponent(
            group, .declared, needs: [MapComponent.Need(least: 1, of: CutFamily.unique(providing))])
        need(group, by: entity.id)
    }

    private mutating func known(_ text: String, _ entity: Entity, _ field: String) -> ComponentID? {
        if let id = BackstageRef(text, kind: "component").flatMap({ ids[$0] }) { return id }
        let shown = ConfigurationQuote.quoted(text)
        note(entity.node, "\(field) of \(entity.id) names \(shown), which is not among these entities; left out")
        return nil
    }

    private mutating func need(_ needed: ComponentID, by component: ComponentID) {
        guard needed != component, found[component]?.needs.contains(.one(needed)) == false else { return }
        found[component]?.needs.append(.one(needed))
    }
}

/// `[kind:][namespace/]name`, in which Backstage tells neither case apart.
struct BackstageRef: Hashable {
    var kind: String
    var namespace: String
    var name: String

    /// - Parameter kind: where the text names none.
    init?(_ text: String, kind usual: String) {
        var rest = text[...]
        kind = usual
        if let colon = rest.firstIndex(of: ":") {
            kind = rest[..<colon].lowercased()
            rest = rest[rest.index(after: colon)...]
        }
        namespace = "default"
        if let slash = rest.firstIndex(of: "/") {
            namespace = rest[..<slash].lowercased()
            rest = rest[rest.index(after: slash)...]
        }
        name = rest.lowercased()
        guard !name.isEmpty, !kind.isEmpty, !namespace.isEmpty else { return nil }
    }

    init?(_ entity: ConfigurationNode) {
        guard let kind = entity["kind"]?.plainText, let name = entity["metadata"]?["name"]?.plainText, !name.isEmpty
        else {
            return nil
        }
        self.kind = kind.lowercased()
        namespace = entity["metadata"]?["namespace"]?.plainText?.lowercased() ?? "default"
        self.name = name.lowercased()
    }

    /// Of two namespaces, two names.
    var componentName: String { namespace == "default" ? name : "\(namespace).\(name)" }
}

extension ConfigurationNode {
    subscript(key: String) -> ConfigurationNode? {
        guard case .mapping(let entries) = value else { return nil }
        return entries.first { $0.key == key }?.value
    }

    var plainText: String? {
        guard case .scalar(let scalar) = value, !scalar.isNull else { return nil }
        return scalar.written
    }

    /// Of a list, or of one text that stands for a list of one.
    var plainTexts: [String] {
        if case .sequence(let items) = value { return items.compactMap(\.plainText) }
        return plainText.map { [$0] } ?? []
    }
}
