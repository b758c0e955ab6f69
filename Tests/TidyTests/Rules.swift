import Foundation

/// One breach of one rule.
struct Breach: CustomStringConvertible {
    var file: String
    var line: Int
    var rule: String
    var found: String
    var instead: String

    var description: String {
        "\(file):\(line): \(rule): '\(found)'. Instead: \(instead)"
    }
}

/// A text that must not stand in some files, and what to write in its place.
struct Ban {
    /// Where the text is looked for.
    enum Scope {
        /// Code of our targets, strings and comments blanked.
        case sources
        /// The same, and the tests.
        case sourcesAndTests
        case tests
        /// Every text file of the repository as it stands, comments and documents included.
        case everything
    }

    var name: String
    var scope: Scope
    var pattern: Pattern
    var instead: String
    /// Files whose business it is.
    var home: @Sendable (String) -> Bool = { _ in false }
    /// Texts that must be found, and texts that must not: a rule that cannot fail is no rule.
    var fires: [String]
    var allows: [String]

    func breaches(in file: SourceFile) -> [Breach] {
        guard applies(to: file.path) else { return [] }
        let text = scope == .everything ? file.text.raw : file.text.code
        return pattern.matches(in: text).map { match in
            Breach(file: file.path, line: match.line, rule: name, found: match.text, instead: instead)
        }
    }

    private func applies(to path: String) -> Bool {
        if home(path) { return false }
        let isSource = path.hasPrefix("Sources/") && path.hasSuffix(".swift")
        let isTest = path.hasPrefix("Tests/") && path.hasSuffix(".swift")
        return switch scope {
        case .sources: isSource
        case .tests: isTest
        case .sourcesAndTests: isSource || isTest
        // The bans themselves and their samples stand in this target.
        case .everything: !path.hasPrefix("Tests/TidyTests/") && path != "LICENSE"
        }
    }
}

enum Bans {
    static let all: [Ban] = time + chance + concurrency + safety + words

    private static let time = [
        Ban(
            name: "clock", scope: .sources,
            pattern: Pattern(
                #"\b(Date|ContinuousClock|SuspendingClock)\s*\(\s*\)"#
                    + #"|\b(Date|ContinuousClock|SuspendingClock|DispatchTime|DispatchWallTime|NIODeadline)\s*\.\s*now\b"#
                    + #"|(?<![\w)\]?])\.now\b|\b(clock_gettime|gettimeofday)\b"#),
            instead: "take `now` as an argument; the clock is read in its home, a file named `…Clock.swift`, alone",
            home: { $0.hasSuffix("Clock.swift") },
            fires: ["let a = Date()", "wait(until: .now)", "NIODeadline.now()", "ContinuousClock().now"],
            allows: ["// Date()", "clock.now", "let text = \"Date()\"", "Date(timeIntervalSince1970: 0)"])
    ]

    private static let chance = [
        Ban(
            name: "chance", scope: .sourcesAndTests,
            pattern: Pattern(#"\.(random|randomElement|shuffled?)\s*\((?!(?:[^()]|\([^()]*\))*\busing:)"#),
            instead: "pass a generator: `.random(in: range, using: &random)`, so that a run can be replayed",
            fires: ["Int.random(in: 0..<3)", "list.shuffled()", "list.randomElement()"],
            allows: ["Int.random(in: 0..<max(1, 2), using: &random)", "list.shuffled(using: &random)"])
    ]

    private static let concurrency = [
        Ban(
            name: "free-task", scope: .sources,
            pattern: Pattern(#"(?<![\w.])Task\s*(<[^>]*>)?\s*(\([^)]*\))?\s*\{|\bTask\s*\.\s*(detached|immediate)\b"#),
            instead: "a task group, or a service with one `run()`, so that somebody waits for it and can cancel it",
            fires: ["Task { await work() }", "Task(priority: .low) { }", "Task.detached { }"],
            allows: ["group.addTask { }", "try await Task.sleep(for: span)", "struct DrainTask {"]),
        Ban(
            name: "unchecked", scope: .sourcesAndTests,
            pattern: Pattern(#"@unchecked\s+Sendable|\bnonisolated\s*\(\s*unsafe\s*\)"#),
            instead: "`Mutex` in a `final class`, a value, or confinement to one event loop (`NIOLoopBound`)",
            fires: ["final class A: @unchecked Sendable {}", "nonisolated(unsafe) var a = 0"],
            allows: ["final class A: Sendable {}", "nonisolated func a() {}"]),
        Ban(
            name: "sleep", scope: .tests,
            pattern: Pattern(#"(?<![\w.])u?sleep\s*\(|\bThread\s*\.\s*sleep\b"#),
            instead: "wait for a condition with a bound, and print the state when the bound is reached",
            fires: ["usleep(100)", "sleep(1)", "Thread.sleep(forTimeInterval: 1)"],
            allows: ["await clock.sleep(until: done)"]),
    ]

    private static let safety = [
        Ban(
            name: "force", scope: .sourcesAndTests, pattern: Pattern(#"\btry!|\bas!"#),
            instead: "`try` with a handler, `as?` with a guard, `#require` in a test",
            fires: ["try! work()", "value as! String"],
            allows: ["try? work()", "value as? String", "has != other", "try !isDone()"]),
        Ban(
            name: "print", scope: .sources, pattern: Pattern(#"(?<![\w.])(print|debugPrint|dump|NSLog)\s*\("#),
            instead: "a logger for events, the command line's renderer for reports",
            home: { $0.hasPrefix("Sources/holdfast/") },
            fires: ["print(text)", "debugPrint(value)"], allows: ["fingerprint(text)", "terminal.print(text)"]),
        Ban(
            name: "public", scope: .sources, pattern: Pattern(#"^\s*(@\w+(\([^)]*\))?\s+)*(public|open)\s+\w"#),
            instead: "`package`: nothing here is a library for others",
            fires: ["public struct A {}", "    @inlinable public func a() {}"],
            allows: ["package struct A {}", "let open = 1"]),
        Ban(
            name: "foundation-in-core", scope: .sources,
            pattern: Pattern(#"^\s*(\w+\s+)?import\s+(Foundation\w*|Glibc|Dispatch|Logging|NIO\w*)\b"#),
            instead: "the standard library: the core decides and performs nothing",
            home: { !$0.hasPrefix("Sources/HoldfastCore/") && !$0.hasPrefix("Sources/HoldfastSimulation/") },
            fires: ["import Foundation", "package import NIOCore"], allows: ["import HoldfastCore"]),
    ]

    private static let words = [
        Ban(
            name: "unfinished", scope: .everything,
            pattern: Pattern(#"\b(FIXME|TODO|XXX)\b|(?i:\bnot implemented\b|\bplaceholder\b|\bfor now\b)"#),
            instead: "finish it, or list it as absent in the README",
            fires: ["// FIXME: later", "this is a Placeholder", "Not implemented", "good enough for now"],
            allows: ["mktemp XXXXXX", "for nowhere", "the implemented parts"]),
        Ban(
            name: "machine-path", scope: .everything,
            pattern: Pattern(#"(?<![\w.:/~$}-])/(work|root|home|Users)/\w|(?<![\w.:/~$}-])/opt/swift"#),
            instead: "a path relative to the checkout, or one the user names",
            fires: ["see /work/main", "cd /root/x", "/opt/swift-packages"],
            allows: ["https://example.com/home/page", "$HOME/work/x", "Sources/home/x"]),
    ]
}
