import Testing

@testable import HoldfastCore

@Suite struct CutSetsTests {
    /// Sets of failures by name, each class by its first.
    private static func named(_ cuts: CutSets, of id: String) -> [[String]] {
        guard let index = ComponentID(id).flatMap({ cuts.map.index(of: $0) }) else { return [] }
        return cuts.sets(of: index).map { $0.map { cuts.failure($0).description } }
    }

    private static func top(_ needs: [MapComponent.Need]) -> MapComponent {
        MapComponent(ComponentID(.service, "top"), .declared, needs: needs)
    }

    private static func nodes(_ names: String...) -> [MapComponent] {
        names.map { MapComponent(ComponentID(.node, $0), .declared) }
    }

    private static func some(_ least: Int, _ names: String...) -> MapComponent.Need {
        MapComponent.Need(least: least, of: names.map { ComponentID(.node, $0) })
    }

    private static func cuts(_ needs: [MapComponent.Need], _ others: [MapComponent]) throws -> CutSets {
        CutSets(try DependencyMap([top(needs)] + others))
    }

    @Test func eachNeedIsASinglePoint() throws {
        let cuts = try Self.cuts([Self.some(1, "a"), Self.some(1, "b")], Self.nodes("a", "b"))
        #expect(Self.named(cuts, of: "service:top") == [["node:a"], ["node:b"]])
    }

    @Test func oneOfThreeTakesAllThree() throws {
        let cuts = try Self.cuts([Self.some(1, "a", "b", "c")], Self.nodes("a", "b", "c"))
        #expect(Self.named(cuts, of: "service:top") == [["node:a", "node:b", "node:c"]])
    }

    @Test func oneOfFourTakesMoreThanIsLookedAt() throws {
        let cuts = try Self.cuts([Self.some(1, "a", "b", "c", "d")], Self.nodes("a", "b", "c", "d"))
        #expect(Self.named(cuts, of: "service:top").isEmpty)
        #expect(cuts.exactOrder(of: try #require(cuts.map.index(of: ComponentID(.service, "top")))) == 3)
    }

    @Test func twoOfThreeTakesEachPair() throws {
        let cuts = try Self.cuts([Self.some(2, "a", "b", "c")], Self.nodes("a", "b", "c"))
        #expect(
            Self.named(cuts, of: "service:top") == [
                ["node:a", "node:b"], ["node:a", "node:c"], ["node:b", "node:c"],
            ])
    }

    @Test func whatBothShareIsASinglePoint() throws {
        var (left, right) = (Self.nodes("a")[0], Self.nodes("b")[0])
        left.domains = [FailureDomain(.vendor, "v"), FailureDomain(.region, "eu")]
        right.domains = [FailureDomain(.vendor, "v"), FailureDomain(.region, "us")]
        let cuts = try Self.cuts([Self.some(1, "a", "b")], [left, right])
        // A region that only one of them has is that node: they fail alike.
        #expect(Self.named(cuts, of: "service:top") == [["vendor:v"], ["node:a", "node:b"]])
        let place = try #require(cuts.map.index(of: Failure("region:eu")!))
        #expect(cuts.failures(cuts.place(of: place)).map(\.description) == ["node:a", "region:eu"])
    }

    @Test func whatIsNeededByBothAbsorbsTheRest() throws {
        var (left, right) = (Self.nodes("a")[0], Self.nodes("b")[0])
        left.needs = [Self.some(1, "shared")]
        right.needs = [Self.some(1, "shared")]
        let cuts = try Self.cuts([Self.some(1, "a", "b")], [left, right] + Self.nodes("shared"))
        #expect(Self.named(cuts, of: "service:top") == [["node:shared"], ["node:a", "node:b"]])
        let shared = cuts.place(of: try #require(cuts.map.index(of: Failure("node:shared")!)))
        let a = cuts.place(of: try #require(cuts.map.index(of: Failure("node:a")!)))
        #expect(cuts.isBroader(shared, than: a))
        #expect(!cuts.isBroader(a, than: shared) && !cuts.isBroader(a, than: a))
    }

    // MARK: - Against brute force

    /// A map of a few components, each of which needs only what was made before it.
    private static func smallMap(_ random: inout SeededRandom) -> [MapComponent] {
        let count = 3 + Int(random.below(7))
        let kinds: [ComponentKind] = [.node, .service, .provider, .dataSource, .group]
        let domains = [
            FailureDomain(.vendor, "v"), FailureDomain(.region, "r"), FailureDomain(.power, "0"),
        ]
        var made: [MapComponent] = []
        for number in 0..<count {
            // The first is what one of the domains is called.
            let kind = number == 0 ? .power : kinds[Int(random.below(Int64(kinds.count)))]
            var component = MapComponent(ComponentID(kind, "\(number)"), .declared)
            for domain in domains where random.below(4) == 0 { component.domains.insert(domain) }
            let needs = made.isEmpty ? 0 : random.below(3)
            for _ in 0..<needs {
                var members = made.map(\.id).filter { _ in random.below(2) == 0 }
                if members.isEmpty { members = [made[Int(random.below(Int64(made.count)))].id] }
                component.needs.append(
                    MapComponent.Need(least: 1 + Int(random.below(Int64(members.count))), of: members))
            }
            made.append(component)
        }
        return made
    }

    /// Every minimal set of at most three classes whose failing stops the component, by trying all of them.
    private static func bruteForce(_ cuts: CutSets, of component: Int) -> [[Int]] {
        let count = cuts.classes.count
        func stops(_ set: [Int]) -> Bool { cuts.map.stopped(by: set.map { cuts.classes[$0][0] })[component] }
        var minimal: [[Int]] = []
        var candidates: [[Int]] = [[]]
        for _ in 1...3 {
            candidates = candidates.flatMap { set in ((set.last ?? -1) + 1..<count).map { set + [$0] } }
            for set in candidates where stops(set) && !minimal.contains(where: { Set($0).isSubset(of: set) }) {
                minimal.append(set)
            }
        }
        return minimal
    }

    @Test func agreesWithTryingEverything() throws {
        var compared = 0
        for seed in 0..<400 {
            var random = SeededRandom(seed: UInt64(seed))
            let cuts = CutSets(try DependencyMap(Self.smallMap(&random)))
            for component in cuts.map.components.indices {
                let expected = Self.bruteForce(cuts, of: component)
                #expect(cuts.sets(of: component) == expected, "seed \(seed), \(cuts.map.components[component].id)")
                #expect(cuts.exactOrder(of: component) == 3)
                compared += expected.count
            }
        }
        // Enough of them to mean something, of all three orders.
        #expect(compared > 5_000)
    }

    @Test func anotherMemberNeverMakesItWorse() throws {
        for seed in 0..<200 {
            var random = SeededRandom(seed: UInt64(seed) &+ 0x5EED)
            let others = Self.smallMap(&random)
            let members = others.map(\.id)
            func cuts(_ needs: [MapComponent.Need]) throws -> [[String]] {
                Self.named(CutSets(try DependencyMap([Self.top(needs)] + others)), of: "service:top")
            }
            let few = try cuts([MapComponent.Need(least: 1, of: Array(members.dropLast()))])
            let more = try cuts([MapComponent.Need(least: 1, of: members)])
            let both = try cuts([MapComponent.Need(least: 1, of: members), .one(members[0])])
            // Whatever stops the larger group stops the smaller one, and another need only adds ways to stop.
            #expect(more.allSatisfy { set in few.contains { Set($0).isSubset(of: set) } }, "seed \(seed)")
            #expect(more.allSatisfy { set in both.contains { Set($0).isSubset(of: set) } }, "seed \(seed)")
        }
    }

    // MARK: - Bounds

    @Test func whereThereAreTooManyTheOrderIsLeftOut() throws {
        let names = (0..<12).map { "n\($0)" }
        let ids = names.map { ComponentID(.node, $0) }
        let map = try DependencyMap(
            [Self.top([MapComponent.Need(least: 10, of: ids), .one(ids[0])])]
                + names.map { MapComponent(ComponentID(.node, $0), .declared) })
        let index = try #require(map.index(of: ComponentID(.service, "top")))
        // Without n0, 165 sets of three of the other eleven.
        let all = CutSets(map)
        #expect(all.sets(of: index).count == 1 + 165)
        #expect(all.exactOrder(of: index) == 3)
        let few = CutSets(map, limit: CutLimit(sets: 100, order: 3))
        #expect(few.sets(of: index).map(\.count) == [1])
        #expect(few.exactOrder(of: index) == 2)
        let fewer = CutSets(map, limit: CutLimit(sets: 10, order: 3))
        #expect(fewer.exactOrder(of: index) == 1)
        #expect(fewer.singles(of: index).count == 1)
    }

    @Test func workIsBoundedAndSinglesStayExact() throws {
        var random = SeededRandom(seed: 7)
        let map = try DependencyMap(LargeMap.components(count: 300, random: &random))
        let bounded = CutSets(map, limit: CutLimit(), mostWork: 500)
        let whole = CutSets(map)
        #expect(map.components.indices.contains { bounded.exactOrder(of: $0) < 3 })
        for index in map.components.indices {
            #expect(bounded.singles(of: index) == whole.singles(of: index))
            for order in 2...3 where order <= bounded.exactOrder(of: index) {
                #expect(
                    bounded.sets(of: index).filter { $0.count == order }
                        == whole.sets(of: index).filter { $0.count == order })
            }
        }
    }
}
