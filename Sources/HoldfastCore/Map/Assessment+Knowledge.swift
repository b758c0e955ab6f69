/// People, what was seen, and what nobody has said.
extension AssessmentSight {
    // MARK: - People

    func people() -> [Finding] {
        map.components.indices.compactMap { index in
            let component = map.components[index]
            guard map.criticalities[index] == .critical else { return nil }
            let isAsked = [.service, .workload, .dataSource].contains(component.id.kind)
            guard let owner = component.owner else { return isAsked ? noOwner(index) : nil }
            guard let person = onlyPerson(behind: owner) else { return nil }
            return stopping(
                component.id.kind.isTop ? [index] : [],
                Finding(
                    .onePerson, .warning, of: [component.id.description, person.description],
                    "\(component.id) is critical and \(person) alone looks after it",
                    reason: "people sleep, fly and leave", mend: "name a team, or a group of people, as its owner"))
        }
    }

    private func noOwner(_ index: Int) -> Finding {
        stopping(
            id(index).kind.isTop ? [index] : [],
            Finding(
                .noOwner, .warning, of: [id(index).description], "\(id(index)) is critical and has no owner",
                reason: "nobody is asked when it stops",
                mend: "write owner: team:NAME for \(id(index)) under map.components"))
    }

    /// Nil: there are several, or it is not known.
    private func onlyPerson(behind owner: ComponentID) -> ComponentID? {
        if owner.kind == .person { return owner }
        guard owner.kind == .group, let index = map.index(of: owner), let gate = map.gates[index].first else {
            return nil
        }
        let people = gate.members.map(id).filter { $0.kind == .person }
        return people.count == 1 && gate.members.count == 1 ? people[0] : nil
    }

    // MARK: - What was seen

    func observations() -> [Finding] {
        guard let observed = input.observed else { return [] }
        return gateways(observed) + neverSeen(observed) + undeclared(observed) + addresses(observed)
    }

    private func gateways(_ observed: ObservedFacts) -> [Finding] {
        let critical = tops.filter { map.criticalities[$0] == .critical }
        guard observed.gateways.count == 1, !critical.isEmpty else { return [] }
        return [
            stopping(
                critical,
                Finding(
                    .oneGateway, .warning, of: observed.gateways,
                    "one gateway alone reports, \(observed.gateways[0]), and critical work goes through it",
                    reason: "its machine is a single point of failure, and so is its restart",
                    mend: "run a second gateway on another machine (holdfast tokens create NAME --kind node)"))
        ]
    }

    private func neverSeen(_ observed: ObservedFacts) -> [Finding] {
        // Before the first call nothing can have been seen.
        guard !observed.calls.isEmpty else { return [] }
        let workloads = Set(observed.calls.compactMap(\.workload))
        let routes = Set(observed.calls.map(\.route))
        let unseen =
            snapshot.workloads.filter { !workloads.contains($0.id) }.map { ComponentID(.workload, $0.id) }
            + snapshot.routes.filter { !routes.contains($0.name) }.map { ComponentID(.route, $0.name) }
        return unseen.map { id in
            Finding(
                .neverSeen, .notice, of: [id.description], "\(id) is declared, and no gateway has seen a call of it",
                reason: "nobody uses it since the gateways started, or its callers go another way",
                mend: "ask its owner; take it out if nobody needs it")
        }
    }

    private func undeclared(_ observed: ObservedFacts) -> [Finding] {
        var found: [Finding] = []
        let keyless = observed.calls.filter { $0.workload == nil }.reduce(0) { $0.addingSaturating($1.count) }
        if keyless > 0, !snapshot.workloads.isEmpty {
            found.append(
                Finding(
                    .undeclared, .notice, of: ["calls", "no workload"],
                    "\(keyless) calls came without a key, and so without a workload",
                    reason: "who depends on the routes is not known, and how critical it is neither",
                    mend: "give each caller a key with a workload (holdfast keys create)"))
        }
        let known = Set(snapshot.deployments.map(\.id))
        // What gateways report is somebody else's text: what is no name is not repeated.
        let strange = CutFamily.unique(observed.calls.compactMap(\.deployment))
            .filter { !known.contains($0) && DeploymentName($0) != nil }
        for deployment in strange {
            found.append(
                Finding(
                    .undeclared, .notice, of: [deployment], "\(deployment) answers, and the document does not have it",
                    reason: "a caller names it directly, or a gateway runs another generation",
                    mend: "see holdfast gateways; add it to a route if it is needed"))
        }
        let servers = observed.nameServers.filter(AddressText.isAddress).map { ComponentID(.dns, $0) }
        let declaresAny = snapshot.map.components.contains { $0.id.kind == .dns }
        for server in servers.sorted() where declaresAny {
            guard map[server]?.sources.contains(.declared) != true else { continue }
            found.append(
                Finding(
                    .undeclared, .notice, of: [server.description],
                    "\(server) answers a gateway's questions for names, and is not declared",
                    reason: "the map has other name servers", mend: "add \(server) under map.components"))
        }
        return found
    }

    /// Two providers behind one address are one front door, whatever their names say.
    private func addresses(_ observed: ObservedFacts) -> [Finding] {
        var owners: [String: Set<String>] = [:]
        let known = Set(snapshot.providers.map(\.id))
        for endpoint in observed.endpoints where known.contains(endpoint.provider) {
            for address in endpoint.addresses where AddressText.isAddress(address) {
                owners[address, default: []].insert(endpoint.provider)
            }
        }
        var shared: [[String]: [String]] = [:]
        for (address, providers) in owners.sorted(by: { $0.key < $1.key }) where providers.count > 1 {
            guard !ImpliedMap.isThisMachine(address) else { continue }
            shared[providers.sorted(), default: []].append(address)
        }
        return shared.keys.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { providers in
            let routes = snapshot.routes.filter { route in
                Set(route.candidates.map { provider(ofDeployment: $0).id }).intersection(providers).count > 1
            }
            guard !routes.isEmpty else { return nil }
            let isCritical = routes.contains { criticality(of: $0) == .critical }
            let names = Listing.text(providers.map { "provider:\($0)" })
            return Finding(
                .sharedAddress, isCritical ? .warning : .notice, of: providers,
                "\(names) are reached at the same address",
                reason: "gateways connect to \(Listing.text(shared[providers] ?? [])) for each of them: one front door",
                mend: "ask the providers, and declare what they share under domains of map.components")
        }
    }

    // MARK: - What nobody has said

    func unknowns() -> [Finding] { places() + snapshot.providers.indices.compactMap(domains) }

    private func places() -> [Finding] {
        let unknown = [ComponentID.gateways, .control].filter { id in
            map[id].map { $0.domains.isEmpty && $0.needs.isEmpty } ?? false
        }
        guard !unknown.isEmpty, tops.contains(where: { map.criticalities[$0] == .critical }) else { return [] }
        let (gateway, control) = (snapshot.gateway.listen, snapshot.control.listen)
        let together =
            unknown.count == 2 && gateway.isLoopback && control.isLoopback
            ? "; both listen on a loopback address, so it may be one machine" : ""
        return [
            Finding(
                .unknownPlace, .notice, of: unknown.map(\.description),
                "where \(Self.names(unknown)) \(unknown.count == 1 ? "runs" : "run") is unknown",
                reason: "whether they share a machine, power or a network with each other cannot be said\(together)",
                mend: "write needs (nodes, power, networks) for \(Self.names(unknown)) under map.components")
        ]
    }

    /// Absence is never success: what is not declared may be shared.
    private func domains(_ index: Int) -> Finding? {
        let provider = snapshot.providers[index]
        let isCritical = snapshot.routes.contains { route in
            criticality(of: route) == .critical
                && route.candidates.contains { snapshot.deployments[$0].provider == index }
        }
        guard isCritical, !provider.isOwned else { return nil }
        let missing = [("region", provider.region), ("jurisdiction", provider.jurisdiction)].filter { $0.1 == nil }
            .map(\.0)
        guard !missing.isEmpty else { return nil }
        return Finding(
            .unknownDomain, .notice, of: ["provider:\(provider.id)"],
            "nothing says what \(Listing.text(missing)) provider:\(provider.id) is in",
            reason: "a critical route uses it, and what it shares with the others cannot be said",
            mend: "write \(Listing.text(missing)) under providers.\(provider.id)")
    }
}
