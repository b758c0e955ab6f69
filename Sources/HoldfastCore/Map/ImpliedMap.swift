/// What the document says of dependencies without saying so: a workload needs its routes, a route one of its candidates,
/// a deployment its provider, and a provider shares its vendor, region, jurisdiction, host, name servers and network
/// with others.
///
/// What it does not know: where gateways and the management plane run, and what else a workload needs. That is declared,
/// or it is unknown. A stand-in (`replaced_by`) is no redundancy: it is asked where a model is gone, not where a provider is.
package enum ImpliedMap {
    /// What every provider that is not private is reached over.
    package static let internet = FailureDomain(.network, "internet")

    package static func components(of snapshot: Snapshot) -> [MapComponent] {
        [MapComponent(.gateways, .implied), MapComponent(.control, .implied)] + snapshot.providers.map(provider)
            + snapshot.deployments.map { deployment($0, in: snapshot) }
            + snapshot.routes.map { route($0, in: snapshot) }
            + snapshot.workloads.map { workload($0, in: snapshot) }
            + snapshot.control.notifications.map(channel)
    }

    /// With what the document declares.
    package static func joined(_ snapshot: Snapshot) -> [MapComponent] {
        join(components(of: snapshot) + snapshot.map.components)
    }

    /// One of each id, in the order of their first; what comes first is kept where both know something.
    static func join(_ components: [MapComponent]) -> [MapComponent] {
        var places: [ComponentID: Int] = [:]
        var joined: [MapComponent] = []
        for component in components {
            if let place = places[component.id] {
                joined[place].join(component)
            } else {
                places[component.id] = joined.count
                joined.append(component)
            }
        }
        return joined
    }

    // MARK: - Each of them

    private static func provider(_ provider: Provider) -> MapComponent {
        var domains = address(provider.baseURL.host)
        domains.insert(FailureDomain(.vendor, provider.vendor))
        if let region = provider.region { domains.insert(FailureDomain(.region, region)) }
        if let jurisdiction = provider.jurisdiction { domains.insert(FailureDomain(.jurisdiction, jurisdiction)) }
        if !provider.isPrivateNetwork { domains.insert(internet) }
        return MapComponent(ComponentID(.provider, provider.id), .implied, domains: domains)
    }

    private static func deployment(_ deployment: Deployment, in snapshot: Snapshot) -> MapComponent {
        let provider = snapshot.providers[deployment.provider].id
        return MapComponent(
            ComponentID(.deployment, deployment.id), .implied, needs: [.one(ComponentID(.provider, provider))])
    }

    private static func route(_ route: Route, in snapshot: Snapshot) -> MapComponent {
        let candidates = route.candidates.map { ComponentID(.deployment, snapshot.deployments[$0].id) }
        return MapComponent(
            ComponentID(.route, route.name), .implied,
            needs: [.one(.gateways), MapComponent.Need(least: 1, of: candidates)])
    }

    /// Where the law leaves a workload only some of a route's candidates, it needs one of those.
    private static func workload(_ workload: Workload, in snapshot: Snapshot) -> MapComponent {
        var component = MapComponent(ComponentID(.workload, workload.id), .implied)
        component.criticality = workload.criticality
        for index in workload.routes ?? Array(snapshot.routes.indices) {
            let route = snapshot.routes[index]
            let lawful = route.candidates.filter {
                workload.isLawful(snapshot.providers[snapshot.deployments[$0].provider])
            }
            // It may ask for every route, and this one refuses it always: it is none that it lives on.
            guard !lawful.isEmpty else { continue }
            component.needs.append(.one(ComponentID(.route, route.name)))
            guard lawful.count < route.candidates.count else { continue }
            component.needs.append(
                MapComponent.Need(
                    least: 1, of: lawful.map { ComponentID(.deployment, snapshot.deployments[$0].id) }))
        }
        return component
    }

    private static func channel(_ settings: NotificationSettings) -> MapComponent {
        let domains = settings.url.map { address($0.host) } ?? []
        return MapComponent(ComponentID(.alertChannel, settings.name), .implied, domains: domains)
    }

    // MARK: - Addresses

    /// The host, and who answers for its name.
    static func address(_ host: String) -> Set<FailureDomain> {
        if isThisMachine(host) { return [FailureDomain(.host, thisMachine)] }
        var domains: Set<FailureDomain> = [FailureDomain(.host, host)]
        if let zone = zone(of: host) { domains.insert(FailureDomain(.dns, zone)) }
        return domains
    }

    package static let thisMachine = "this-machine"

    static func isThisMachine(_ host: String) -> Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "::1"
            || host.hasPrefix("127.") && AddressText.isPrivate(host)
    }

    /// Where the name is kept: without its first label where more than two are left of it. Where zones are really cut only
    /// their servers know; this finds that `eu.api.example.com` and `us.api.example.com` stand together, and never takes
    /// two companies for one. Nil: an address, or a name of one label.
    static func zone(of host: String) -> String? {
        guard !AddressText.isAddress(host) else { return nil }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty }) else { return nil }
        return labels.count == 2 ? host : labels.dropFirst().joined(separator: ".")
    }
}

extension DependencyMap {
    /// The map of a document that has been compiled, which has checked it.
    ///
    /// - Parameter observed: joined to the rest; what it adds needs nothing.
    package init(_ snapshot: Snapshot, observed: [MapComponent] = []) {
        do throws(MapProblem) {
            try self.init(ImpliedMap.join(ImpliedMap.joined(snapshot) + observed))
        } catch {
            preconditionFailure(
                "a snapshot holds a map that its compiler refuses: \(error.component): \(error.message)")
        }
    }
}
