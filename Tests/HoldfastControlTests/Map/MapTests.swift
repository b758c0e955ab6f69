import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// The map and its assessment over the wire.
@Suite("The map", .serialized)
struct MapTests {
    static let document = """
        version: 1
        providers:
          openai: {base_url: "https://api.openai.com/v1", api_key: "${OPENAI_API_KEY}", region: us, jurisdiction: us}
          local: {base_url: "http://127.0.0.1:9/v1", network: private, owned: true}
        routes:
          assistant: {candidates: [openai/gpt, local/qwen]}
          drafts: {candidates: [openai/gpt]}
        workloads:
          triage: {criticality: critical, routes: [assistant]}
          editors: {routes: [drafts]}
        map:
          components:
            workload:triage: {owner: "team:t", cost_per_minute: 400, needs: [data-source:records]}
            data-source:records: {owner: "team:t"}
        """

    @Test("Before anything is published there is nothing to assess, and the answer says so")
    func nothing() async throws {
        try await TestControl.run { control in
            for path in ["/v1/map", "/v1/assessment", "/v1/assessment/without?domains=vendor:a"] {
                let answer = try await control.ask("GET", path, token: control.admin)
                #expect(answer.status == 409)
                #expect(answer.problem?.mend.contains("publish") == true)
            }
        }
    }

    @Test("Findings of the newest generation, without any reference that only gateways can read")
    func assessment() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let answer = try await control.ask("GET", "/v1/assessment", token: try await control.token(.viewer))
            #expect(answer.status == 200 && answer.generation == 1)
            let view = try answer.view(AssessmentView.self)
            #expect(view.generation == 1 && !view.observed)
            let worst = try #require(view.findings.first)
            #expect(worst.title == "data-source:records alone stops workload:triage")
            #expect(worst.costPerMinute == "400" && worst.severity == "critical" && worst.isOpen)
            #expect(view.counts.critical == view.findings.count { $0.severity == "critical" })
            let accepted = Self.document + "\n  accept: {\(worst.id): {reason: known, until: 2999-12-31}}\n"
            try await control.publish(accepted)
            let again = try await control.ask("GET", "/v1/assessment", token: control.admin).view(AssessmentView.self)
            let known = try #require(again.findings.first { $0.id == worst.id })
            #expect(!known.isOpen && known.acceptance?.reason == "known")
            #expect(again.counts.accepted == 1 && again.counts.critical == view.counts.critical - 1)
        }
    }

    @Test("The map says where each component is known from, and what stops what")
    func map() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let map = try await control.ask("GET", "/v1/map", token: control.admin).view(MapView.self)
            let sources = Dictionary(uniqueKeysWithValues: map.components.map { ($0.id, $0.sources) })
            #expect(sources["workload:triage"] == [.declared, .implied])
            #expect(sources["provider:openai"] == [.implied])
            #expect(sources["data-source:records"] == [.declared])
            let sets = try #require(map.cutSets.first { $0.component == "workload:triage" })
            #expect(sets.sets.first == ["data-source:records"])
            #expect(sets.sets.contains(["provider:local", "provider:openai"]))
            #expect(sets.exactOrder == 3 && sets.more == 0)
        }
    }

    @Test("Without a vendor: what stops, and what carries the rest")
    func without() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let path = "/v1/assessment/without?domains=vendor:openai"
            let view = try await control.ask("GET", path, token: control.admin).view(OutlookView.self)
            let states = Dictionary(uniqueKeysWithValues: view.lines.map { ($0.component, $0.state) })
            #expect(
                states == [
                    "workload:triage": "degraded", "route:assistant": "degraded", "route:drafts": "stops",
                    "workload:editors": "stops",
                ])
            let carrier = try #require(view.lines.first { $0.component == "workload:triage" }?.carriers.first)
            #expect(carrier.deployment == "local/qwen" && carrier.state == "untested")
            let both = try await control.ask("GET", path + ",provider%3Alocal", token: control.admin)
            #expect(try both.view(OutlookView.self).lines.allSatisfy { $0.state == "stops" })
        }
    }

    @Test(
        "What the map does not have is refused with what was probably meant",
        arguments: [
            ("", "nothing is named"), ("?domains=", "nothing is named"),
            ("?domains=vendor:opemai", "did you mean vendor:openai"),
            ("?domains=x", "the map has no 'x'"),
            ("?domains=" + Array(repeating: "vendor:openai", count: 65).joined(separator: ","), "65 are named"),
        ])
    func refusals(query: String, fragment: String) async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let answer = try await control.ask("GET", "/v1/assessment/without\(query)", token: control.admin)
            #expect(answer.status == 422)
            let field = try #require(answer.problem?.fields?.first)
            #expect(field.field == "domains" && field.message.contains(fragment), "\(field)")
        }
    }

    @Test("What gateways see is part of it")
    func observed() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let node = try await control.token(.node)
            var figures = FiguresView()
            figures.calls = [
                .init(workload: "triage", route: "assistant", deployment: "openai/gpt", count: 3),
                .init(workload: nil, route: "drafts", deployment: "openai/gpt", count: 2),
            ]
            figures.endpoints = [.init(provider: "openai", host: "api.openai.com", addresses: ["192.0.2.1"])]
            figures.nameServers = ["10.0.0.2"]
            var report = GatewayReportView(
                version: "1", generation: 0, source: "none", ready: true, exchangesInFlight: 0, exchanges: 0,
                failures: 0, refused: nil, shedding: "none")
            report.figures = figures
            #expect(try await control.pull(token: node, report).status == 200)
            let view = try await control.ask("GET", "/v1/assessment", token: control.admin).view(AssessmentView.self)
            #expect(view.observed)
            let kinds = Set(view.findings.map(\.kind))
            #expect(kinds.isSuperset(of: ["one-gateway", "never-seen", "undeclared"]))
            #expect(
                view.findings.contains { $0.title.hasPrefix("workload:editors is declared, and no gateway has seen") })
            #expect(view.findings.contains { $0.kind == "shared-backup" })
            let map = try await control.ask("GET", "/v1/map", token: control.admin).view(MapView.self)
            #expect(map.components.first { $0.id == "dns:10.0.0.2" }?.sources == [.observed])
            #expect(map.components.first { $0.id == "route:assistant" }?.sources == [.implied, .observed])
        }
    }

    @Test("What drills have shown is part of it, and what is kept for a moment is of this generation")
    func fallbacks() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            let asked = Mutex(0)
            let maps = Maps(
                snapshots: control.server.snapshots,
                sources: Maps.Sources(fallbacks: {
                    asked.withLock { $0 += 1 }
                    return [
                        FallbackView(route: "assistant", deployment: "local/qwen", state: .failed, passes: 0)
                    ]
                }))
            let now = Instant(nanoseconds: 0)
            let first = try await maps.look(now: now, nowMilliseconds: 0)
            #expect(first.assessment.findings.contains { $0.kind == .fallbackFailed && $0.severity == .critical })
            _ = try await maps.look(now: now.advanced(byNanoseconds: Span.second), nowMilliseconds: 0)
            let once = asked.withLock { $0 }
            #expect(once == 1)
            try await control.publish(Self.document + "\n")
            #expect(try await maps.look(now: now, nowMilliseconds: 0).number == 2)
            _ = try await maps.look(now: now.advanced(byNanoseconds: 3 * Span.second), nowMilliseconds: 0)
            let thrice = asked.withLock { $0 }
            #expect(thrice == 3)
        }
    }

    @Test("What the answers say is what their schemas say")
    func schemas() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            for (path, schema) in [
                ("/v1/map", APISchema.map), ("/v1/assessment", .assessment),
                ("/v1/assessment/without?domains=provider:openai", .outlook),
            ] {
                let answer = try await control.ask("GET", path, token: control.admin)
                let value = try JSONSerialization.jsonObject(with: answer.body)
                #expect(Self.breach(of: schema.json, in: value, at: path) == nil)
            }
        }
    }

    /// The first place where a value is not what the schema says; members that it does not know are one too.
    private static func breach(of schema: JSONValue, in value: Any, at path: String) -> String? {
        if let members = value as? [String: Any] {
            let known = schema["properties"]?.members ?? []
            if let strange = members.keys.sorted().first(where: { name in !known.contains { $0.name == name } }) {
                return "\(path).\(strange) is not in the schema"
            }
            for case let name? in schema["required"]?.array?.map(\.string) ?? [] where members[name] == nil {
                return "\(path).\(name) is missing"
            }
            return known.lazy.compactMap { member in
                members[member.name].flatMap { breach(of: member.value, in: $0, at: "\(path).\(member.name)") }
            }.first
        }
        if let items = value as? [Any] {
            guard let item = schema["items"] else { return "\(path) is a list" }
            return items.lazy.compactMap { breach(of: item, in: $0, at: "\(path)[]") }.first
        }
        if let text = value as? String, let words = schema["enum"]?.array, !words.contains(.string(text)) {
            return "\(path) is \(text)"
        }
        let isText = value is String
        return isText == (schema["type"]?.string == "string") ? nil : "\(path) has the wrong type"
    }
}
