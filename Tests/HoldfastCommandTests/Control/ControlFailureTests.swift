import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

/// What happens where the other side is not there, is somebody else, or means harm.
@Suite(.serialized) struct ControlFailureTests {
    private static let hostile = "a\u{1B}[2J\u{1B}]0;owned\u{7}\u{9B}31m\r\nholdfast: fine\u{202E}b"

    private func rig(_ base: String, width: Int? = nil) -> CommandRig {
        var random = SystemRandomNumberGenerator()
        let token = KeyText.make(kind: .operator_, id: "tester", using: &random)
        return CommandRig(environment: ["HOLDFAST_CONTROL": base, "HOLDFAST_TOKEN": token], width: width)
    }

    private func isHarmless(_ text: String) -> Bool {
        !text.unicodeScalars.contains { PlainText.isUnsafe($0) && $0 != "\n" }
    }

    @Test func nobodyThereIsSaidWithItsMendAndItsCode() async throws {
        let told = try await rig("http://127.0.0.1:1").run("status")
        #expect(told.status == .unavailable && told.status.rawValue == 69 && told.output == "")
        #expect(told.errors.hasPrefix("holdfast: http://127.0.0.1:1 does not answer: "))
        #expect(told.errors.contains("\n  mend: check the address"))
    }

    @Test(arguments: [
        "not HTTP at all\n", "", "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{",
        CannedServer.response("200 OK", type: "text/html", body: "<html><body>Welcome</body></html>"),
        CannedServer.response("200 OK", type: "application/json", body: "[1,2"),
        CannedServer.response("200 OK", type: "application/json", body: "{}"),
        CannedServer.response("502 Bad Gateway", type: "text/html", body: "<h1>502</h1>"),
        CannedServer.response("302 Found", type: "text/html", body: "", headers: "location: http://127.0.0.1:1/\r\n"),
    ])
    func whoeverIsNoManagementPlaneIsNotTakenForOne(answer: String) async throws {
        try await CannedServer.run(answer) { base in
            for command in [
                ["status"], ["config", "list"], ["overrides", "list", "--json"], ["audit", "tail"], ["tokens", "list"],
                ["drain", "--provider", "a", "--reason", "b", "--for", "1h"],
            ] {
                let told = try await rig(base).run(command)
                #expect(told.status == .unavailable, "\(command) \(told)")
                #expect(told.output == "" && told.errors.contains("  mend: "), "\(told)")
            }
        }
    }

    @Test func whatAServerSaysDrivesNoTerminal() async throws {
        var problem = ProblemView("x", Self.hostile, status: 422, detail: Self.hostile, mend: Self.hostile)
        problem.fields = [.init(field: Self.hostile, message: Self.hostile, mend: Self.hostile)]
        for fields in [problem.fields, nil] {
            problem.fields = fields
            let refusal = CannedServer.response(
                "422 Unprocessable Content", type: ProblemView.mediaType,
                body: String(decoding: APICoding.encode(problem), as: UTF8.self))
            try await CannedServer.run(refusal) { base in
                let told = try await rig(base, width: 60).run("status")
                #expect(told.status == .invalid && isHarmless(told.errors) && told.errors.contains("\\u001b"))
                #expect(!told.errors.contains("\nholdfast: fine"))
            }
        }
        var effect = OverrideEffectView(kind: "drain")
        effect.provider = Self.hostile
        let view = OverrideView(
            id: Self.hostile, effect: effect, author: Self.hostile, reason: Self.hostile, createdAt: .min,
            expiresAt: .max)
        let body = APICoding.encode(Page(items: [view], next: nil))
        let answer = CannedServer.response(
            "200 OK", type: "application/json", body: String(decoding: body, as: UTF8.self))
        try await CannedServer.run(answer) { base in
            for width in [nil, 40, 80, 200] {
                let told = try await rig(base, width: width).run("overrides", "list", "--all")
                #expect(told.status == .success && isHarmless(told.output), "\(told)")
            }
            let told = try await rig(base).run("overrides", "list", "--all", "--json")
            #expect(isHarmless(told.output))
            #expect(try told.view(Page<OverrideView>.self).items == [view], "it still means the same")
        }
    }

    @Test func aDocumentIsExactInAPipeAndHarmlessOnATerminal() async throws {
        let document = "a: 1\n# \(Self.hostile)\n"
        let view = GenerationView(
            number: 1, madeAt: "2027-03-31T12:00:00.000Z", author: "a", reason: "b", name: "c", overrides: [],
            document: document)
        let answer = CannedServer.response(
            "200 OK", type: "application/json", body: String(decoding: APICoding.encode(view), as: UTF8.self))
        try await CannedServer.run(answer) { base in
            #expect(try await rig(base).run("config", "show", "1", "--document").output == document)
            for command in [["config", "show", "1", "--document"], ["config", "show", "1"]] {
                let shown = try await rig(base, width: 80).run(command)
                #expect(isHarmless(shown.output))
            }
        }
    }

    @Test func aServerThatPagesForEverIsLeftAtTheBound() async throws {
        let view = GenerationView(
            number: 1, madeAt: "2027-03-31T12:00:00.000Z", author: "a", reason: "b", name: "c", overrides: [],
            document: nil)
        for (items, count) in [([view], 7), ([], 0)] {
            let body = APICoding.encode(Page(items: items, next: "1"))
            let answer = CannedServer.response(
                "200 OK", type: "application/json", body: String(decoding: body, as: UTF8.self))
            try await CannedServer.run(answer) { base in
                let told = try await rig(base).run("config", "list", "--most", "7", "--json")
                #expect(try told.view(Page<GenerationView>.self).items.count == count)
            }
        }
    }

    @Test func codesTellRefusalsApart() {
        let codes: [(Int, HoldfastAPI.ExitStatus)] = [
            (400, .invalid), (401, .noPermission), (403, .noPermission), (404, .failure), (409, .failure),
            (412, .failure), (422, .invalid), (429, .unavailable), (500, .unavailable), (503, .unavailable),
        ]
        for (status, code) in codes {
            let failure = ControlFailure.refused(ProblemView("a", "b", status: status, detail: "c", mend: "d"))
            #expect(failure.exitStatus() == code, "\(status)")
        }
        #expect(HoldfastAPI.ExitStatus.noPermission.rawValue == 77 && HoldfastAPI.ExitStatus.invalid.rawValue == 65)
        var busy = ProblemView("busy", "b", status: 503, detail: "too many", mend: "wait")
        busy.retryAfter = 4
        busy.instance = "the-id"
        let text = ControlFailure.refused(busy).report.text(Renderer(usesColor: false))
        #expect(text == "holdfast: too many\n  mend: wait\n  again in: 4 s\n  request: the-id\n")
    }
}
