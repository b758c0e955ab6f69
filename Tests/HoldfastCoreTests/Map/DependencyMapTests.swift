import Testing

@testable import HoldfastCore

/// What a map may look like, and what is said of one that may not.
@Suite struct DependencyMapTests {
    private static func node(_ name: String, needs: [String] = [], domains: [FailureDomain] = []) -> MapComponent {
        MapComponent(
            ComponentID(.node, name), .declared, domains: Set(domains),
            needs: needs.compactMap { ComponentID($0) }.map { .one($0) })
    }

    private static func group(_ name: String, _ least: Int, of members: [String]) -> MapComponent {
        MapComponent(
            ComponentID(.group, name), .declared,
            needs: [MapComponent.Need(least: least, of: members.compactMap { ComponentID($0) })])
    }

    static let wrong: [(components: [MapComponent], field: MapProblem.Field, fragment: String)] = [
        ([node("a", needs: ["node:b"])], .needs, "there is no node:b"),
        ([node("alpha", needs: ["node:beta"]), node("betta")], .needs, "did you mean node:betta?"),
        ([node("a", needs: ["node:a"])], .needs, "it needs itself"),
        ([node("a"), group("g", 2, of: ["node:a"])], .least, "2 of 1 is not possible"),
        ([node("a"), group("g", 0, of: ["node:a"])], .least, "0 of 1 is not possible"),
        ([node("a"), group("g", 1, of: ["node:a", "node:a"])], .of, "named twice"),
        ([group("g", 1, of: ["node:b"])], .of, "there is no node:b"),
        (
            [node("a", needs: ["node:b"]), node("b", needs: ["node:c"]), node("c", needs: ["node:b"])], .needs,
            "node:b → node:c → node:b"
        ),
        (
            [
                node("a", needs: ["group:g"]), group("g", 1, of: ["node:b", "node:c"]), node("b"),
                node("c", needs: ["node:a"]),
            ],
            .needs, "in a circle: node:a → group:g → node:c → node:a"
        ),
        // A domain that is a component is a need like any other.
        (
            [
                node("a", needs: ["power:x"]),
                MapComponent(ComponentID(.power, "x"), .declared, needs: [.one(ComponentID(.network, "n"))]),
                MapComponent(ComponentID(.network, "n"), .declared, domains: [FailureDomain(.power, "x")]),
            ], .needs, "power:x → network:n → power:x"
        ),
    ]

    @Test(arguments: wrong.indices) func whatIsWrongIsNamed(_ index: Int) throws {
        let (components, field, fragment) = Self.wrong[index]
        let problems = DependencyMap.problems(of: components)
        let problem = try #require(problems.first)
        #expect(problems.count == 1)
        #expect(problem.field == field)
        #expect(problem.message.contains(fragment), "\(problem.message)")
        #expect(!problem.mend.isEmpty)
        #expect(throws: problem) { try DependencyMap(components) }
    }

    @Test func aCircleIsReportedWhereItWasWritten() throws {
        var implied = Self.node("a", needs: ["node:b"])
        implied.sources = .implied
        let problems = DependencyMap.problems(of: [implied, Self.node("b", needs: ["node:a"])])
        #expect(problems.map(\.component) == [ComponentID(.node, "b")])
    }

    @Test func aBackupNeedsAnOriginalAndAnOwnerAName() {
        var backup = Self.node("a")
        backup.backsUp = ComponentID(.dataSource, "records")
        backup.owner = ComponentID(.group, "night")
        let problems = DependencyMap.problems(of: [backup])
        #expect(problems.map(\.field) == [.owner, .backsUp])
        backup.owner = nil
        backup.backsUp = backup.id
        #expect(DependencyMap.problems(of: [backup]).map(\.message) == ["it is its own backup"])
    }

    @Test func whateverIsNeededComesFirst() throws {
        let map = try DependencyMap([
            Self.node("a", needs: ["node:b", "group:g"]), Self.node("b", needs: ["node:d"]),
            Self.group("g", 1, of: ["node:c", "node:d"]), Self.node("c"), Self.node("d"),
        ])
        var seen: Set<Int> = []
        for index in map.order {
            #expect(map.gates[index].allSatisfy { seen.isSuperset(of: $0.members) })
            seen.insert(index)
        }
        #expect(seen.count == map.components.count)
    }

    @Test func aLongChainIsNoDeepRecursion() throws {
        let length = 20_000
        let map = try DependencyMap(
            (0..<length).map { Self.node("n\($0)", needs: $0 + 1 < length ? ["node:n\($0 + 1)"] : []) })
        let last = try #require(map.index(of: .component(ComponentID(.node, "n\(length - 1)"))))
        #expect(map.stopped(by: [last]).allSatisfy { $0 })
    }

    @Test func aDomainTakesAllThatAreInIt() throws {
        let rack = FailureDomain(.power, "rack")
        let map = try DependencyMap([
            Self.node("a", domains: [rack]), Self.node("b", domains: [rack]), Self.node("c"),
            Self.group("two", 2, of: ["node:a", "node:b", "node:c"]), Self.group("one", 1, of: ["node:a", "node:c"]),
        ])
        let failed = try #require(map.index(of: Failure("power:rack")!))
        let stopped = map.components.indices.filter { map.stopped(by: [failed])[$0] }.map {
            map.components[$0].id.description
        }
        #expect(stopped == ["node:a", "node:b", "group:two"])
    }

    @Test func criticalityComesFromWhateverNeedsIt() throws {
        var top = Self.node("top", needs: ["node:shared", "node:own"])
        top.criticality = .critical
        var other = Self.node("other", needs: ["node:shared", "node:low"])
        other.criticality = .deferrable
        let map = try DependencyMap([
            top, other, Self.node("shared"), Self.node("own"), Self.node("low"), Self.node("alone"),
        ])
        let found = Dictionary(uniqueKeysWithValues: zip(map.components.map(\.id.name), map.criticalities))
        #expect(
            found == [
                "top": .critical, "shared": .critical, "own": .critical, "other": .deferrable, "low": .deferrable,
                "alone": .standard,
            ])
    }

    static let ids = [
        ("route:assistant", true), ("deployment:local/qwen3:8b", true), ("data-source:a", true), ("group:x", true),
        ("Route:a", false), ("route:", false), ("route", false), ("planet:mars", false), ("node:a b", false),
        ("node:\"", false), ("node:-a", false), ("node:" + String(repeating: "a", count: 265), true),
        ("node:" + String(repeating: "a", count: 266), false),
    ]

    @Test(arguments: ids) func idsAreAKindAndAName(text: String, isGood: Bool) throws {
        #expect((ComponentID(text) != nil) == isGood)
        #expect((text.wholeMatch(of: try Regex(ComponentID.pattern)) != nil) == isGood)
        if isGood { #expect(ComponentID(text)?.description == text) }
    }

    @Test func ofTwoNamesTheNearerOneSpeaks() {
        let sorted = [
            Failure("jurisdiction:us")!, Failure("deployment:a/m")!, Failure("vendor:a")!, Failure("provider:a")!,
            Failure("person:b")!, Failure("host:a.example")!,
        ].sorted().map(\.description)
        #expect(
            sorted == ["provider:a", "person:b", "deployment:a/m", "vendor:a", "host:a.example", "jurisdiction:us"])
    }
}
