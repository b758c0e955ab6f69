/// Where a workload's requests may go by law.
extension Compilation {
    /// Compared to the letter: a law that is almost the one that was meant is another one.
    func jurisdictions(_ reader: SectionReader) -> [String]? {
        guard let names = reader.texts("jurisdictions") else { return nil }
        var declared: [String] = []
        for case let name? in providers.map(\.jurisdiction) where !declared.contains(name) { declared.append(name) }
        var found: [String] = []
        for name in names {
            if found.contains(name.value) {
                reader.report(name, Fault("\(name.shown) is named twice", mend: "remove one of them"))
            } else if !declared.contains(name.value) {
                reader.report(name, undeclared(name, declared))
            }
            found.append(name.value)
        }
        return found
    }

    private func undeclared(_ name: Located<String>, _ declared: [String]) -> Fault {
        let meant = document.nearest(to: name.value, among: declared)
        return Fault(
            "there is no provider in the jurisdiction \(name.shown)" + (meant.map { "; did you mean \($0)?" } ?? ""),
            mend: meant.map { "write \($0), or declare it as a provider's jurisdiction" }
                ?? "remove it, or declare it as a provider's jurisdiction")
    }

    /// A route that the workload names and none of whose candidates it may use would refuse it every time, with 451.
    /// Names and jurisdictions that are not right were reported; they make nothing else wrong.
    func checkLawful(_ workload: Workload, _ reader: SectionReader) {
        let declared = providers.compactMap(\.jurisdiction)
        guard let lawful = workload.jurisdictions, lawful.allSatisfy(declared.contains) else { return }
        for name in reader.texts("routes") ?? [] {
            guard let route = routeNames[name.value].map({ routes[$0] }), !route.candidates.isEmpty,
                !route.candidates.contains(where: { workload.isLawful(providers[deployments[$0].provider]) })
            else { continue }
            reader.report(
                name,
                Fault(
                    "the route \(name.shown) has no candidate in \(lawful.joined(separator: " or "))",
                    mend: "add one to the route, or leave the route out"))
        }
    }
}
