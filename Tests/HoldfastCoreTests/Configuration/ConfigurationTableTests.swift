import Testing

@testable import HoldfastCore

@Suite struct ConfigurationTableTests {
    /// Every section with every field, in the table's order.
    static let fields: [(section: SectionRule, field: FieldRule)] = {
        func all(_ rule: SectionRule) -> [(SectionRule, FieldRule)] {
            rule.fields.flatMap { [(rule, $0)] + ($0.kind.section.map(all) ?? []) }
        }
        return all(ConfigurationTable.document)
    }()

    @Test func everyFieldSaysWhatAndWhy() {
        #expect(Self.fields.count > 60)
        for (section, field) in Self.fields {
            #expect(field.description.hasSuffix("."), "\(section.title).\(field.name)")
            #expect(field.reason.hasSuffix("."), "\(section.title).\(field.name)")
            #expect(!field.example.isEmpty, "\(section.title).\(field.name)")
        }
    }

    @Test func namesAreUniqueWithinTheirSection() {
        for (section, _) in Self.fields {
            #expect(Set(section.fields.map(\.name)).count == section.fields.count, "\(section.title)")
        }
    }

    @Test func everyDefaultIsLegal() {
        for (section, field) in Self.fields {
            guard case .defaulted(let text) = field.presence else { continue }
            #expect(throws: Never.self, "\(section.title).\(field.name)") {
                try field.kind.judge(text, written: text).get()
            }
        }
    }

    @Test func theLimitsOfTheHardeningPageAreTheDefaults() throws {
        let expected = [
            "header_field": "16KiB", "header_list": "64KiB", "header_fields": "100", "uri": "8KiB", "body": "10MiB",
            "json_depth": "64", "json_nodes": "200000", "sse_line": "1MiB", "response": "32MiB", "connections": "10000",
            "connections_per_address": "1024", "in_flight_per_key": "256", "pipelined": "16", "header_time": "10s",
            "body_time": "30s", "idle_time": "1m", "write_stall": "30s",
        ]
        // The bound on memory is the machine's.
        let fixed = ConfigurationTable.limits.fields.filter { $0.name != "memory" }
        #expect(fixed.count == expected.count)
        for field in fixed {
            #expect(field.presence == .defaulted(try #require(expected[field.name])), "\(field.name)")
        }
    }

    @Test func onlyCandidatesThatTheExchangeCanCountAreAccepted() {
        #expect(ConfigurationTable.mostCandidates == ExchangePlan.longestCandidates)
    }

    @Test func patternsForEditorsAgreeWithTheRule() throws {
        let texts = [
            "", "a", "A", "a.b_c-d", ".a", "-a", "a/b", "a b", "ä", "gpt-4.1", "a:b@c+d", "openai/gpt-4.1-mini",
            "local/qwen3:8b",
            "a/b/c", "/b", "a/", "A/b", "a/b c", "a/\"", "a/\\", "a/[x]", String(repeating: "a", count: 64),
            String(repeating: "a", count: 65), String(repeating: "a", count: 129),
        ]
        for kind in NameKind.allCases {
            let pattern = try Regex(kind.pattern)
            for text in texts {
                #expect(kind.accepts(text) == (text.wholeMatch(of: pattern) != nil), "\(kind) \(text)")
            }
        }
    }
}
