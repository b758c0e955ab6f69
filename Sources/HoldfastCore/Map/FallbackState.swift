/// What drills have shown of one candidate as the fallback of a route. Of whoever is not in the list nothing is known,
/// and that is untested.
package struct FallbackState: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        case untested, outdated, tested, failed
    }

    package var route: String
    package var deployment: String
    package var state: State
    /// Of the newest drill in which it answered; nil: none has.
    package var recoveryNanoseconds: Int64?
    /// What has changed since, one line each.
    package var changes: [String]

    package init(
        route: String, deployment: String, state: State, recoveryNanoseconds: Int64? = nil, changes: [String] = []
    ) {
        self.route = route
        self.deployment = deployment
        self.state = state
        self.recoveryNanoseconds = recoveryNanoseconds
        self.changes = changes
    }
}

/// What gateways have seen at work. An empty part was looked at and nothing was seen; where nobody looked there is no
/// such value at all.
package struct ObservedFacts: Sendable, Hashable {
    package struct Call: Sendable, Hashable {
        /// Nil: without a key, and so without a workload.
        package var workload: String?
        package var route: String
        /// Nil: nobody answered.
        package var deployment: String?
        package var count: Int

        package init(workload: String?, route: String, deployment: String?, count: Int) {
            self.workload = workload
            self.route = route
            self.deployment = deployment
            self.count = count
        }
    }

    package struct Endpoint: Sendable, Hashable {
        package var provider: String
        package var host: String
        package var addresses: [String]

        package init(provider: String, host: String, addresses: [String]) {
            self.provider = provider
            self.host = host
            self.addresses = addresses
        }
    }

    /// Ids of gateways that report.
    package var gateways: [String] = []
    package var calls: [Call] = []
    package var endpoints: [Endpoint] = []
    /// Who answers the gateways' questions for names.
    package var nameServers: [String] = []
    /// Whether backups lie in the folder of what they are backups of; nil: it is not known.
    package var backupsBesideOriginal: Bool?

    package init() {}

    /// As components, to be joined to the map.
    package var components: [MapComponent] {
        var ids: Set<ComponentID> = gateways.isEmpty ? [] : [.gateways]
        for call in calls {
            if let workload = call.workload { ids.insert(ComponentID(.workload, workload)) }
            ids.insert(
                DeploymentName(call.route) == nil
                    ? ComponentID(.route, call.route) : ComponentID(.deployment, call.route))
            if let deployment = call.deployment { ids.insert(ComponentID(.deployment, deployment)) }
        }
        for endpoint in endpoints { ids.insert(ComponentID(.provider, endpoint.provider)) }
        for server in nameServers where AddressText.isAddress(server) { ids.insert(ComponentID(.dns, server)) }
        // What gateways report is somebody else's text: what is no name stands on no map.
        return ids.filter { ComponentID($0.description) == $0 }.sorted().map { MapComponent($0, .observed) }
    }
}
