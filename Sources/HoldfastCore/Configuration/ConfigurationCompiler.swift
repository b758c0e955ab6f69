/// What became of a document: a snapshot where it is right in every part, else everything that is wrong with it.
package struct ConfigurationOutcome: Sendable {
    /// Problems. Enough to mend a document by; one that is wrong from end to end does not become a report without end:
    /// one more entry says how many are left out.
    package static let longestReport = 200

    /// Nil where there is any problem.
    package var snapshot: Snapshot?
    /// By place in the document.
    package var problems: [ConfigurationProblem]
    /// Things that are accepted and worth knowing, one of each kind, by place.
    package var notes: [ConfigurationProblem]
}

/// Turns the document as written into the validated snapshot. Pure: the environment and files are reached only through
/// the references it is given. It never stops at the first problem.
package enum ConfigurationCompiler {
    /// `directory` is where relative paths of files to write (the access log) begin; empty leaves them as they are.
    ///
    /// - Parameter issued: keys that the management plane has made; nil: it never made any. Not nil, and no client goes
    ///   without a key, also where all of them were revoked.
    package static func compile(
        _ root: ConfigurationNode, directory: String = "", references: ConfigurationReferences,
        issued: [IssuedKey]? = nil
    ) -> ConfigurationOutcome {
        let findings = ConfigurationFindings()
        let resolved = references.resolve(root, findings: findings)
        let snapshot: Snapshot?
        if case .mapping = resolved.value {
            var compilation = Compilation(root: resolved, directory: directory, issued: issued, findings: findings)
            snapshot = compilation.run()
        } else {
            findings.add(
                root.position, "",
                Fault("the document is \(root.kindName)", mend: "begin with version: 1, then providers and routes"))
            snapshot = nil
        }
        return ConfigurationOutcome(
            snapshot: findings.hasProblems ? nil : snapshot, problems: findings.sortedProblems,
            notes: findings.sortedNotes)
    }
}

/// One run over one document. Names are resolved against what the document declares, right or not, so that one wrong
/// line does not make every line that refers to it look wrong as well.
struct Compilation {
    let document: SectionReader
    let directory: String
    let issued: [IssuedKey]?
    var providers: [Provider] = []
    var providerNames: [String] = []
    var providerIndices: [String: Int] = [:]
    var deployments: [Deployment] = []
    var deploymentIndex: [String: Int] = [:]
    var routes: [Route] = []
    var routeNames: [String: Int] = [:]
    var workloads: [Workload] = []
    var workloadNames: [String: Int] = [:]

    init(root: ConfigurationNode, directory: String, issued: [IssuedKey]?, findings: ConfigurationFindings) {
        document = SectionReader(
            root, ConfigurationTable.document, path: "", position: root.position, findings: findings)
        self.directory = directory
        self.issued = issued
    }

    /// Meaningful only where no problem was found.
    mutating func run() -> Snapshot {
        _ = document.integer("version")
        let gatewayReader = document.section("gateway")
        let gateway = gatewaySettings(gatewayReader)
        let control = readControl(beside: gateway, gatewayReader)
        let telemetry = readTelemetry()
        let drills = readDrills()
        readProviders()
        readDeployments()
        readRoutes()
        readWorkloads()
        let written = clientKeys()
        let keys = written + issuedKeys(beside: written)
        checkExposure(gatewayReader, gateway)
        var snapshot = Snapshot(
            gateway: gateway, providers: providers, deployments: deployments, routes: routes, workloads: workloads,
            keys: keys)
        snapshot.asksForKeys = !keys.isEmpty || issued != nil
        snapshot.control = control
        snapshot.telemetry = telemetry
        snapshot.drills = drills
        snapshot.map = declaredMap(beside: snapshot)
        return snapshot
    }

    // MARK: Workloads and keys

    private mutating func readWorkloads() {
        for section in document.named("workloads") {
            let reader = section.reader
            let criticality = reader.text("criticality").flatMap(Criticality.init(rawValue:)) ?? .standard
            let routes = reader.texts("routes").map { names in
                var seen: Set<String> = []
                return names.compactMap { name in routeIndex(name, seen: &seen, in: reader) }
            }
            workloadNames[section.name] = workloads.count
            var workload = Workload(
                id: section.name, criticality: criticality, routes: routes,
                allowsDirectModels: reader.boolean("direct_models") ?? false)
            workload.jurisdictions = jurisdictions(reader)
            checkLawful(workload, reader)
            workloads.append(workload)
        }
    }

    private func routeIndex(_ name: Located<String>, seen: inout Set<String>, in reader: SectionReader) -> Int? {
        guard seen.insert(name.value).inserted else {
            reader.report(name, Fault("the route \(name.shown) is named twice", mend: "remove one of them"))
            return nil
        }
        guard let index = routeNames[name.value] else {
            reader.report(
                name,
                unknown(
                    "route", name.value, shown: name.shown, among: routes.map(\.name),
                    mend: "name a route that stands under routes"))
            return nil
        }
        return index
    }

    private func clientKeys() -> [ClientKey] {
        var ids: [String: Int] = [:]
        var digests: [[UInt8]: Int] = [:]
        return document.sections("keys").compactMap { reader in
            let (id, digest) = (reader.text("id"), reader.digest("hash"))
            let (workloadName, inFlight) = (reader.text("workload"), reader.integer("in_flight"))
            if let id {
                let line = reader.place("id").line
                if let first = ids.updateValue(line, forKey: id) {
                    reader.report(
                        "id",
                        Fault(
                            "the key id \(reader.shown("id")) stands already in line \(first)",
                            mend: "give it another id"))
                }
            }
            if let digest {
                let line = reader.place("hash").line
                if let first = digests.updateValue(line, forKey: digest) {
                    reader.report(
                        "hash",
                        Fault("this digest stands already in line \(first)", mend: "create a key for each caller"))
                }
            }
            guard let workloadName else { return nil }
            guard let workload = workloadNames[workloadName] else {
                let fault = unknown(
                    "workload", workloadName, shown: reader.shown("workload"), among: workloads.map(\.id),
                    mend: "name a workload that stands under workloads")
                reader.report("workload", fault)
                return nil
            }
            guard let id, let digest else { return nil }
            return ClientKey(id: id, digest: digest, workload: workload, inFlight: inFlight)
        }
    }

    /// One that has no place in the document is left out, and is no problem of it: a rollback to a document from before
    /// its workload has to go through, and fewer keys are the safe side. Whoever publishes a document is asked first.
    private func issuedKeys(beside written: [ClientKey]) -> [ClientKey] {
        let ids = Set(written.map(\.id))
        return (issued ?? []).compactMap { key in
            guard let workload = workloadNames[key.workload], !ids.contains(key.id) else { return nil }
            return ClientKey(id: key.id, digest: key.digest, workload: workload)
        }
    }

    func unknown(_ noun: String, _ name: String, shown: String, among known: [String], mend: String) -> Fault {
        let meant = document.nearest(to: name, among: known)
        return Fault(
            "there is no \(noun) \(shown)" + (meant.map { "; did you mean \($0)?" } ?? ""),
            mend: meant.map { "write \($0), or add the \(noun)" } ?? mend)
    }
}
