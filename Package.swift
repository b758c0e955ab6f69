// swift-tools-version: 6.2
import PackageDescription

// `HOLDFAST_CORE_ONLY=1 swift test --scratch-path .build/core` builds the decisions alone, in seconds:
// no dependency is even resolved, which also proves that the core has none.
let coreOnly = Context.environment["HOLDFAST_CORE_ONLY"] == "1"

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    // Decisions and formats stand in modules of their own and are called many times per exchange: without this every
    // such call copies whole values across the border. Exclusive access is checked in debug, where all tests run; in
    // release the check was a twentieth of the CPU time of an exchange.
    .unsafeFlags(
        ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")

let coreTargets: [Target] = [
    library("HoldfastCore", []),
    library("HoldfastSimulation", ["HoldfastCore"]),
    tests("HoldfastCoreTests", ["HoldfastCore"]),
    tests("HoldfastSimulationTests", ["HoldfastSimulation", "HoldfastCore"]),
    tests("TidyTests", []),
]

let productTargets: [Target] = [
    // The console's files as the compiler embeds them; see HoldfastConsole.c for why that is C.
    .target(name: "HoldfastConsole", exclude: ["Assets"]),
    library("HoldfastWire", ["HoldfastCore", nioCore]),
    library("HoldfastAPI", ["HoldfastCore", asyncHTTPClient, crypto, nioCore, nioHTTP1, nioPosix, yams]),
    // Traces, metrics and logs over OTLP/HTTP, for both planes: neither may import the other, and the gateway's own
    // listener and upstream code has no business with a client that hops threads.
    library("HoldfastTelemetry", ["HoldfastCore", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix]),
    library(
        "HoldfastGateway",
        [
            "HoldfastWire", "HoldfastAPI", "HoldfastTelemetry", "HoldfastCore", nioCore, nioPosix, nioHTTP1, nioTLS,
            nioSSL, crypto,
            logging,
        ]),
    library("HoldfastPractice", ["HoldfastWire", "HoldfastAPI", "HoldfastCore", nioCore, nioPosix, nioHTTP1, logging]),
    library(
        "HoldfastControl",
        [
            "HoldfastAPI", "HoldfastConsole", "HoldfastTelemetry", "HoldfastCore", grdb, sqlite, hummingbird,
            hummingbirdCore, httpTypes,
            asyncHTTPClient, crypto, logging, nioCore, nioHTTP1, nioPosix,
        ]),
    .executableTarget(
        name: "holdfast",
        dependencies: [
            "HoldfastGateway", "HoldfastControl", "HoldfastPractice", "HoldfastSimulation", "HoldfastTelemetry",
            "HoldfastAPI", "HoldfastCore",
            arguments, crypto, logging, nioCore, nioPosix, nioHTTP1, subprocess,
            systemPackage,
        ],
        swiftSettings: settings),
    // Loads for `make bench`: cheap enough to stand beside what it measures.
    .executableTarget(
        name: "holdfast-load", dependencies: [nioCore, nioPosix, arguments], path: "Benchmarks/Load",
        swiftSettings: settings),
    tests("HoldfastWireTests", ["HoldfastWire", "HoldfastCore", nioCore]),
    tests("HoldfastTelemetryTests", ["HoldfastTelemetry", "HoldfastCore", logging, nioCore, nioHTTP1, nioPosix]),
    tests("HoldfastAPITests", ["HoldfastAPI", "HoldfastCore"]),
    tests(
        "HoldfastGatewayTests",
        [
            "HoldfastGateway", "HoldfastControl", "HoldfastPractice", "HoldfastWire", "HoldfastAPI",
            "HoldfastTelemetry", "HoldfastCore", nioCore, nioPosix, nioHTTP1, nioEmbedded, nioSSL, crypto, logging,
        ]),
    tests(
        "HoldfastControlTests",
        [
            "HoldfastControl", "HoldfastAPI", "HoldfastTelemetry", "HoldfastCore", grdb, crypto, httpTypes, logging,
            nioCore, nioHTTP1, nioPosix,
        ]),
    tests("HoldfastPracticeTests", ["HoldfastPractice", "HoldfastCore", nioCore, nioPosix, nioHTTP1, logging]),
    tests(
        "HoldfastCommandTests",
        [
            "holdfast", "HoldfastGateway", "HoldfastControl", "HoldfastSimulation", "HoldfastAPI", "HoldfastCore",
            arguments, crypto,
            logging,
            nioCore, nioPosix, nioHTTP1, systemPackage,
        ]),
    tests("IntegrationTests", ["HoldfastCore"]),
]

// Each dependency with its reason; versions are floors.
let dependencies: [Package.Dependency] = [
    // Sockets, event loops and HTTP/1 for the data plane. Earlier versions have known CVEs.
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    // TLS towards clients and providers, on the same event loops. Earlier versions have known CVEs.
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    // SHA-256 of client keys.
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    // The logging facade, so that one place decides where operational events go.
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // The command line, its help texts and completions.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // Child processes that are reaped by descriptor, so that no signal ever reaches a reused process id.
    // Its Foundation trait is off: nothing here needs the conveniences.
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    // The file paths and descriptors that swift-subprocess takes.
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    // The management plane's store, over the system's SQLite.
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    // The management plane's listener. Its configuration reader is off: ours is the one.
    .package(
        url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
    // What asks the management plane, and what sends telemetry to a collector and alerts to receivers. Its traits are off: it needs no Foundation.
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
    // Methods, statuses and header names as Hummingbird has them.
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    // YAML with a line and a column for every node.
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
]

let package = Package(
    name: "holdfast",
    dependencies: coreOnly ? [] : dependencies,
    targets: coreOnly ? coreTargets : coreTargets + productTargets
)
