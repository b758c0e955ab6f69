import Testing

@testable import HoldfastCore

@Suite struct ConfigurationReferencesTests {
    private let references = ConfigurationReferences(
        environment: { ["NAME": "value", "EMPTY": "", "NESTED": "${NAME}", "FILE": "file:key", "DIR": "folder"][$0] },
        file: { path in
            switch path {
            case "key": .text("secret\n", path: "/etc/key", isReadableByOthers: true)
            case "folder/two": .text("two\n\n", path: "/etc/two", isReadableByOthers: false)
            case "windows": .text("secret\r\n", path: "/etc/windows", isReadableByOthers: false)
            case "blank": .text("\n", path: "/etc/blank", isReadableByOthers: false)
            default: .failed(reason: "does not exist", mend: "create it")
            }
        })

    private func resolve(_ text: String) -> (scalar: ConfigurationNode.Scalar?, problems: [ConfigurationProblem]) {
        let findings = ConfigurationFindings()
        let position = ConfigurationNode.Position(line: 3, column: 5)
        let node = ConfigurationNode(position: position, value: .scalar(.init(text, isPlain: true)))
        let resolved = references.resolve(node, path: "a.b", findings: findings)
        guard case .scalar(let scalar) = resolved.value else { return (nil, findings.sortedProblems) }
        return (scalar, findings.sortedProblems)
    }

    @Test(arguments: [
        ("${NAME}", "value"), ("a-${NAME}-b-${NAME}", "a-value-b-value"), ("$${NAME}", "${NAME}"), ("$NAME", "$NAME"),
        ("cost: 5$", "cost: 5$"), ("$$", "$$"), ("${NESTED}", "${NAME}"), ("${FILE}", "file:key"),
        ("file:key", "secret"),
        ("file:${DIR}/two", "two\n"), ("file:windows", "secret"), ("a file:key", "a file:key"), ("", ""),
    ])
    func references(text: String, expected: String) {
        let (scalar, problems) = resolve(text)
        #expect(scalar?.text == expected)
        #expect(scalar?.written == text)
        #expect(problems.isEmpty)
    }

    @Test(arguments: [
        ("${MISSING}", "MISSING is not set"), ("${EMPTY}", "EMPTY is empty"), ("${NAME", "no closing"),
        ("${}", "not the name"), ("${1A}", "not the name"), ("${NAME:-x}", "not the name"), ("${a b}", "not the name"),
        ("file:", "names no file"), ("file:nowhere", "'nowhere' does not exist"), ("file:blank", "'blank' is empty"),
    ])
    func whatCannotBeReadIsNamed(text: String, fragment: String) throws {
        let (scalar, problems) = resolve(text)
        #expect(scalar?.isUnresolved == true)
        let problem = try #require(problems.first)
        #expect(problems.count == 1)
        #expect((problem.line, problem.column, problem.path) == (3, 5, "a.b"))
        #expect(problem.message.contains(fragment), "\(problem.message)")
        #expect(!problem.mend.isEmpty)
    }

    @Test func theOriginIsKept() {
        #expect(resolve("file:key").scalar?.origin == .file(path: "/etc/key", isReadableByOthers: true))
        #expect(resolve("x${NAME}").scalar?.origin == .environment)
        #expect(resolve("$${NAME}").scalar?.origin == .document)
    }
}
