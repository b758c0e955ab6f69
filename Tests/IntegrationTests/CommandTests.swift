import Foundation
import Testing

/// The commands that end by themselves.
@Suite struct CommandTests {
    private static let commands = [
        [], ["up"], ["gateway"], ["practice"], ["check"], ["schema"], ["keys"], ["keys", "create"], ["version"],
        ["restore"],
        ["control"], ["status"], ["gateways"], ["top"], ["console"], ["rollback"],
        ["rollout"], ["rollout", "show"], ["rollout", "release"], ["rollout", "return"], ["drain"], ["restrict"],
        ["pin"], ["shed"],
        ["cap"], ["price"], ["config"], ["config", "list"], ["config", "show"], ["config", "diff"],
        ["config", "publish"], ["overrides"], ["overrides", "list"], ["overrides", "show"], ["overrides", "clear"],
        ["tokens"], ["tokens", "list"], ["tokens", "create"], ["tokens", "revoke"], ["audit"], ["audit", "verify"],
        ["audit", "tail"], ["audit", "export"], ["exchanges"], ["exchanges", "list"], ["exchanges", "show"],
    ]

    @Test(arguments: commands)
    func helpIsThereForEachCommand(command: [String]) async throws {
        try await Place.with { place in
            let (code, program) = try await place.run(command + ["--help"])
            #expect(code == 0, "\(program.told)")
            #expect(program.output.contains("USAGE: holdfast"))
            #expect(command == ["keys"] || program.output.contains("EXAMPLE"), "\(program.output)")
            #expect(program.log == "")
        }
    }

    @Test(arguments: [["--no-such-option"], ["no-such-command"], ["check", "--config"], ["keys", "create"]])
    func aWrongCommandLineIsUsage(arguments: [String]) async throws {
        try await Place.with { place in
            let (code, program) = try await place.run(arguments)
            #expect(code == 64, "\(program.told)")
            #expect(program.log.contains("Usage:"))
        }
    }

    @Test func versionsAgree() async throws {
        try await Place.with { place in
            let text = try await place.run(["version"])
            let json = try await place.run(["version", "--json"])
            let option = try await place.run(["--version"])
            #expect([text.code, json.code, option.code] == [0, 0, 0])
            let document = try JSON(parsing: json.program.output)
            let version = try #require(document["version"].string)
            #expect(text.program.output == "holdfast \(version)\n")
            #expect(option.program.output == "\(version)\n")
        }
    }

    @Test func theSchemaIsJSONAndItsPageIsThere() async throws {
        try await Place.with { place in
            let schema = try await place.run(["schema"])
            #expect(schema.code == 0)
            let document = try JSON(parsing: schema.program.output)
            #expect(document["$schema"].string?.contains("json-schema.org") == true)
            #expect(document["properties"]["routes"] != .null)
            let page = try await place.run(["schema", "--markdown"])
            #expect(page.code == 0)
            #expect(page.program.output.contains("`access_log`"))
        }
    }

    @Test func checkShowsTheRoutesOfAGoodFile() async throws {
        try await Place.with { place in
            let document = Document(providers: [("primary", "127.0.0.1:9"), ("secondary", "127.0.0.1:10")])
            try place.write("holdfast.yaml", document.text)
            // No --config: the file of the working folder.
            let text = try await place.run(["check"])
            #expect(text.code == 0, "\(text.program.told)")
            #expect(text.program.output.contains("holdfast.yaml is valid: 1 route, 2 deployments, 2 providers"))
            #expect(text.program.output.contains("primary/practice-large"))
            let json = try JSON(parsing: try await place.run(["check", "--json"]).program.output)
            #expect(json["valid"].bool == true)
            let candidates = json["routes"][0]["candidates"].array.compactMap { $0["deployment"].string }
            #expect(candidates == ["primary/practice-large", "secondary/practice-large"])
        }
    }

    @Test func checkNamesEveryProblemOfABadFile() async throws {
        try await Place.with { place in
            try place.write(
                "bad.yaml",
                """
                version: 1
                gateway:
                  listen: 127.0.0.1:99999
                providers:
                  primary: {base_url: "http://127.0.0.1:9/v1", network: private}
                routes:
                  assistant: {candidates: [primry/practice-large], strateggy: ordered}

                """)
            let text = try await place.run(["check", "--config", "bad.yaml"])
            #expect(text.code == 78)
            for place in ["bad.yaml:3:11: gateway.listen:", "bad.yaml:7:", "routes.assistant", "strateggy", "mend: "] {
                #expect(text.program.output.contains(place), "\(place) in \(text.program.output)")
            }
            let json = try await place.run(["check", "--config", "bad.yaml", "--json"])
            #expect(json.code == 78)
            let document = try JSON(parsing: json.program.output)
            #expect(document["valid"].bool == false)
            #expect(document["problems"].array.count == 3, "\(document)")
            for problem in document["problems"].array {
                #expect(problem["line"].int ?? 0 > 0)
                #expect(problem["mend"].string?.isEmpty == false)
            }
        }
    }

    @Test func checkTellsAMissingFileFromABadOne() async throws {
        try await Place.with { place in
            let text = try await place.run(["check"])
            #expect(text.code == 66, "\(text.program.told)")
            #expect(text.program.output.contains("does not exist"))
            let json = try await place.run(["check", "--json"])
            #expect(json.code == 66)
            #expect(try JSON(parsing: json.program.output)["valid"].bool == false)
        }
    }

    @Test func aNewKeyOpensTheGatewayAndNothingElseDoes() async throws {
        try await Place.with { place in
            let made = try await place.run(["keys", "create", "--id", "triage-app", "--workload", "triage", "--json"])
            #expect(made.code == 0)
            let key = try JSON(parsing: made.program.output)
            let text = try #require(key["key"].string)
            let other = String(text.dropLast()) + (text.hasSuffix("x") ? "y" : "x")
            let line = try #require(key["configuration_line"].string)
            #expect(!line.contains(text))
            let practice = try await place.practice("primary")
            var document = Document(providers: [("primary", practice.address)])
            document.more = "workloads:\n  triage: {criticality: critical}\nkeys:\n  \(line)\n"
            let gateway = try await place.gateway(document.text)
            for (headers, status) in [
                (["authorization: Bearer \(text)"], 200), (["x-api-key: \(text)"], 200), ([], 401),
                (["authorization: Bearer sk-wrong-shape"], 401), (["authorization: Basic dTpw"], 401),
                (["authorization: Bearer \(other)"], 401), (["x-api-key: "], 401),
            ] {
                let reply = try await chat(gateway.address, headers: headers)
                #expect(reply.status == status, "\(headers): \(reply.text)")
                if status == 401 {
                    #expect(try reply.json["error"]["code"].string == "invalid_api_key")
                    #expect(reply["x-should-retry"] == "false")
                }
            }
            #expect(!gateway.program.log.contains(text))
            let used = try await place.run(["keys", "create", "--id", "Triage App", "--workload", "triage"])
            #expect(used.code == 64)
            #expect(used.program.log.contains("mend: "))
        }
    }
}
