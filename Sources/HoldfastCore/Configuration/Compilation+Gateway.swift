extension Compilation {
    func gatewaySettings(_ reader: SectionReader) -> GatewaySettings {
        // Stands for an address that is not right: one that asks for nothing more.
        let anywhere = ListenAddress(host: "127.0.0.1", port: 0)
        var settings = GatewaySettings(
            listen: reader.listen("listen") ?? anywhere, operations: reader.listen("operations") ?? anywhere,
            tls: reader.isWritten("tls") ? listenerTLS(reader.section("tls")) : nil,
            behindTLSProxy: reader.boolean("behind_tls_proxy") ?? false, eventLoops: reader.integer("event_loops"),
            accessLog: accessLog(reader.text("access_log")),
            drainNanoseconds: reader.nanoseconds("drain") ?? 0, limits: listenerLimits(reader.section("limits")))
        reader.assign("receipts", to: &settings.receipts)
        settings.checks = reader.boolean("checks") ?? settings.checks
        if Self.collide(settings.listen, settings.operations) {
            reader.report(
                reader.isWritten("operations") ? "operations" : "listen",
                Fault(
                    "gateway.listen (\(settings.listen)) and gateway.operations (\(settings.operations)) cannot both listen",
                    mend: "give operations another port"))
        }
        return settings
    }

    private func listenerTLS(_ reader: SectionReader) -> ListenerTLS? {
        let (certificate, key) = (reader.text("certificate"), reader.text("key"))
        noteReadableFile(reader, "key")
        guard let certificate, let key else { return nil }
        return ListenerTLS(certificateChainPEM: certificate, privateKeyPEM: Secret(key))
    }

    private func accessLog(_ text: String?) -> AccessLogDestination {
        switch text {
        case nil, "off"?: .off
        case "stdout"?: .standardOutput
        case let path?: .file(path: path.hasPrefix("/") || directory.isEmpty ? path : "\(directory)/\(path)")
        }
    }

    private func listenerLimits(_ reader: SectionReader) -> ListenerLimits {
        var limits = ListenerLimits()
        reader.assign("header_field", to: &limits.headerFieldBytes)
        reader.assign("header_list", to: &limits.headerListBytes)
        reader.assign("header_fields", to: &limits.headerFields)
        reader.assign("uri", to: &limits.uriBytes)
        reader.assign("body", to: &limits.bodyBytes)
        reader.assign("json_depth", to: &limits.jsonDepth)
        reader.assign("json_nodes", to: &limits.jsonNodes)
        reader.assign("sse_line", to: &limits.sseLineBytes)
        reader.assign("response", to: &limits.responseBytes)
        reader.assign("connections", to: &limits.connections)
        reader.assign("connections_per_address", to: &limits.connectionsPerAddress)
        reader.assign("in_flight_per_key", to: &limits.inFlightPerKey)
        reader.assign("pipelined", to: &limits.pipelined)
        reader.assign("header_time", to: &limits.headerNanoseconds)
        reader.assign("body_time", to: &limits.bodyNanoseconds)
        reader.assign("idle_time", to: &limits.idleNanoseconds)
        reader.assign("write_stall", to: &limits.writeStallNanoseconds)
        limits.memoryBytes = reader.integer("memory")
        return limits
    }

    func readControl(beside gateway: GatewaySettings, _ gatewayReader: SectionReader) -> ControlSettings {
        var settings = ControlSettings()
        guard document.isWritten("control") else { return settings }
        let reader = document.section("control")
        if let listen = reader.listen("listen") {
            settings.listen = listen
            let others = [("gateway.listen", gateway.listen), ("gateway.operations", gateway.operations)]
            for (name, other) in others where Self.collide(listen, other) {
                reader.report(
                    "listen",
                    Fault(
                        "control.listen (\(listen)) and \(name) (\(other)) cannot both listen",
                        mend: "give it another port"))
            }
        }
        settings.hosts = hosts(reader)
        settings.notifications = notifications(reader)
        checkExposure(reader, settings)
        return settings
    }

    /// As they are compared: each in its one canonical spelling.
    private func hosts(_ reader: SectionReader) -> [String] {
        (reader.texts("hosts") ?? []).compactMap { item in
            if let host = AddressText.host(item.value) { return host }
            reader.report(
                item,
                Fault(
                    "\(ConfigurationQuote.quoted(item.value)) is neither a host name nor an IP address",
                    mend: "write it without scheme, brackets and port, such as holdfast.example.org or 10.0.0.5"))
            return nil
        }
    }

    private func checkExposure(_ reader: SectionReader, _ control: ControlSettings) {
        guard !control.listen.isLoopback else { return }
        reader.note(
            "control", "listen",
            Fault(
                "\(control.listen) can be reached by others, and tokens travel without TLS",
                mend: "keep it on a network of your own, or put a TLS terminator in front"))
        if control.listen.isUnspecified, control.hosts.isEmpty {
            reader.note(
                "hosts", "listen",
                Fault(
                    "\(control.listen) takes connections on every address, and only who asks for localhost is answered",
                    mend: "write the names or addresses that gateways and browsers use to control.hosts"))
        }
    }

    /// What may be reached by others must ask for a key, over a line that nobody reads along.
    func checkExposure(_ reader: SectionReader, _ gateway: GatewaySettings) {
        if !gateway.operations.isLoopback {
            reader.note(
                "operations", "operations",
                Fault(
                    "\(gateway.operations) shows metrics and live state to whoever reaches it, without a key",
                    mend: "keep it on a network of your own"))
        }
        guard !gateway.listen.isLoopback else { return }
        if !hasKeys, issued == nil {
            reader.report(
                "listen",
                Fault(
                    "\(gateway.listen) can be reached by others, and there are no keys",
                    mend: "add keys (`holdfast keys create`), or listen on 127.0.0.1"))
        }
        if !reader.isWritten("tls"), !gateway.behindTLSProxy {
            reader.report(
                "listen",
                Fault(
                    "\(gateway.listen) can be reached by others, without TLS",
                    mend: "add gateway.tls, or say behind_tls_proxy: true where a TLS terminator stands in front"))
        }
    }

    private var hasKeys: Bool {
        guard case .sequence(let items)? = document.entry("keys")?.value.value else { return false }
        return !items.isEmpty
    }

    func noteReadableFile(_ reader: SectionReader, _ name: String) {
        guard case .file(let path, isReadableByOthers: true)? = reader.origin(name) else { return }
        reader.note(
            "readable", name,
            Fault(
                "other users of this machine can read \(ConfigurationQuote.quoted(path))",
                mend: "chmod 600 the file"))
    }

    /// Port 0 is another port each time; an unspecified address takes the port on every address.
    private static func collide(_ left: ListenAddress, _ right: ListenAddress) -> Bool {
        let hosts = [left, right].map { $0.host == "localhost" ? "127.0.0.1" : $0.host }
        let isAnyAddress = left.isUnspecified || right.isUnspecified
        return left.port == right.port && left.port != 0 && (hosts[0] == hosts[1] || isAnyAddress)
    }
}
