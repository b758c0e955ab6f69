import HoldfastCore
import Testing

@testable import HoldfastAPI

/// One document for each kind of mistake, and where and how it is reported.
@Suite struct ConfigurationMistakeTests {
    struct Mistake: CustomTestStringConvertible {
        var text: String
        var line: Int
        var column: Int
        var path: String
        var fragment: String
        var testDescription: String { "\(path) \(fragment)" }

        init(_ text: String, _ line: Int, _ column: Int, _ path: String, _ fragment: String) {
            (self.text, self.line, self.column, self.path, self.fragment) = (text, line, column, path, fragment)
        }
    }

    private func expectAlone(_ mistake: Mistake) {
        let problems = Documents.problems(mistake.text)
        let first = problems.first
        #expect(problems.count == 1, "\(problems)")
        #expect(first.map { [$0.line, $0.column] } == [mistake.line, mistake.column], "\(problems)")
        #expect(first?.path == mistake.path)
        #expect(first?.message.contains(mistake.fragment) == true, "\(problems)")
        #expect(first?.mend.isEmpty == false)
    }

    static let yaml = [
        Mistake("", 1, 1, "", "empty"),
        Mistake("# nothing\n", 1, 1, "", "empty"),
        Mistake("- version: 1\n", 1, 1, "", "the document is a list"),
        Mistake("version", 1, 1, "", "the document is a single value"),
        Mistake("version: 1\n\tgateway: x\n", 2, 1, "", "not YAML"),
        Mistake("version: 1\ngateway: {listen: 1\nroutes: x\n", 3, 7, "", "not YAML"),
        Mistake("version: 1\nproviders: a: b\n", 2, 13, "", "not YAML"),
        Mistake("version: \"1\n", 2, 1, "", "not YAML"),
        Mistake("version: 1\n\u{1}\n", 2, 1, "", "not text"),
        Mistake("version: 1\n---\nversion: 1\n", 2, 1, "", "second document"),
        Mistake("version: 1\ngateway:\n  drain: 1s\n  listen: x\n  drain: 2s\n", 5, 3, "", "'drain' is written twice"),
        Mistake("version: 1\nkeys:\n  - id: a\n    id: b\n", 4, 5, "", "'id' is written twice"),
        Mistake("version: 1\ngateway: {drain: 1s, drain: 2s}\n", 2, 11, "", "'drain' is written twice"),
        Mistake("version: &v 1\n", 1, 10, "version", "anchors"),
        Mistake("version: 1\ngateway: *g\n", 2, 10, "", "undefined alias"),
        Mistake("version: !!int 1\n", 1, 10, "version", "tags"),
        Mistake("version: 1\ngateway: !own {}\n", 2, 10, "gateway", "tags"),
        Mistake("version: 1\n? [a, b]\n: 1\n", 2, 3, "", "single plain word"),
        Mistake(
            "version: 1\nx: \(String(repeating: "[", count: 20))\(String(repeating: "]", count: 20))\n", 2, 20,
            "x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", "nested"),
    ]

    @Test(arguments: yaml)
    func whatIsNotOurYAML(mistake: Mistake) {
        expectAlone(mistake)
    }

    /// Each is the smallest document with some lines added or replaced; lines count from its start.
    static let sections = [
        Mistake(
            "providers: {p: {base_url: https://h}}\nroutes: {r: {candidates: [p/m]}}", 1, 1, "version",
            "version is missing"),
        Mistake(with("version: 2"), 1, 10, "version", "'2' is not known"),
        Mistake(with("version: 1.0"), 1, 10, "version", "'1.0' is not known"),
        Mistake(with("version:"), 1, 1, "version", "has no value"),
        Mistake("version: 1\nroutes: {}\nproviders: {p: {base_url: https://h}}", 2, 1, "routes", "there is no route"),
        Mistake("version: 1\nproviders: {p: {base_url: https://h}}", 1, 1, "routes", "routes is missing"),
        Mistake(add("gatway: {}"), 6, 1, "gatway", "did you mean gateway?"),
        Mistake(add("gateway: {limits: {bodyy: 1MiB}}"), 6, 20, "gateway.limits.bodyy", "did you mean body?"),
        Mistake(add("gateway: {<<: x}"), 6, 11, "gateway.\"<<\"", "not a key"),
        Mistake(add("gateway: []"), 6, 1, "gateway", "this is a list"),
        Mistake(add("gateway:"), 6, 1, "gateway", "has no value"),
        Mistake(add("gateway: {drain: {}}"), 6, 11, "gateway.drain", "this is a mapping"),
        Mistake(add("gateway: {drain: ~}"), 6, 11, "gateway.drain", "has no value"),
        Mistake(add("gateway: {drain: 10}"), 6, 18, "gateway.drain", "'10' is not a duration"),
        Mistake(add("gateway: {drain: 2h}"), 6, 18, "gateway.drain", "out of bounds"),
        Mistake(add("gateway: {behind_tls_proxy: yes}"), 6, 29, "gateway.behind_tls_proxy", "neither true nor false"),
        Mistake(add("gateway: {event_loops: 0x10}"), 6, 24, "gateway.event_loops", "whole number"),
        Mistake(add("gateway: {limits: {pipelined: 1e3}}"), 6, 31, "gateway.limits.pipelined", "whole number"),
        Mistake(add("gateway: {limits: {pipelined: 010}}"), 6, 31, "gateway.limits.pipelined", "whole number"),
        Mistake(add("gateway: {limits: {body: 10MB}}"), 6, 26, "gateway.limits.body", "'10MB' is not a size"),
        Mistake(add("gateway: {access_log: yes}"), 6, 23, "gateway.access_log", "neither stdout"),
        Mistake(add("gateway: {listen: 8080}"), 6, 19, "gateway.listen", "names no port"),
        Mistake(
            add("gateway: {listen: 127.0.0.1:9, operations: 127.0.0.1:9}"), 6, 44, "gateway.operations",
            "cannot both listen"),
        Mistake(add("gateway: {listen: 127.0.0.1:8081}"), 6, 19, "gateway.listen", "cannot both listen"),
        Mistake(add("gateway: {operations: 0.0.0.0:8080}"), 6, 23, "gateway.operations", "cannot both listen"),
        Mistake(add("control: {listen: 127.0.0.1:8080}"), 6, 19, "control.listen", "cannot both listen"),
        Mistake(add("control: {hosts: [\"a.example:8090\"]}"), 6, 19, "control.hosts[0]", "neither a host name"),
        Mistake(add("control: {hosts: [\"https://a.example\"]}"), 6, 19, "control.hosts[0]", "is not a host"),
        Mistake(add("control: {hosts: [10.0.0.05]}"), 6, 19, "control.hosts[0]", "neither a host name"),
        Mistake(
            add("gateway: {listen: 0.0.0.0:1, behind_tls_proxy: true}"), 6, 19, "gateway.listen", "there are no keys"),
        Mistake(
            add(
                "gateway: {listen: 0.0.0.0:1}\nworkloads: {w: {}}\nkeys: [{id: k, hash: \"\(Documents.digest)\", workload: w}]"
            ), 6, 19, "gateway.listen", "without TLS"),
        Mistake(
            add("gateway: {tls: {certificate: \"-----BEGIN CERTIFICATE-----\"}}"), 6, 11, "gateway.tls.key",
            "key is missing"),
        Mistake(
            add("gateway: {tls: {certificate: x, key: \"-----BEGIN PRIVATE KEY-----\"}}"), 6, 30,
            "gateway.tls.certificate", "not PEM"),
    ]

    @Test(arguments: sections)
    func inTheDocumentAndTheGateway(mistake: Mistake) {
        expectAlone(mistake)
    }

    static let providers = [
        Mistake(provider("region: us"), 3, 3, "providers.p.base_url", "base_url is missing"),
        Mistake(provider("base_url: http://h/v1"), 3, 17, "providers.p.base_url", "plain http"),
        Mistake(provider("base_url: https://10.0.0.1"), 3, 17, "providers.p.base_url", "private address"),
        Mistake(provider("base_url: http://0x7f.1, network: private"), 3, 17, "providers.p.base_url", "unusual way"),
        Mistake(provider("base_url: https://u:p@h"), 3, 17, "providers.p.base_url", "user name"),
        Mistake(provider("base_url: https://h?k=v"), 3, 17, "providers.p.base_url", "query"),
        Mistake(provider("base_url: https://h, api_key: \"\""), 3, 37, "providers.p.api_key", "key is empty"),
        Mistake(
            provider("base_url: https://h, api_key: \"${NOT_SET}\""), 3, 37, "providers.p.api_key", "NOT_SET is not set"
        ),
        Mistake(provider("base_url: https://h, api_key: file:no"), 3, 37, "providers.p.api_key", "'no' does not exist"),
        Mistake(provider("base_url: https://h, api_key: \"a\\nb\""), 3, 37, "providers.p.api_key", "line break"),
        Mistake(
            provider("base_url: https://h, dialect: anthropic"), 3, 37, "providers.p.dialect",
            "not supported by this version"),
        Mistake(provider("base_url: https://h, dialect: openia"), 3, 37, "providers.p.dialect", "did you mean openai?"),
        Mistake(provider("base_url: https://h, network: lan"), 3, 37, "providers.p.network", "not known"),
        Mistake(provider("base_url: https://h, region: \"\\e[31m\""), 3, 36, "providers.p.region", "short plain name"),
        Mistake(
            provider("base_url: https://h, pool: {connections: 0}"), 3, 48, "providers.p.pool.connections",
            "whole number"),
        Mistake(provider("base_url: https://h, baseUrl: x"), 3, 28, "providers.p.baseUrl", "did you mean base_url?"),
        Mistake(
            "version: 1\nproviders: {p: {base_url: https://h}, P: {base_url: https://h}}\nroutes: {r: {candidates: [p/m]}}",
            2, 39, "providers.P", "not an id"),
        Mistake(
            "version: 1\nproviders: [p]\nroutes: {r: {candidates: []}}\n".replacing("[]", with: "[q/m]"), 2, 12,
            "providers", "this is a list"),
        Mistake(add("deployments: {q/m: {}}"), 6, 15, "deployments.\"q/m\"", "no provider 'q'"),
        Mistake(add("deployments: {m: {}}"), 6, 15, "deployments.m", "not a deployment"),
        Mistake(
            add("deployments: {p/m: {price: {input: 1e3}}}"), 6, 36, "deployments.\"p/m\".price.input", "US dollars"),
        Mistake(
            add("deployments: {p/m: {price: {input: -1}}}"), 6, 36, "deployments.\"p/m\".price.input", "US dollars"),
        Mistake(add("deployments: {p/m: {retires: 2027-02-30}}"), 6, 30, "deployments.\"p/m\".retires", "not a date"),
        Mistake(
            add("deployments: {p/m: {replaced_by: gpt-5}}"), 6, 34, "deployments.\"p/m\".replaced_by",
            "not a deployment"),
        Mistake(
            add("deployments: {p/m: {replaced_by: q/n}}"), 6, 34, "deployments.\"p/m\".replaced_by",
            "no provider of 'q/n'"),
        Mistake(
            add("deployments: {p/m: {replaced_by: p/m}}"), 6, 34, "deployments.\"p/m\".replaced_by",
            "cannot replace itself"),
        Mistake(
            add("deployments: {p/m: {capabilities: [tool]}}"), 6, 36, "deployments.\"p/m\".capabilities[0]",
            "did you mean tools?"),
        Mistake(
            add("deployments: {p/m: {capabilities: [tools, tools]}}"), 6, 43, "deployments.\"p/m\".capabilities[1]",
            "named twice"),
    ]

    @Test(arguments: providers)
    func inProvidersAndDeployments(mistake: Mistake) {
        // A mapping that is no mapping leaves its names unknown too, which is said once for each use.
        if mistake.path == "providers", mistake.fragment.contains("list") {
            #expect(Documents.problems(mistake.text).first?.message.contains(mistake.fragment) == true)
        } else {
            expectAlone(mistake)
        }
    }

    static let routes = [
        Mistake(route("candidates: []"), 5, 19, "routes.r.candidates", "list is empty"),
        Mistake(route("delivery: stop"), 5, 3, "routes.r.candidates", "candidates is missing"),
        Mistake(route("candidates: p/m"), 5, 19, "routes.r.candidates", "single value"),
        Mistake(route("candidates: [p/m, p/m]"), 5, 25, "routes.r.candidates[1]", "named twice"),
        Mistake(route("candidates: [m]"), 5, 20, "routes.r.candidates[0]", "not a deployment"),
        Mistake(route("candidates: [q/m]"), 5, 20, "routes.r.candidates[0]", "no provider"),
        Mistake(route("candidates: [\(many)]"), 5, 19, "routes.r.candidates", "65 items"),
        Mistake(route("candidates: [p/m], strategy: fast"), 5, 36, "routes.r.strategy", "not known here"),
        Mistake(route("candidates: [p/m], weights: [1]"), 5, 35, "routes.r.weights", "mean nothing here"),
        Mistake(
            route("candidates: [p/m], strategy: weighted, weights: [1, 2]"), 5, 55, "routes.r.weights",
            "2 weights for 1 candidates"),
        Mistake(
            route("candidates: [p/m], strategy: weighted, weights: [0]"), 5, 56, "routes.r.weights[0]",
            "whole number from 1"),
        Mistake(route("candidates: [p/m], unary: stream"), 5, 33, "routes.r.unary", "not known here"),
        Mistake(route("candidates: [p/m], delivery: keep"), 5, 36, "routes.r.delivery", "not known here"),
        Mistake(
            route("candidates: [p/m], timeouts: {connect: 0s}"), 5, 46, "routes.r.timeouts.connect", "out of bounds"),
        Mistake(
            route("candidates: [p/m], timeouts: {firstToken: 1s}"), 5, 37, "routes.r.timeouts.firstToken",
            "did you mean first_token?"),
        Mistake(
            route("candidates: [p/m], retries: {attempts: 17}"), 5, 46, "routes.r.retries.attempts", "from 1 to 16"),
        Mistake(
            route("candidates: [p/m], retries: {same_deployment: 2}"), 5, 53, "routes.r.retries.same_deployment",
            "from 0 to 1"),
        Mistake(add("  a/b: {candidates: [p/m]}"), 6, 3, "routes.\"a/b\"", "not a route's name"),
        Mistake(add("workloads: {w: {routes: [q]}}"), 6, 26, "workloads.w.routes[0]", "no route 'q'"),
        Mistake(add("workloads: {w: {routes: [r, r]}}"), 6, 29, "workloads.w.routes[1]", "named twice"),
        Mistake(add("workloads: {w: {criticality: high}}"), 6, 30, "workloads.w.criticality", "not known"),
        Mistake(
            keys("{id: k, hash: \"\(Documents.digest)\", workload: v}"), 7, 107, "keys[0].workload", "no workload 'v'"),
        Mistake(keys("{id: k_1, hash: \"\(Documents.digest)\", workload: w}"), 7, 13, "keys[0].id", "not a key id"),
        Mistake(keys("{id: k, hash: \"sha256:00\", workload: w}"), 7, 22, "keys[0].hash", "not the digest"),
        Mistake(keys("{id: k, hash: hf_client_k_x, workload: w}"), 7, 22, "keys[0].hash", "this is a key"),
        Mistake(keys("{id: k, hash: \"\(Documents.digest)\"}"), 7, 8, "keys[0].workload", "workload is missing"),
        Mistake(
            keys("{id: k, hash: \"\(Documents.digest)\", workload: w, in_flight: 0}"), 7, 121, "keys[0].in_flight",
            "whole number"),
        Mistake(
            keys("{id: k, hash: \"\(Documents.digest)\", workload: w}, {id: k, hash: \"\(other)\", workload: w}"), 7,
            116,
            "keys[1].id", "'k' stands already in line 7"),
        Mistake(
            keys(
                "{id: k, hash: \"\(Documents.digest)\", workload: w}, {id: l, hash: \"\(Documents.digest)\", workload: w}"
            ), 7, 125, "keys[1].hash", "digest stands already"),
    ]

    @Test(arguments: routes)
    func inRoutesWorkloadsAndKeys(mistake: Mistake) {
        expectAlone(mistake)
    }

    @Test func aReferenceThatEndsAMappingIsExplained() {
        let text = Documents.smallest.replacing("/v1}", with: "/v1, api_key: ${NAME}}")
        let problems = Documents.problems(text)
        #expect(problems.map(\.mend) == ["quote references inside { } and [ ]: \"${NAME}\""])
    }

    @Test func allProblemsComeAtOnceInTheOrderOfTheDocument() {
        let text = """
            version: 3
            gateway: {drain: 5, nonsense: 1}
            providers:
              p: {base_url: "http://h", api_key: "${NOT_SET}"}
            routes:
              r: {candidates: [p/m, q/m], delivery: keep}
            keys:
              - {id: k, hash: x, workload: w}
            """
        #expect(
            Documents.problems(text).map { "\($0.line) \($0.path)" } == [
                "1 version", "2 gateway.drain", "2 gateway.nonsense", "4 providers.p.base_url", "4 providers.p.api_key",
                "6 routes.r.candidates[1]", "6 routes.r.delivery", "8 keys[0].hash", "8 keys[0].workload",
            ])
    }

    @Test func aReportHasABound() {
        let lines = (0..<500).map { "x\($0): 1" }.joined(separator: "\n")
        let problems = Documents.problems("\(Documents.smallest)\n\(lines)")
        #expect(problems.count == ConfigurationOutcome.longestReport + 1)
        #expect(problems.last?.message == "300 more problems from here on are not listed")
    }

    @Test func aliasesOfAliasesDoNotGrow() {
        var text = "version: 1\na0: &a0 [x, x]\n"
        for level in 1...40 {
            text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
        }
        text += "? *a40\n: 1\n"
        #expect(Documents.problems(text).map(\.message) == ["more than 16 words look like aliases"])
    }

    private static let other = "sha256:" + String(repeating: "1b", count: 32)
    private static let many = (0..<65).map { "p/m\($0)" }.joined(separator: ", ")

    private static func with(_ first: String) -> String {
        Documents.smallest.replacing("version: 1", with: first)
    }

    private static func add(_ lines: String) -> String {
        "\(Documents.smallest)\n\(lines)\n"
    }

    private static func provider(_ fields: String) -> String {
        Documents.smallest.replacing("base_url: https://example.com/v1", with: fields)
    }

    private static func route(_ fields: String) -> String {
        Documents.smallest.replacing("candidates: [p/m]", with: fields)
    }

    private static func keys(_ items: String) -> String {
        add("workloads: {w: {}}\nkeys: [\(items)]")
    }
}
