import HoldfastCore

/// Everything `holdfast up` decided before it starts anything.
struct UpPlan: Sendable {
    enum Source: Sendable, Hashable {
        /// A document that a person wrote; `isTLS`: its client listener speaks https; `openRoute`: a route that may be
        /// asked for without a key, nil where the document has keys.
        case file(String, isTLS: Bool, openRoute: String?)
        /// The document generated from what was found.
        case embedded(Discovery, candidates: [EmbeddedDocument.Candidate], moved: [PortPlan.Listener])
    }

    static let gateway = "gateway"
    static let control = "control"
    /// The default of `gateway.drain`, and a margin for the process to end in.
    static let drainNanoseconds = 30 * Span.second
    static let drainMarginNanoseconds = 5 * Span.second

    var source: Source
    var directory: DataDirectory
    var children: [ChildPlan]

    /// The model name to ask for; nil where only the holder of a key may know.
    var model: String? {
        switch source {
        case .file(_, _, let openRoute): openRoute
        case .embedded: EmbeddedDocument.route
        }
    }

    /// Nothing real was found: the answers are made up by practice providers.
    var isSimulated: Bool {
        switch source {
        case .file: false
        case .embedded(let discovery, _, _): discovery.usable.isEmpty
        }
    }

    var configurationFile: String {
        switch source {
        case .file(let path, _, _): path
        case .embedded: directory.document
        }
    }

    /// - Parameter isWatched: somebody reads what is printed, so that a link into the console belongs there at each start.
    static func file(
        _ path: String, _ snapshot: Snapshot, directory: DataDirectory, isWatched: Bool = false
    ) -> UpPlan {
        let openRoute = snapshot.asksForKeys ? nil : snapshot.routes.first?.name
        return UpPlan(
            source: .file(path, isTLS: snapshot.gateway.tls != nil, openRoute: openRoute), directory: directory,
            children: [
                gateway(
                    configuration: path, drainNanoseconds: snapshot.gateway.drainNanoseconds, directory: directory),
                control(configuration: path, directory: directory, isWatched: isWatched),
            ])
    }

    /// The listeners the embedded default needs: the gateway's, and the practice providers' where nothing was found.
    static func listeners(for discovery: Discovery) -> [(name: String, usual: Int)] {
        [(gateway, 8_080), ("operations", 8_081), (control, 8_090)]
            + (discovery.usable.isEmpty ? PracticeSet.listeners : [])
    }

    static func embedded(
        _ discovery: Discovery, ports: PortPlan, directory: DataDirectory, isWatched: Bool = false
    ) -> (plan: UpPlan, document: EmbeddedDocument) {
        let practice = discovery.usable.isEmpty ? PracticeSet.listeners.map(\.name) : []
        let candidates =
            discovery.usable.compactMap(EmbeddedDocument.candidate(for:))
            + practice.map { EmbeddedDocument.candidate(practice: $0, port: ports[$0]) }
        let document = EmbeddedDocument(
            gatewayPort: ports[gateway], operationsPort: ports["operations"],
            controlPort: ports[control], accessLog: directory.accessLog,
            candidates: candidates)
        let providers = practice.map { name in
            ChildPlan(
                name: name, stage: .provider,
                arguments: [
                    "practice", "--listen", "127.0.0.1:\(ports[name])", "--name", name,
                    "--ready-file", directory.readyFile(of: name), "--quiet",
                ],
                readyFile: directory.readyFile(of: name), drainNanoseconds: 10 * Span.second + drainMarginNanoseconds)
        }
        let child = gateway(
            configuration: directory.document, drainNanoseconds: drainNanoseconds, directory: directory)
        let plan = UpPlan(
            source: .embedded(discovery, candidates: candidates, moved: ports.moved), directory: directory,
            children: providers + [
                child, control(configuration: directory.document, directory: directory, isWatched: isWatched),
            ])
        return (plan, document)
    }

    private static func gateway(
        configuration: String, drainNanoseconds: Int64, directory: DataDirectory
    ) -> ChildPlan {
        let readyFile = directory.readyFile(of: gateway)
        return ChildPlan(
            name: gateway, stage: .gateway,
            arguments: [
                "gateway", "--config", configuration, "--ready-file", readyFile, "--data", directory.gateway,
                "--control", directory.readyFile(of: control), "--trust", directory.trustedKey,
                "--token-file", directory.gatewayToken,
            ],
            readyFile: readyFile, drainNanoseconds: drainNanoseconds + drainMarginNanoseconds)
    }

    private static func control(
        configuration: String, directory: DataDirectory, isWatched: Bool
    ) -> ChildPlan {
        ChildPlan(
            name: control, stage: .control,
            arguments: [
                "control", "--config", configuration, "--data", directory.control,
                "--enrol", "\(gateway)=\(directory.gatewayToken)", "--ready-file", directory.readyFile(of: control),
            ] + (isWatched ? ["--sign-in-link"] : []),
            readyFile: directory.readyFile(of: control), drainNanoseconds: drainMarginNanoseconds)
    }
}
