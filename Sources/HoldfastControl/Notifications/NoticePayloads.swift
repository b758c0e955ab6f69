import HoldfastCore

/// The bodies that receivers are sent.
struct NoticePayloads: Sendable {
    /// Which management plane speaks: the id in its audit log's origin.
    var plane: String
    /// Such as `http://127.0.0.1:8090`.
    var address: String

    // MARK: - Alertmanager

    /// `POST /api/v2/alerts` (https://prometheus.io/docs/alerting/latest/alerts_api/).
    ///
    /// - Parameter validNanoseconds: for how long what fires is taken to fire unless it is said again.
    func alerts(_ notices: [Notice], now: Int64, validNanoseconds: Int64) -> JSONValue {
        .array(
            notices.map { notice in
                [
                    "labels": Self.object(labels(of: notice)), "annotations": Self.object(Self.annotations(of: notice)),
                    "startsAt": .string(TimeOfDay.text(milliseconds: notice.startedAt)),
                    "endsAt": .string(
                        TimeOfDay.text(milliseconds: notice.endedAt ?? now + validNanoseconds / Span.millisecond)),
                    "generatorURL": .string(generator),
                ]
            })
    }

    // MARK: - Alertmanager's webhook

    /// Version 4 (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
    ///
    /// - Parameter notices: of one alert name; never empty.
    func webhook(_ notices: [Notice], receiver: String) -> JSONValue {
        let labels = notices.map(labels), annotations = notices.map(Self.annotations)
        let name = notices.first?.alertName ?? ""
        return [
            "version": "4", "groupKey": .string("{}:{alertname=\(JSONValue.quoted(name))}"), "truncatedAlerts": 0,
            "status": notices.contains { $0.endedAt == nil } ? "firing" : "resolved", "receiver": .string(receiver),
            "groupLabels": ["alertname": .string(name)], "commonLabels": Self.object(Self.common(labels)),
            "commonAnnotations": Self.object(Self.common(annotations)), "externalURL": .string(address),
            "alerts": .array(
                notices.map { notice in
                    [
                        "status": notice.endedAt == nil ? "firing" : "resolved",
                        "labels": Self.object(self.labels(of: notice)),
                        "annotations": Self.object(Self.annotations(of: notice)),
                        "startsAt": .string(TimeOfDay.text(milliseconds: notice.startedAt)),
                        // The zero time of Go, as an Alertmanager writes it.
                        "endsAt": .string(
                            notice.endedAt.map { TimeOfDay.text(milliseconds: $0) } ?? "0001-01-01T00:00:00Z"),
                        "generatorURL": .string(generator),
                        "fingerprint": .string(AlertLabels.fingerprint(self.labels(of: notice))),
                    ]
                }),
        ]
    }

    // MARK: - CloudEvents

    /// In structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
    func cloudEvent(_ notice: Notice) -> JSONValue {
        var details: [JSONMember] = [
            JSONMember(name: "kind", value: .string(notice.kind)),
            JSONMember(name: "subject", value: .string(notice.subject)),
            JSONMember(name: "severity", value: .string(notice.severity.rawValue)),
            JSONMember(name: "status", value: notice.endedAt == nil ? "firing" : "resolved"),
            JSONMember(name: "summary", value: .string(notice.summary)),
            JSONMember(name: "mend", value: .string(notice.mend)),
            JSONMember(name: "gateways", value: .strings(notice.gateways)),
            JSONMember(name: "started_at", value: .string(TimeOfDay.text(milliseconds: notice.startedAt))),
        ]
        if let endedAt = notice.endedAt {
            details.append(JSONMember(name: "ended_at", value: .string(TimeOfDay.text(milliseconds: endedAt))))
        }
        return [
            "specversion": "1.0", "id": .string(notice.id), "source": .string("urn:holdfast:control:\(plane)"),
            "type": .string("io.holdfast.\(notice.event)"), "subject": .string(notice.subject),
            "time": .string(TimeOfDay.text(milliseconds: notice.at)), "datacontenttype": "application/json",
            "data": .object(details),
        ]
    }

    // MARK: - Labels

    /// By name.
    func labels(of notice: Notice) -> [(name: String, value: String)] {
        [
            ("alertname", notice.alertName), ("instance", plane), ("job", "holdfast-control"), ("kind", notice.kind),
            ("severity", notice.severity.rawValue), ("subject", notice.subject),
        ]
    }

    private static func annotations(of notice: Notice) -> [(name: String, value: String)] {
        var found = [("description", notice.mend), ("summary", notice.summary)]
        if !notice.gateways.isEmpty { found.append(("gateways", notice.gateways.joined(separator: ", "))) }
        return found.sorted { $0.0 < $1.0 }
    }

    private var generator: String { "\(address)/v1/alerts" }

    private static func common(_ all: [[(name: String, value: String)]]) -> [(name: String, value: String)] {
        (all.first ?? []).filter { pair in all.allSatisfy { $0.contains { $0 == pair } } }
    }

    private static func object(_ pairs: [(name: String, value: String)]) -> JSONValue {
        .object(pairs.map { JSONMember(name: $0.name, value: .string($0.value)) })
    }
}
