@testable import HoldfastCore

/// A map as a large company has one: services on workloads, workloads on routes and data sources, those on nodes with
/// power and networks, and routes on deployments of a few providers.
enum LargeMap {
    static func components(count: Int, random: inout SeededRandom) -> [MapComponent] {
        var all: [MapComponent] = []
        func add(_ kind: ComponentKind, _ share: Int, _ fill: (inout MapComponent, Int) -> Void) -> [ComponentID] {
            (0..<max(2, count * share / 100)).map { number in
                var component = MapComponent(ComponentID(kind, "\(kind.rawValue)-\(number)"), .declared)
                fill(&component, number)
                all.append(component)
                return component.id
            }
        }
        func pick(_ ids: [ComponentID], _ most: Int) -> [ComponentID] {
            var found: [ComponentID] = []
            for _ in 0..<most {
                let id = ids[Int(random.below(Int64(ids.count)))]
                if !found.contains(id) { found.append(id) }
            }
            return found
        }
        let power = add(.power, 1) { _, _ in }
        let networks = add(.network, 1) { component, _ in component.needs = [.one(pick(power, 1)[0])] }
        let nodes = add(.node, 24) { component, number in
            component.needs = [.one(pick(power, 1)[0]), MapComponent.Need(least: 1, of: pick(networks, 2))]
            component.domains = [FailureDomain(.region, "r\(number % 4)"), FailureDomain(.software, "s\(number % 9)")]
        }
        let groups = add(.group, 12) { component, _ in
            let members = pick(nodes, 5)
            component.needs = [MapComponent.Need(least: max(1, members.count / 2), of: members)]
        }
        let sources = add(.dataSource, 12) { component, _ in component.needs = pick(groups, 2).map { .one($0) } }
        let providers = add(.provider, 2) { component, number in
            component.domains = [
                FailureDomain(.vendor, "v\(number % 20)"), FailureDomain(.jurisdiction, "j\(number % 3)"),
                FailureDomain(.network, "internet"), FailureDomain(.host, "h\(number)"),
            ]
        }
        let deployments = add(.deployment, 16) { component, _ in component.needs = [.one(pick(providers, 1)[0])] }
        let routes = add(.route, 12) { component, _ in
            component.needs = [MapComponent.Need(least: 1, of: pick(deployments, 4))]
        }
        let workloads = add(.workload, 14) { component, number in
            component.needs = (pick(routes, 3) + pick(sources, 2)).map { .one($0) }
            component.criticality = number % 3 == 0 ? .critical : .standard
            component.minuteCostMicros = Int64(number) * 1_000_000
        }
        _ = add(.service, 6) { component, _ in component.needs = pick(workloads, 3).map { .one($0) } }
        return all
    }
}
