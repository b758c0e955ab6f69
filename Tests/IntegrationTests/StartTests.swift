import Foundation
import Glibc
import Testing

/// What `holdfast gateway` says and how it ends where it cannot start.
@Suite struct StartTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        /// `LINE:COLUMN: PATH:` of the problem.
        var place: String
        /// In its message or its mend.
        var words: String

        var testDescription: String { name }
    }

    private static let providers = "providers:\n  p: {base_url: \"http://127.0.0.1:9/v1\", network: private}\n"
    private static let routes = "routes:\n  a: {candidates: [p/m]}\n"

    static let mistakes = [
        Mistake(name: "no YAML", text: "version: 1\nproviders: [", place: "3:1: ", words: "not YAML"),
        Mistake(name: "empty", text: "", place: "1:1: ", words: "version"),
        Mistake(
            name: "another version", text: "version: 2\n" + providers + routes, place: "1:10: version:", words: "1"),
        Mistake(
            name: "unknown key", text: "version: 1\ngatway: {}\n" + providers + routes, place: "2:1: ",
            words: "gateway"),
        Mistake(
            name: "missing key", text: "version: 1\nproviders:\n  p: {network: private}\n" + routes,
            place: "3:", words: "base_url"),
        Mistake(
            name: "duplicate key", text: "version: 1\nversion: 1\n" + providers + routes, place: "2:1: ",
            words: "version"),
        Mistake(
            name: "wrong type", text: "version: 1\ngateway: {event_loops: many}\n" + providers + routes,
            place: "2:24: gateway.event_loops:", words: "many"),
        Mistake(
            name: "duration without a unit", text: "version: 1\ngateway: {drain: 30}\n" + providers + routes,
            place: "2:18: gateway.drain:", words: "10s"),
        Mistake(
            name: "size out of range",
            text: "version: 1\ngateway: {limits: {body: 3GiB}}\n" + providers + routes,
            place: "2:26: gateway.limits.body:", words: "1GiB"),
        Mistake(
            name: "no address", text: "version: 1\ngateway: {listen: 8080}\n" + providers + routes,
            place: "2:19: gateway.listen:", words: "127.0.0.1:8080"),
        Mistake(
            name: "base URL in clear",
            text: "version: 1\nproviders:\n  p: {base_url: \"http://models.example/v1\"}\n" + routes,
            place: "3:17: providers.p.base_url:", words: "network: private"),
        Mistake(
            name: "dialect of a later version",
            text: "version: 1\nproviders:\n  p: {dialect: anthropic, base_url: \"https://127.0.0.1:9/v1\"}\n" + routes,
            place: "3:16: providers.p.dialect:", words: "openai"),
        Mistake(
            name: "unknown provider", text: "version: 1\n" + providers + "routes:\n  a: {candidates: [q/m]}\n",
            place: "5:20: routes.a.candidates", words: "q"),
        Mistake(
            name: "unset variable",
            text:
                "version: 1\nproviders:\n  p: {base_url: \"https://models.example/v1\", api_key: \"${NO_SUCH_KEY}\"}\n"
                + routes, place: "3:55: providers.p.api_key:", words: "NO_SUCH_KEY"),
        Mistake(
            name: "missing key file",
            text: "version: 1\nproviders:\n  p: {base_url: \"https://models.example/v1\", api_key: \"file:no.key\"}\n"
                + routes, place: "3:55: providers.p.api_key:", words: "no.key"),
        Mistake(
            name: "open to the network", text: "version: 1\ngateway: {listen: \"0.0.0.0:0\"}\n" + providers + routes,
            place: "2:", words: "keys"),
        Mistake(
            name: "key of an unknown workload",
            text: "version: 1\n" + providers + routes
                + "keys:\n  - {id: k, hash: \"sha256:\(String(repeating: "0", count: 64))\", workload: w}\n",
            place: "7:", words: "workload"),
        Mistake(
            name: "no digest",
            text: "version: 1\n" + providers + routes
                + "workloads:\n  w: {}\nkeys:\n  - {id: k, hash: secret, workload: w}\n",
            place: "9:", words: "sha256:"),
    ]

    @Test(arguments: mistakes)
    func aMistakeIsNamedWithItsPlaceAndItsMend(mistake: Mistake) async throws {
        try await Place.with { place in
            try place.write("c.yaml", mistake.text)
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml", "--ready-file", "ready"])
            #expect(code == 78, "\(program.told)")
            #expect(program.log.contains("c.yaml:\(mistake.place)"), "\(program.log)")
            #expect(program.log.contains(mistake.words), "\(program.log)")
            #expect(program.log.contains("\n  mend: "), "\(program.log)")
            #expect(place.read("ready") == "")
        }
    }

    @Test func aFileThatCannotBeReadIsNoInput() async throws {
        try await Place.with { place in
            for (path, words) in [("none.yaml", "does not exist"), (".", "is not a regular file")] {
                let (code, program) = try await place.run(["gateway", "--config", path])
                #expect(code == 66, "\(program.told)")
                #expect(program.log.contains(words) && program.log.contains("mend: "), "\(program.log)")
            }
        }
    }

    /// Permissions say nothing to a superuser.
    @Test(.enabled(if: geteuid() != 0, "a superuser may read every file"))
    func aFileOfSomebodyElseIsNoInput() async throws {
        try await Place.with { place in
            let path = try place.write("c.yaml", Document(providers: [("primary", "127.0.0.1:9")]).text)
            chmod(path, 0)
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml"])
            #expect(code == 66, "\(program.told)")
            #expect(program.log.contains("must not be read by this user"))
        }
    }

    @Test(.enabled(if: geteuid() != 0, "a superuser may read every file"))
    func aKeyFileOfSomebodyElseIsNamed() async throws {
        try await Place.with { place in
            chmod(try place.write("p.key", "secret\n"), 0)
            try place.write(
                "c.yaml",
                "version: 1\nproviders:\n  p: {base_url: \"https://models.example/v1\", api_key: \"file:p.key\"}\n"
                    + Self.routes)
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml"])
            #expect(code == 78, "\(program.told)")
            #expect(program.log.contains("p.key") && program.log.contains("must not be read by this user"))
        }
    }

    /// A folder stands where the key should: true for every user.
    @Test func aKeyThatCannotBeReadIsNamed() async throws {
        try await Place.with { place in
            try place.write(
                "c.yaml",
                "version: 1\nproviders:\n  p: {base_url: \"https://models.example/v1\", api_key: \"file:.\"}\n"
                    + Self.routes)
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml"])
            #expect(code == 78, "\(program.told)")
            #expect(program.log.contains("c.yaml:3:55: providers.p.api_key:"), "\(program.log)")
            #expect(program.log.contains("is not a regular file"), "\(program.log)")
        }
    }

    @Test(arguments: ["gateway.listen", "gateway.operations"])
    func aPortInUseNamesItsKey(key: String) async throws {
        try await Place.with { place in
            let taken = try TakenPort()
            var document = Document(providers: [("primary", "127.0.0.1:9")])
            if key == "gateway.listen" {
                document.listen = "127.0.0.1:\(taken.port)"
            } else {
                document.operations = "127.0.0.1:\(taken.port)"
            }
            try place.write("c.yaml", document.text)
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml"])
            #expect(code == 69, "\(program.told)")
            #expect(program.log.contains("127.0.0.1:\(taken.port): the port is in use"), "\(program.log)")
            #expect(program.log.contains("mend: free it, or set \(key)"), "\(program.log)")
            withExtendedLifetime(taken) {}
        }
    }

    @Test func aPortInUseEndsAPracticeProvider() async throws {
        try await Place.with { place in
            let taken = try TakenPort()
            let (code, program) = try await place.run(["practice", "--listen", "127.0.0.1:\(taken.port)"])
            #expect(code == 69, "\(program.told)")
            #expect(program.log.contains("in use") && program.log.contains("mend: "), "\(program.log)")
            withExtendedLifetime(taken) {}
        }
    }

    @Test func anAccessLogThatCannotBeWrittenIsNamed() async throws {
        try await Place.with { place in
            let document = Document(providers: [("primary", "127.0.0.1:9")]).text
            try place.write("c.yaml", document.replacing("./access.log", with: "no-such-folder/access.log"))
            let (code, program) = try await place.run(["gateway", "--config", "c.yaml"])
            #expect(code == 73, "\(program.told)")
            #expect(program.log.contains("no-such-folder/access.log"), "\(program.log)")
            #expect(program.log.contains("gateway.access_log"), "\(program.log)")
        }
    }

    @Test func aReadyFileThatCannotBeWrittenIsNamed() async throws {
        try await Place.with { place in
            try place.write("c.yaml", Document(providers: [("primary", "127.0.0.1:9")]).text)
            let (code, program) = try await place.run(
                ["gateway", "--config", "c.yaml", "--ready-file", "no-such-folder/ready"])
            #expect(code == 73, "\(program.told)")
            #expect(program.log.contains("no-such-folder/ready") && program.log.contains("mend: "), "\(program.log)")
        }
    }
}
