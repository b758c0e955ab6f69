import Testing

@testable import HoldfastCore

/// `workloads.<id>.jurisdictions`: which values are accepted, and who is lawful for the workload then.
@Suite struct JurisdictionTests {
    /// A document with three providers: one in the eu, one in the us, and one that says nothing.
    private static func document(_ workload: [(String, ConfigurationNode)]) -> ConfigurationNode {
        .map([
            ("version", .text("1")),
            (
                "providers",
                .map([
                    ("e", .map([("base_url", .text("https://e.example")), ("jurisdiction", .text("eu"))])),
                    ("u", .map([("base_url", .text("https://u.example")), ("jurisdiction", .text("us"))])),
                    ("n", .map([("base_url", .text("https://n.example"))])),
                ])
            ),
            ("deployments", .map([("u/m", .map([("replaced_by", .text("e/new"))]))])),
            (
                "routes",
                .map([
                    ("all", .map([("candidates", .list(["u/m", "e/m", "n/m"]))])),
                    ("american", .map([("candidates", .list(["u/m", "n/m"]))])),
                ])
            ),
            ("workloads", .map([("w", .map(workload))])),
        ])
    }

    private static func compile(_ workload: [(String, ConfigurationNode)]) -> ConfigurationOutcome {
        let references = ConfigurationReferences(
            environment: { _ in nil }, file: { _ in .failed(reason: "is not there", mend: "none") })
        return ConfigurationCompiler.compile(document(workload), references: references)
    }

    @Test func absentMeansAnywhere() throws {
        let snapshot = try #require(Self.compile([]).snapshot)
        #expect(snapshot.workloads[0].jurisdictions == nil)
        let candidates = RouteCandidates(snapshot.routes[0], in: snapshot)
        #expect(snapshot.lawful(candidates.deployments, for: snapshot.workloads[0]) == 0b1111)
    }

    static let lawful: [(jurisdictions: [String], mask: UInt64)] = [
        (["eu"], 0b1010), (["us"], 0b0001), (["eu", "us"], 0b1011), (["us", "eu"], 0b1011),
    ]

    @Test(arguments: lawful)
    func onlyWhoDeclaresOneOfThemIsLawful(jurisdictions: [String], mask: UInt64) throws {
        let outcome = Self.compile([("jurisdictions", .list(jurisdictions))])
        let snapshot = try #require(outcome.snapshot, "\(outcome.problems)")
        #expect(snapshot.workloads[0].jurisdictions == jurisdictions)
        // u/m, e/m, n/m, and e/new which stands in for the first; who says nothing is lawful for nobody who asks.
        let candidates = RouteCandidates(snapshot.routes[0], in: snapshot)
        #expect(snapshot.lawful(candidates.deployments, for: snapshot.workloads[0]) == mask)
    }

    static let wrong: [(ConfigurationNode, String, String)] = [
        (.list([]), "workloads.w.jurisdictions", "the list is empty"),
        (.text("eu"), "workloads.w.jurisdictions", "single value"),
        (.list(["eu", "us", "eu"]), "workloads.w.jurisdictions[2]", "'eu' is named twice"),
        (.list(["us", ""]), "workloads.w.jurisdictions[1]", "no value"),
        (.list(["e\u{1B}u"]), "workloads.w.jurisdictions[0]", "not a short plain name"),
        (.list(["EU"]), "workloads.w.jurisdictions[0]", "no provider in the jurisdiction 'EU'; did you mean eu?"),
        (.list(["eu", "mars"]), "workloads.w.jurisdictions[1]", "no provider in the jurisdiction 'mars'"),
        (.list((0..<65).map { "j\($0)" }), "workloads.w.jurisdictions", "65 items"),
    ]

    @Test(arguments: wrong)
    func whatIsNotRightIsNamed(value: ConfigurationNode, path: String, fragment: String) {
        let problems = Self.compile([("jurisdictions", value)]).problems
        #expect(problems.map(\.path) == [path], "\(problems)")
        #expect(problems.first?.message.contains(fragment) == true, "\(problems)")
        #expect(problems.first?.mend.isEmpty == false)
    }

    @Test func aRouteThatIsNamedAndCannotServeIsAContradiction() {
        let lawless = Self.compile([("jurisdictions", .list(["eu"])), ("routes", .list(["all", "american"]))])
        // The stand-in of u/m is lawful, but only asked where its model is gone.
        #expect(lawless.problems.map(\.path) == ["workloads.w.routes[1]"])
        #expect(lawless.problems.first?.message.contains("'american' has no candidate in eu") == true)
        let served = Self.compile([("jurisdictions", .list(["eu"])), ("routes", .list(["all"]))])
        #expect(served.problems.isEmpty)
        // A route that was not named may be for others.
        #expect(Self.compile([("jurisdictions", .list(["eu"]))]).problems.isEmpty)
    }
}

extension ConfigurationNode {
    static let here = Position(line: 1, column: 1)

    static func text(_ text: String) -> ConfigurationNode {
        ConfigurationNode(position: here, value: .scalar(Scalar(text, isPlain: true)))
    }

    static func list(_ items: [String]) -> ConfigurationNode {
        ConfigurationNode(position: here, value: .sequence(items.map { .text($0) }))
    }

    static func map(_ entries: [(String, ConfigurationNode)]) -> ConfigurationNode {
        let found = entries.map { Entry(key: $0.0, position: here, value: $0.1) }
        return ConfigurationNode(position: here, value: .mapping(found))
    }
}
