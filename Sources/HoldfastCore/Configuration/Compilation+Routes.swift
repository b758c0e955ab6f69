extension Compilation {
    // MARK: Providers

    mutating func readProviders() {
        let sections = document.named("providers")
        providerNames = sections.map(\.name)
        for section in sections {
            providerIndices[section.name] = providers.count
            // A provider that is not right still has its place, so that the indices of those after it hold.
            providers.append(provider(section))
        }
    }

    private func provider(_ section: NamedSection) -> Provider {
        let reader = section.reader
        let baseURL = reader.baseURL("base_url")
        let network = reader.text("network")
        if let baseURL, network == "public" {
            checkPublic(baseURL, reader)
        }
        var pool = PoolLimits()
        let poolReader = reader.section("pool")
        poolReader.assign("connections", to: &pool.connections)
        poolReader.assign("idle", to: &pool.idleNanoseconds)
        noteReadableFile(reader, "api_key")
        return Provider(
            id: section.name, dialect: reader.text("dialect").flatMap(Dialect.init(rawValue:)) ?? .openai,
            baseURL: baseURL ?? BaseURL(isTLS: true, host: "", port: 443, path: ""),
            apiKey: reader.text("api_key").map(Secret.init), vendor: reader.text("vendor") ?? section.name,
            region: reader.text("region"), jurisdiction: reader.text("jurisdiction"),
            isPrivateNetwork: network == "private", isOwned: reader.boolean("owned") ?? false,
            trustRootsPEM: reader.text("trust_roots"), pool: pool)
    }

    private func checkPublic(_ baseURL: BaseURL, _ reader: SectionReader) {
        if !baseURL.isTLS {
            reader.report(
                "base_url",
                Fault(
                    "plain http sends prompts and keys in clear",
                    mend: "write https://, or network: private where that network is yours"))
        } else if AddressText.isPrivate(baseURL.host) {
            reader.report(
                "base_url",
                Fault("the host is a loopback or private address", mend: "write network: private where that is meant"))
        }
    }

    // MARK: Deployments

    mutating func readDeployments() {
        let sections = document.named("deployments")
        for section in sections {
            guard let name = DeploymentName(section.name) else { continue }
            let shown = ConfigurationQuote.quoted(name.provider)
            let known = providerIndex(name, shown: shown) { fault in section.reader.reportSection(fault) }
            let facts = deployment(section, name, provider: known ?? 0)
            noteFacts(facts, section.reader)
            deploymentIndex[section.name] = deployments.count
            deployments.append(facts)
        }
        // A replacement may stand further down, or nowhere else.
        for section in sections where section.reader.isWritten("replaced_by") {
            guard let index = deploymentIndex[section.name] else { continue }
            deployments[index].replacedBy = replacement(of: section)
        }
    }

    private mutating func replacement(of section: NamedSection) -> Int? {
        guard let id = section.reader.text("replaced_by"), let name = DeploymentName(id) else { return nil }
        guard id != section.name else {
            section.reader.report(
                "replaced_by",
                Fault("a deployment cannot replace itself", mend: "name another deployment, or remove the line"))
            return nil
        }
        let known = providerIndex(name, shown: "of \(section.reader.shown("replaced_by"))") { fault in
            section.reader.report("replaced_by", fault)
        }
        return known.map { index(of: id, name, provider: $0) }
    }

    /// Of a deployment that may or may not have facts of its own.
    private mutating func index(of id: String, _ name: DeploymentName, provider: Int) -> Int {
        if let index = deploymentIndex[id] { return index }
        deploymentIndex[id] = deployments.count
        deployments.append(Deployment(id: id, provider: provider, model: name.model))
        return deployments.count - 1
    }

    private func deployment(_ section: NamedSection, _ name: DeploymentName, provider: Int) -> Deployment {
        let reader = section.reader
        let (prices, bounds) = (reader.section("price"), reader.section("limits"))
        let price = Price(
            inputMicros: prices.micros("input"), cachedInputMicros: prices.micros("cached_input"),
            outputMicros: prices.micros("output"))
        var capabilities: Set<String> = []
        for capability in reader.texts("capabilities") ?? [] where !capabilities.insert(capability.value).inserted {
            reader.report(
                capability, Fault("\(capability.shown) is named twice", mend: "remove one of them"))
        }
        return Deployment(
            id: section.name, provider: provider, model: name.model, price: reader.isWritten("price") ? price : nil,
            contextTokens: reader.integer("context_tokens"), capabilities: capabilities,
            limits: DeploymentLimits(
                requestsPerMinute: bounds.integer("requests_per_minute"),
                tokensPerMinute: bounds.integer("tokens_per_minute"), concurrent: bounds.integer("concurrent")),
            retires: reader.text("retires").flatMap { CalendarDay($0) })
    }

    private func noteFacts(_ facts: Deployment, _ reader: SectionReader) {
        let isRecorded = !facts.capabilities.subtracting(["prefill"]).isEmpty
        let actedOn =
            ["price", "context_tokens", "limits", "retires", "replaced_by"] + (isRecorded ? [] : ["capabilities"])
        for field in reader.rule.fields where reader.isWritten(field.name) && !actedOn.contains(field.name) {
            reader.note(
                "deployments.\(field.name)", field.name,
                Fault("\(field.name) is recorded but not acted on in this version", mend: "nothing to do"))
        }
    }

    private func providerIndex(_ name: DeploymentName, shown: String, report: (Fault) -> Void) -> Int? {
        if let index = providerIndices[name.provider] {
            return index
        }
        report(
            unknown(
                "provider", name.provider, shown: shown, among: providerNames,
                mend: "name a provider that stands under providers"))
        return nil
    }

    // MARK: Routes

    mutating func readRoutes() {
        let sections = document.named("routes")
        if let entry = document.entry("routes"), case .mapping = entry.value.value, sections.isEmpty {
            document.report(
                "routes",
                Fault("there is no route", mend: "add one, such as assistant: {candidates: [openai/gpt-4.1-mini]}"))
        }
        for section in sections {
            routeNames[section.name] = routes.count
            let candidates = candidateIndices(section.reader)
            routes.append(route(section, candidates))
        }
    }

    private mutating func candidateIndices(_ reader: SectionReader) -> [Int] {
        var seen: Set<String> = []
        var indices: [Int] = []
        for candidate in reader.texts("candidates") ?? [] {
            guard let name = DeploymentName(candidate.value) else { continue }
            guard seen.insert(candidate.value).inserted else {
                reader.report(
                    candidate, Fault("the candidate \(candidate.shown) is named twice", mend: "remove one of them"))
                continue
            }
            let known = providerIndex(name, shown: "of \(candidate.shown)") { reader.report(candidate, $0) }
            guard let provider = known else { continue }
            indices.append(index(of: candidate.value, name, provider: provider))
        }
        return indices
    }

    private func route(_ section: NamedSection, _ candidates: [Int]) -> Route {
        let reader = section.reader
        var retries = RouteRetries()
        let retriesReader = reader.section("retries")
        retriesReader.assign("same_deployment", to: &retries.sameDeployment)
        retriesReader.assign("attempts", to: &retries.attempts)
        let delivery = reader.text("delivery").flatMap(Delivery.init(rawValue:)) ?? .splice
        var hold = RouteHold()
        let holdReader = reader.section("hold")
        holdReader.assign("bytes", to: &hold.bytes)
        hold.heartbeatNanoseconds = holdReader.nanoseconds("heartbeat") ?? hold.heartbeatNanoseconds
        var route = Route(
            name: section.name, candidates: candidates, timeouts: timeouts(reader.section("timeouts")),
            retries: retries, delivery: delivery, hold: hold, bodyBytes: reader.integer("body"))
        route.strategy = reader.text("strategy").flatMap(RouteStrategy.init(rawValue:)) ?? .ordered
        route.unary = reader.text("unary").flatMap(UnaryRequests.init(rawValue:)) ?? .direct
        route.hedges = reader.boolean("hedge") ?? false
        route.weights = weights(reader, strategy: route.strategy)
        return route
    }

    private func weights(_ reader: SectionReader, strategy: RouteStrategy) -> [Int] {
        guard let weights = reader.integers("weights") else { return [] }
        let candidates = reader.itemCount("candidates")
        if strategy != .weighted {
            reader.report(
                "weights", Fault("weights mean nothing here", mend: "write strategy: weighted, or remove the line"))
        } else if weights.count != candidates {
            reader.report(
                "weights",
                Fault("\(weights.count) weights for \(candidates) candidates", mend: "write one for each candidate"))
        }
        return weights
    }

    private func timeouts(_ reader: SectionReader) -> RouteTimeouts {
        var timeouts = RouteTimeouts()
        reader.assign("connect", to: &timeouts.connectNanoseconds)
        timeouts.firstByteNanoseconds = reader.nanoseconds("first_byte")
        timeouts.firstTokenNanoseconds = reader.nanoseconds("first_token")
        reader.assign("idle", to: &timeouts.idleNanoseconds)
        timeouts.responseNanoseconds = reader.nanoseconds("response")
        reader.assign("total", to: &timeouts.totalNanoseconds)
        return timeouts
    }
}
