import HoldfastCore

/// What `holdfast up` says once its parts serve: where to point a client, a request to try, and how to make the
/// primary fail. The same facts as text and as JSON.
struct UpReport: Sendable {
    var plan: UpPlan
    /// Of the gateway.
    var listen: String
    var operations: String?
    var processes: [(name: String, ready: ReadyFile)]

    var baseURL: String {
        switch plan.source {
        case .file(_, isTLS: true, _): "https://\(listen)/v1"
        case .file, .embedded: "http://\(listen)/v1"
        }
    }

    private var model: String? { plan.model }

    /// Nil: the management plane does not serve yet.
    private var control: String? {
        processes.first { $0.name == UpPlan.control }.map { "http://\($0.ready.listen)" }
    }

    /// Nil where the route has nothing to ask for without knowing the document.
    private var request: String {
        let key = model == nil ? " \\\n    -H 'authorization: Bearer YOUR_KEY'" : ""
        let body = #"{"model": "\#(model ?? "YOUR_ROUTE")", "messages": [{"role": "user", "content": "Say hello."}]}"#
        return """
            curl -si \(baseURL)/chat/completions\(key) \\
                -H 'content-type: application/json' \\
                -d '\(body)'
            """
    }

    /// What to do, in words, and the command where there is one.
    private var failure: (words: String, command: String?) {
        guard case .embedded(_, let candidates, _) = plan.source, let primary = candidates.first else {
            return (
                "point the base_url of the first candidate in \(plan.configurationFile) at an address where nothing "
                    + "listens and save: the change comes into force by itself", nil
            )
        }
        if plan.isSimulated {
            let origin = primary.baseURL.dropLast("/v1".count)
            return (
                "the primary refuses connections for one minute, then mends itself",
                "curl -s \(origin)/practice/faults -d '{\"fault\": \"refuse\", \"for\": \"60s\"}'"
            )
        }
        let next = candidates.count > 1 ? "" : "; there is only one candidate, so requests then fail: add a second"
        if primary.isLocal {
            return ("stop \(primary.provider) and ask again\(next)", nil)
        }
        let down = "https://down.invalid/v1"
        return (
            "give the primary an address that does not exist; the change comes into force by itself\(next)",
            "sed -i 's|\(primary.baseURL)|\(down)|' \(plan.directory.document)"
        )
    }

    var json: JSONValue {
        var fields: [JSONMember] = [
            .init(name: "version", value: .string(Version.text)),
            .init(name: "base_url", value: .string(baseURL)),
            .init(name: "model", value: .optional(model)),
            .init(name: "simulated", value: .bool(plan.isSimulated)),
            .init(name: "request", value: .string(request)),
            .init(
                name: "make_primary_fail",
                value: ["what": .string(failure.words), "command": .optional(failure.command)]),
            .init(name: "configuration_file", value: .string(plan.configurationFile)),
            .init(name: "data_directory", value: .string(plan.directory.path)),
            .init(name: "access_log", value: .optional(accessLog)),
            .init(name: "metrics", value: .optional(operations.map { "http://\($0)/metrics" })),
            .init(name: "state", value: .optional(operations.map { "http://\($0)/state" })),
            .init(name: "control", value: .optional(control)),
            .init(name: "console", value: .optional(control.map { "\($0)/" })),
            .init(name: "ready", value: .optional(operations.map { "http://\($0)/readyz" })),
            .init(
                name: "processes",
                value: .array(
                    processes.map { name, ready in
                        [
                            "name": .string(name), "pid": .integer(Int(ready.pid)), "listen": .string(ready.listen),
                        ]
                    })),
        ]
        if case .embedded(let discovery, let candidates, let moved) = plan.source {
            fields += [
                .init(name: "candidates", value: .strings(candidates.map { "\($0.provider)/\($0.model)" })),
                .init(name: "found", value: .strings(discovery.findings.map(Self.sentence))),
                .init(name: "not_found", value: .strings(discovery.missing)),
                .init(
                    name: "moved_ports",
                    value: .array(
                        moved.map {
                            [
                                "listener": .string($0.name), "usual": .integer($0.usual),
                                "chosen": .integer($0.chosen),
                            ]
                        })),
            ]
        }
        return .object(fields)
    }

    func text(_ renderer: Renderer) -> String {
        var text = "\n" + renderer.heading("Holdfast \(Version.text) is up")
        if case .embedded(let discovery, let candidates, let moved) = plan.source {
            text += "\n" + sources(discovery, candidates, renderer)
            for listener in moved {
                text += "  Port \(listener.usual) is in use; the listener '\(listener.name)' took \(listener.chosen).\n"
            }
        } else {
            text += "  configuration: \(plan.configurationFile)\n"
        }
        text += "\n" + renderer.heading("Point a client here")
        text += "  export OPENAI_BASE_URL=\(baseURL)\n"
        if let model {
            text += "  export OPENAI_API_KEY=unused        # no keys are configured, so only this machine may ask\n"
            text += "  model: \(renderer.styled(model, .green))\n"
        } else {
            text += "  export OPENAI_API_KEY=…             # one of the keys in the configuration\n"
        }
        text += "\n" + renderer.heading("Try a request") + Self.indented(request)
        text += "\n" + renderer.heading("Make the primary fail, then ask again")
        text += "  \(failure.words)\n"
        if let command = failure.command { text += Self.indented(command) }
        text += "  The header x-holdfast-deployment says who answered.\n"
        text += "\n" + renderer.heading("Look inside") + renderer.table(rows: places)
        text += "\n" + renderer.styled("Ctrl-C drains and stops; a second one ends at once.", .faint) + "\n"
        return text
    }

    private func sources(
        _ discovery: Discovery, _ candidates: [EmbeddedDocument.Candidate], _ renderer: Renderer
    ) -> String {
        var text = renderer.heading("Looked for providers")
        for finding in discovery.findings { text += "  \(Self.sentence(finding))\n" }
        if !discovery.missing.isEmpty {
            text += renderer.styled("  not found: \(discovery.missing.joined(separator: ", "))", .faint) + "\n"
        }
        if plan.isSimulated {
            text += renderer.styled("  Nothing to use was found: the answers are SIMULATED", .yellow)
            text += " by practice providers on this machine.\n"
        }
        text += "\n" + renderer.heading("The route '\(EmbeddedDocument.route)' asks, in this order")
        text += renderer.table(
            rows: candidates.enumerated().map { place, candidate in
                let note = plan.isSimulated ? "simulated" : candidate.keyVariable.map { "key from $\($0)" } ?? "local"
                return ["\(place + 1).", "\(candidate.provider)/\(candidate.model)", candidate.baseURL, note]
            })
        return text
    }

    private var accessLog: String? {
        switch plan.source {
        case .file: nil
        case .embedded: plan.directory.accessLog
        }
    }

    private var places: [[String]] {
        var rows: [[String]] = []
        if let operations {
            rows += [["metrics", "http://\(operations)/metrics"], ["state", "http://\(operations)/state"]]
        }
        rows.append(["management plane", control ?? "does not serve yet; see the log"])
        if let control { rows.append(["console", "\(control)/  (holdfast console prints a link that signs in)"]) }
        if let accessLog { rows.append(["access log", accessLog]) }
        return rows + [["configuration", plan.configurationFile], ["data", plan.directory.path]]
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "  \($0)\n" }.joined()
    }

    static func sentence(_ finding: Discovery.Finding) -> String {
        switch finding {
        case .cloud(let provider): "\(provider.variable): found, \(provider.name) serves \(provider.model)"
        case .emptyKey(let variable): "\(variable): set but empty, not used"
        case .otherDialect(let variable, let name):
            "\(variable): found, not used: the dialect of \(name) is not served in this version"
        case .local(let runtime, let model): "port \(runtime.port): \(runtime.name) serves \(model)"
        case .withoutModel(let runtime):
            "port \(runtime.port): \(runtime.name) answers but serves no chat model, not used"
        case .holdfast(let port): "port \(port): a Holdfast gateway answers there, not used"
        }
    }
}
