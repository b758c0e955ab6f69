import Testing

/// Each rule against texts it must and must not find.
@Suite struct RuleTests {
    @Test(arguments: Bans.all.map(\.name))
    func aBanFindsWhatItForbidsAndNothingElse(name: String) throws {
        let ban = try #require(Bans.all.first { $0.name == name })
        #expect(!ban.fires.isEmpty && !ban.allows.isEmpty && !ban.instead.isEmpty)
        let path =
            switch ban.scope {
            case .tests: "Tests/CoreTests/Sample.swift"
            default: "Sources/HoldfastCore/Sample.swift"
            }
        for text in ban.fires {
            #expect(!ban.breaches(in: file(path, text)).isEmpty, "'\(text)' passes the ban '\(name)'")
        }
        for text in ban.allows {
            #expect(ban.breaches(in: file(path, text)).isEmpty, "'\(text)' trips the ban '\(name)'")
        }
    }

    @Test func bansHaveDifferentNames() {
        #expect(Set(Bans.all.map(\.name)).count == Bans.all.count)
    }

    @Test func homesAndOtherScopesAreLeftAlone() throws {
        let clock = try #require(Bans.all.first { $0.name == "clock" })
        #expect(clock.breaches(in: file("Sources/HoldfastGateway/MonotonicClock.swift", "Date()")).isEmpty)
        #expect(clock.breaches(in: file("Tests/CoreTests/A.swift", "Date()")).isEmpty)
        let words = try #require(Bans.all.first { $0.name == "unfinished" })
        #expect(words.breaches(in: file("Docs/a.md", "a\nTODO: write")).map(\.line) == [2])
    }

    @Test(arguments: [
        ("Sources/HoldfastCore/A.swift", "import Foundation"),
        ("Sources/HoldfastCore/A.swift", "package import HoldfastWire"),
        ("Sources/HoldfastGateway/A.swift", "import HoldfastControl"),
        ("Sources/HoldfastGateway/A.swift", "import struct AsyncHTTPClient.HTTPClient"),
        ("Sources/HoldfastWire/A.swift", "@preconcurrency import HoldfastGateway"),
        ("Sources/Unknown/A.swift", ""),
    ])
    func anArrowTheWrongWayIsFound(path: String, text: String) {
        #expect(Arrows.breaches(in: file(path, text)).count == 1)
    }

    @Test(arguments: [
        ("Sources/HoldfastGateway/A.swift", "package import HoldfastCore\nimport NIOCore"),
        ("Sources/holdfast/A.swift", "import HoldfastGateway"),
        ("Sources/HoldfastCore/A.swift", "// import Foundation"),
        ("Tests/HoldfastCoreTests/A.swift", "import Foundation"),
    ])
    func anArrowTheRightWayPasses(path: String, text: String) {
        #expect(Arrows.breaches(in: file(path, text)).isEmpty)
    }

    @Test func aLongFileAndALongFunctionAreFound() {
        let long = String(repeating: "    work()\n", count: Bounds.functionLines + 1)
        let just = String(repeating: "    work()\n", count: Bounds.functionLines)
        for head in [
            "func a<T>(\n  b: Int\n) async throws -> T\nwhere T: B {", "init?(a: [Int] = [1]) {", "var a: Int {",
        ] {
            let found = Bounds.breaches(in: file("Sources/A/A.swift", "// first\n\(head)\n\(long)}\n"))
            #expect(found.map(\.rule) == [Bounds.functionRule] && found.first?.line == 2, "\(head)")
            #expect(Bounds.breaches(in: file("Sources/A/A.swift", "\(head)\n\(just)}\n")).isEmpty, "\(head)")
        }
        let lines = String(repeating: "\n", count: Bounds.fileLines + 1)
        #expect(Bounds.breaches(in: file("Sources/A/A.swift", lines)).map(\.rule) == [Bounds.fileRule])
        #expect(Bounds.breaches(in: file("Sources/A/A.swift", String(lines.dropLast()))).isEmpty)
    }

    @Test func whatIsNoBodyIsNotMeasured() {
        let requirement = "protocol A {\n  func a() -> Int\n  var b: Int { get }\n}\nstruct B {\n"
        let stored = "  var c = { () in\n"
        let text =
            requirement + String(repeating: "  // \n", count: 80) + stored + String(repeating: "\n", count: 80) + "}}"
        #expect(Bounds.breaches(in: file("Sources/A/A.swift", text)).isEmpty)
    }

    @Test(arguments: [
        ("let a = \"try! b\"", "try!", false),
        ("let a = \"\\(try! b())\"", "try!", true),
        ("let a = #\"\\(try! b)\"#", "try!", false),
        ("let a = \"\"\"\n try! \"quoted\"\n\"\"\"\ntry! b()", "try! b", true),
        ("/* a /* try! */ try! */ c()", "try!", false),
        ("/* a */ try! c()", "try!", true),
        ("let a = \"\\\"\"; try! b()", "try!", true),
        ("// try!", "try!", false),
    ])
    func onlyCodeIsCode(text: String, needle: String, isCode: Bool) {
        #expect(SwiftText(text).code.contains(needle) == isCode, "\(SwiftText(text).code)")
        #expect(SwiftText(text).code.utf8.count == text.utf8.count)
    }

    private func file(_ path: String, _ text: String) -> SourceFile {
        SourceFile(path: path, text: SwiftText(text))
    }
}
