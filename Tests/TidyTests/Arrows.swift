/// Which target may import which: our own targets as the architecture draws them, and the packages each has a
/// reason for. Arrows point one way, so that a decision never comes to depend on a socket.
enum Arrows {
    struct Target {
        var own: Set<String>
        var packages: Set<String>
    }

    private static let system: Set<String> = ["Foundation", "Glibc", "Dispatch", "CDispatch", "Synchronization"]
    private static let nio: Set<String> = ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers"]

    static let allowed: [String: Target] = [
        "HoldfastCore": Target(own: [], packages: []),
        "HoldfastSimulation": Target(own: ["HoldfastCore"], packages: []),
        "HoldfastWire": Target(own: ["HoldfastCore"], packages: ["NIOCore"]),
        "HoldfastAPI": Target(
            own: ["HoldfastCore"], packages: system.union(nio).union(["Yams", "Crypto", "AsyncHTTPClient"])),
        // Its own client for collectors, never the gateway's: what it waits for must not be on an exchange's loop.
        "HoldfastTelemetry": Target(
            own: ["HoldfastCore"], packages: system.union(nio).union(["AsyncHTTPClient", "Logging"])),
        "HoldfastGateway": Target(
            own: ["HoldfastWire", "HoldfastAPI", "HoldfastTelemetry", "HoldfastCore"],
            packages: system.union(nio).union(["NIOSSL", "NIOTLS", "Crypto", "Logging"])),
        "HoldfastPractice": Target(
            own: ["HoldfastWire", "HoldfastAPI", "HoldfastCore"], packages: system.union(nio).union(["Logging"])),
        // Files and one table of them, in C.
        "HoldfastConsole": Target(own: [], packages: []),
        "HoldfastControl": Target(
            own: ["HoldfastAPI", "HoldfastConsole", "HoldfastTelemetry", "HoldfastCore", "HoldfastSimulation"],
            packages: system.union(nio).union(
                [
                    "AsyncHTTPClient", "Crypto", "Logging", "Hummingbird", "HummingbirdCore", "HTTPTypes", "GRDB",
                    "GRDBSQLite",
                ])),
        "holdfast": Target(
            own: [
                "HoldfastGateway", "HoldfastControl", "HoldfastPractice", "HoldfastSimulation", "HoldfastTelemetry",
                "HoldfastAPI", "HoldfastCore",
            ],
            packages: system.union(nio).union(["ArgumentParser", "Crypto", "Logging", "Subprocess", "SystemPackage"])),
    ]

    static let rule = "arrow"

    static func breaches(in file: SourceFile) -> [Breach] {
        let parts = file.path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" else { return [] }
        let target = String(parts[1])
        guard let may = allowed[target] else {
            return [
                Breach(
                    file: file.path, line: 1, rule: rule, found: target,
                    instead: "give the new target its arrows in Tests/TidyTests/Arrows.swift")
            ]
        }
        return imports(in: file.text.code).filter { !may.own.contains($0.module) && !may.packages.contains($0.module) }
            .map { line, module in
                let mayImport = may.own.union(may.packages).sorted().joined(separator: ", ")
                return Breach(
                    file: file.path, line: line, rule: rule, found: "import \(module)",
                    instead: "\(target) may import: \(mayImport.isEmpty ? "nothing" : mayImport)")
            }
    }

    private static func imports(in code: String) -> [(line: Int, module: String)] {
        pattern.matches(in: code).compactMap { match in match.group.map { (match.line, $0) } }
    }

    private static let pattern = Pattern(
        #"^\s*(?:@\w+\s+)*(?:(?:package|internal|private|fileprivate|public)\s+)?import\s+"#
            + #"(?:(?:struct|class|enum|protocol|func|var|typealias)\s+)?(\w+)"#)
}
