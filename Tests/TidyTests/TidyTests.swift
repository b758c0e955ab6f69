import Foundation
import Testing

/// The rules of style that a machine can keep, over the tree as it stands.
@Suite struct TidyTests {
    @Test func theTreeKeepsTheRules() throws {
        let files = try SourceTree.files()
        // Reading the wrong folder would find nothing wrong.
        #expect(files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
        #expect(files.contains { $0.path.hasPrefix("Sources/HoldfastCore/") })
        let breaches = files.flatMap { file in
            Bans.all.flatMap { $0.breaches(in: file) } + Arrows.breaches(in: file) + Bounds.breaches(in: file)
        }
        for breach in breaches {
            let isExcepted = Exceptions.all.contains { $0.file == breach.file && $0.rule == breach.rule }
            #expect(isExcepted, "\(breach)")
        }
        for entry in Exceptions.all {
            #expect(!entry.reason.isEmpty, "\(entry.file) breaks '\(entry.rule)' without a reason")
            #expect(
                breaches.contains { $0.file == entry.file && $0.rule == entry.rule },
                "\(entry.file) keeps '\(entry.rule)' by now: take it off the list")
        }
    }
}
