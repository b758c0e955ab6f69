import HoldfastAPI
import HoldfastCore
import Testing

@Suite("Issued keys") struct IssuedKeyTests {
    private static let document = """
        version: 1
        providers: {local: {base_url: "http://127.0.0.1:9/v1", network: private}}
        routes: {assistant: {candidates: [local/qwen]}}
        workloads: {triage: {}, nightly: {}}
        """
    private static let written = "\nkeys: [{id: old, hash: \"\(ClientKeyHash.of("old"))\", workload: nightly}]\n"

    private func snapshot(_ text: String, _ issued: [IssuedKeyDigest]?) throws -> Snapshot {
        try ConfigurationFile.compile(
            text: text, name: "holdfast.yaml", directory: ".", environment: [:],
            issued: issued?.compactMap(\.issuedKey)
        ).snapshot
    }

    private func key(_ id: String, _ workload: String) -> IssuedKeyDigest {
        IssuedKeyDigest(id: id, hash: ClientKeyHash.of(id), workload: workload)
    }

    @Test("They stand beside those of the document, each with its workload")
    func beside() throws {
        let found = try snapshot(Self.document + Self.written, [key("app", "triage")])
        #expect(found.keys.map(\.id) == ["old", "app"])
        #expect(found.keys.map { found.workloads[$0.workload].id } == ["nightly", "triage"])
        #expect(found.keys[1].digest == ClientKeyHash.digest(ClientKeyHash.of("app")))
    }

    @Test("Once one was issued nobody goes without a key, also when all have ended")
    func access() throws {
        #expect(try !snapshot(Self.document, nil).asksForKeys)
        #expect(try snapshot(Self.document, []).asksForKeys)
        #expect(try snapshot(Self.document, [key("app", "gone")]).asksForKeys)
        #expect(try snapshot(Self.document + Self.written, nil).asksForKeys)
    }

    @Test("One without its workload, or whose id the document gives to another, is left out")
    func leftOut() throws {
        let found = try snapshot(Self.document + Self.written, [key("app", "gone"), key("old", "triage")])
        #expect(found.keys.map(\.id) == ["old"])
        #expect(found.workloads[found.keys[0].workload].id == "nightly")
    }

    @Test("A listener that others reach may have its keys from the management plane")
    func exposure() throws {
        let text =
            "gateway: {listen: \"0.0.0.0:8080\", operations: \"127.0.0.1:8081\", behind_tls_proxy: true}\n"
            + Self.document
        #expect(throws: ConfigurationProblems.self) { try snapshot(text, nil) }
        #expect(try snapshot(text, []).keys.isEmpty)
    }

    @Test(
        "What is no digest is none",
        arguments: ["", "sha256:", "sha256:00", "sha256:\(String(repeating: "0", count: 63))g", "md5:00"])
    func digest(_ text: String) {
        #expect(ClientKeyHash.digest(text) == nil)
    }
}
