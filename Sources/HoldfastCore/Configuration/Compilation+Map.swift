extension Compilation {
    /// One component or group as it is written, and where.
    private struct Written {
        var component: MapComponent
        var reader: SectionReader
        var lists: [MapProblem.Field: [Located<String>]] = [:]
    }

    /// - Parameter snapshot: what the rest of the document came to, right or not.
    func declaredMap(beside snapshot: Snapshot) -> DeclaredMap {
        let section = document.section("map")
        var written = components(section, beside: snapshot)
        written += groups(section)
        var declared = DeclaredMap()
        declared.components = written.map(\.component)
        declared.components += people(named: declared.components)
        declared.acceptances = acceptances(section)
        // Without any provider nothing that the document implies means anything.
        if !snapshot.providers.isEmpty { check(written, declared, snapshot) }
        return declared
    }

    private func components(_ section: SectionReader, beside snapshot: Snapshot) -> [Written] {
        let sections = section.named("components")
        if sections.count > DeclaredMap.mostComponents {
            section.report(
                "components",
                Fault(
                    "there are \(sections.count) components", mend: "declare at most \(DeclaredMap.mostComponents)"))
        }
        var known: Set<ComponentID> = [.gateways, .control]
        known.formUnion(snapshot.providers.map { ComponentID(.provider, $0.id) })
        known.formUnion(snapshot.deployments.map { ComponentID(.deployment, $0.id) })
        known.formUnion(snapshot.routes.map { ComponentID(.route, $0.name) })
        known.formUnion(snapshot.workloads.map { ComponentID(.workload, $0.id) })
        return sections.compactMap { item in
            guard let id = ComponentID(item.name) else { return nil }
            if id.kind == .group {
                item.reader.reportSection(
                    Fault("a group stands among the components", mend: "write it under map.groups, without group:"))
                return nil
            }
            if id.kind.isConfigured, !known.contains(id) {
                item.reader.reportSection(unconfigured(id, known))
            }
            return component(id, item.reader, snapshot)
        }
    }

    private func unconfigured(_ id: ComponentID, _ known: Set<ComponentID>) -> Fault {
        let shown = ConfigurationQuote.quoted(id.description)
        let meant = document.nearest(to: id.description, among: known.map(\.description).sorted())
        let mend =
            id.kind == .gateway ? "write gateway:all, which stands for all of them" : "name one that the document has"
        return Fault(
            "the document has no \(shown)" + (meant.map { "; did you mean \($0)?" } ?? ""),
            mend: meant.map { "write \($0)" } ?? mend)
    }

    private func component(_ id: ComponentID, _ reader: SectionReader, _ snapshot: Snapshot) -> Written {
        var component = MapComponent(id, .declared)
        component.owner = owner(reader)
        component.criticality = reader.text("criticality").flatMap(Criticality.init(rawValue:))
        component.recoveryTargetNanoseconds = reader.nanoseconds("recovery_target")
        component.latencyToleranceNanoseconds = reader.nanoseconds("latency_tolerance")
        component.minuteCostMicros = reader.micros("cost_per_minute")
        component.backsUp = reader.text("backs_up").flatMap { ComponentID($0) }
        let needs = reader.texts("needs") ?? []
        component.needs = needs.compactMap { ComponentID($0.value) }.map { .one($0) }
        let domains = reader.section("domains")
        for kind in DomainKind.allCases {
            if let name = domains.text(kind.rawValue) { component.domains.insert(FailureDomain(kind, name)) }
        }
        checkTwice(needs, reader)
        checkWrittenElsewhere(component, reader, domains, snapshot)
        return Written(component: component, reader: reader, lists: [.needs: needs])
    }

    private func checkTwice(_ names: [Located<String>], _ reader: SectionReader) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name.value).inserted {
            reader.report(name, Fault("\(name.shown) is named twice", mend: "remove one of them"))
        }
    }

    private func owner(_ reader: SectionReader) -> ComponentID? {
        guard let owner = reader.text("owner").flatMap({ ComponentID($0) }) else { return nil }
        guard [.team, .person, .group].contains(owner.kind) else {
            reader.report(
                "owner",
                Fault(
                    "\(reader.shown("owner")) looks after nothing", mend: "write team:NAME, person:NAME or group:NAME"))
            return nil
        }
        return owner
    }

    /// One place for each fact: what the rest of the document says is not said again, and never otherwise.
    private func checkWrittenElsewhere(
        _ component: MapComponent, _ reader: SectionReader, _ domains: SectionReader, _ snapshot: Snapshot
    ) {
        if component.id.kind == .workload, component.criticality != nil {
            reader.report(
                "criticality",
                Fault(
                    "the criticality of a workload stands under workloads",
                    mend: "remove it here, and write it under workloads.\(component.id.name)"))
        }
        guard component.id.kind == .provider else { return }
        for kind in [DomainKind.vendor, .region, .jurisdiction] where domains.isWritten(kind.rawValue) {
            domains.report(
                kind.rawValue,
                Fault(
                    "the \(kind.rawValue) of a provider stands under providers",
                    mend: "remove it here, and write it under providers.\(component.id.name)"))
        }
    }

    private func groups(_ section: SectionReader) -> [Written] {
        section.named("groups").map { item in
            let members = item.reader.texts("of") ?? []
            var component = MapComponent(ComponentID(.group, item.name), .declared)
            let ids = members.compactMap { ComponentID($0.value) }
            component.needs = [MapComponent.Need(least: item.reader.integer("least") ?? 1, of: ids)]
            return Written(component: component, reader: item.reader, lists: [.of: members])
        }
    }

    /// Teams and people are declared by being named.
    private func people(named components: [MapComponent]) -> [MapComponent] {
        let known = Set(components.map(\.id))
        let named = components.flatMap { [$0.owner].compactMap(\.self) + $0.needs.flatMap(\.of) }
        return Set(named.filter { [.team, .person].contains($0.kind) }).subtracting(known).sorted()
            .map { MapComponent($0, .declared) }
    }

    private func acceptances(_ section: SectionReader) -> [DeclaredMap.Acceptance] {
        let sections = section.named("accept")
        if sections.count > DeclaredMap.mostAcceptances {
            section.report(
                "accept",
                Fault(
                    "\(sections.count) findings are accepted", mend: "accept at most \(DeclaredMap.mostAcceptances)"))
        }
        return sections.compactMap { item in
            guard let reason = item.reader.text("reason"),
                let until = item.reader.text("until").flatMap({ CalendarDay($0) })
            else { return nil }
            return DeclaredMap.Acceptance(id: item.name, reason: reason, until: until)
        }
    }

    // MARK: - The whole

    private func check(_ written: [Written], _ declared: DeclaredMap, _ snapshot: Snapshot) {
        var snapshot = snapshot
        snapshot.map = declared
        let byID = Dictionary(written.map { ($0.component.id, $0) }) { first, _ in first }
        for problem in DependencyMap.problems(of: ImpliedMap.joined(snapshot)) {
            guard let place = byID[problem.component] else { continue }
            let fault = Fault(problem.message, mend: problem.mend)
            let items = place.lists[problem.field] ?? []
            let item = problem.reference.flatMap { meant in items.first { ComponentID($0.value) == meant } }
            if let item {
                place.reader.report(item, fault)
            } else {
                place.reader.report(problem.field.rawValue, fault)
            }
        }
    }
}
