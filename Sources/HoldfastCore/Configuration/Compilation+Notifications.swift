extension Compilation {
    /// The longest list of receivers.
    static let mostNotifications = 32

    /// A reference that cannot be read here is no mistake: gateways look at none of it, and a management plane shows which
    /// receiver it cannot use.
    func notifications(_ control: SectionReader) -> [NotificationSettings] {
        let sections = control.named("notifications")
        if sections.count > Self.mostNotifications {
            control.report(
                "notifications",
                Fault("there are \(sections.count) receivers", mend: "name at most \(Self.mostNotifications)"))
        }
        return sections.compactMap { section in
            let reader = section.reader
            noteReadableFile(reader, "authorization")
            noteReadableFile(reader, "url")
            let format = reader.text("format").flatMap(NotificationSettings.Format.init(rawValue:))
            let (url, authorization) = (reader.baseURL("url"), reader.text("authorization"))
            let kinds = reader.texts("kinds").map { names in Set(names.compactMap { AlertKind(rawValue: $0.value) }) }
            let resend = reader.nanoseconds("resend")
            guard let format else { return nil }
            checkClear(url, hasCredentials: reader.isWritten("authorization"), reader)
            return NotificationSettings(
                name: section.name, format: format, url: url, authorization: authorization.map(Secret.init),
                isReadable: url != nil && (authorization != nil || !reader.isWritten("authorization")),
                kinds: kinds ?? Set(AlertKind.allCases),
                resendNanoseconds: resend ?? NotificationSettings.usualResendNanoseconds)
        }
    }

    private func checkClear(_ url: BaseURL?, hasCredentials: Bool, _ reader: SectionReader) {
        guard let url, !url.isTLS, hasCredentials,
            !ListenAddress(host: url.host, port: url.port).isLoopback
        else { return }
        reader.report(
            "url",
            Fault(
                "plain http sends the receiver's credentials in clear",
                mend: "write https://, send to a receiver on this machine, or remove the authorization"))
    }
}
