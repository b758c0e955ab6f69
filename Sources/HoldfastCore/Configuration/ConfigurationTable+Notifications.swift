extension ConfigurationTable {
    static let notification = SectionRule(
        "control.notifications.<id>", "One receiver of alerts, told by the management plane and never by a gateway.",
        [
            FieldRule(
                "format", .choice(NotificationSettings.Format.allCases.map(\.rawValue)), .required,
                example: "alertmanager",
                "`alertmanager`: its API, to which `/api/v2/alerts` is appended; `webhook`: what an Alertmanager sends to webhooks; "
                    + "`cloudevents`: CloudEvents 1.0, one in each request.",
                reason: "Receivers understand one of them."),
            FieldRule(
                "url", .baseURL, .required, example: "http://127.0.0.1:9093",
                "Where it is. Its path is shown nowhere, since with many services it is a secret; best as `${NAME}` then.",
                reason: "Nothing is sent to anybody who was not named."),
            FieldRule(
                "authorization", .headerValue, .optional("none is sent"), example: "Bearer ${ONCALL_TOKEN}",
                "The header of that name; best with `${NAME}`, or as `file:PATH`. Read by the management plane alone.",
                reason: "A receiver on this machine asks for nothing."),
            FieldRule(
                "kinds",
                .list(of: .choice(AlertKind.allCases.map(\.rawValue)), count: 1...AlertKind.allCases.count),
                .optional("every kind"), example: "[breaker, backup-untested]", "Which alerts it is told of.",
                reason: "Whoever names a receiver wants to hear."),
            FieldRule(
                "resend", .duration(Span.second...Span.hour),
                .defaulted(ConfigurationUnits.durationText(NotificationSettings.usualResendNanoseconds)),
                example: "30s",
                "How often an Alertmanager is told again of what is firing. The others are told once of each change.",
                reason: "An Alertmanager takes what it does not hear of for five minutes for over."),
        ])
}
