import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

@Suite struct ParsingTests {
    private static let because = ["--reason", "a", "--for", "1h"]

    @Test(arguments: [
        ["status"], ["status", "--json"], ["gateways"], ["top", "--once"], ["config", "list", "--most", "5"],
        ["config", "show"], ["config", "show", "7"], ["config", "show", "newest", "--document"], ["config", "diff"],
        ["config", "diff", "1", "newest"], ["config", "diff", "--file", "a"],
        ["config", "publish", "a", "--reason", "b", "--confirm", "--if-match", "3"],
        ["rollback", "7", "--reason", "a"],
        ["rollback", "--previous", "--reason", "a"], ["overrides", "list", "--all"], ["overrides", "show", "a"],
        ["overrides", "clear", "a", "--reason", "b"], ["drain", "--route", "a"] + because,
        ["restrict", "--vendor", "a"] + because, ["pin", "a", "b/c"] + because,
        ["shed", "--below", "standard"] + because,
        ["cap", "a/b", "--tokens-per-minute", "5"] + because, ["price", "a/b", "--output", "1"] + because,
        ["exchanges", "list", "--degraded", "--route", "a", "--end", "answered"], ["exchanges", "show", "a"],
        ["tokens", "list"], ["tokens", "create", "a", "--kind", "viewer"], ["tokens", "revoke", "a"],
        ["audit", "tail", "-f", "--lines", "3"], ["audit", "export", "a"], ["audit", "verify", "--data", "a"],
        ["audit", "verify", "--export", "a", "--key", "b"],
    ])
    func whatIsRightIsUnderstood(arguments: [String]) throws {
        let command = try Holdfast.parseAsRoot(arguments)
        #expect(type(of: command)._commandName == arguments[arguments.count > 1 && isGroup(arguments[0]) ? 1 : 0])
    }

    private func isGroup(_ name: String) -> Bool {
        ["config", "overrides", "exchanges", "tokens", "audit"].contains(name)
    }

    @Test(arguments: [
        ["config", "show", "seven"], ["config", "show", "-1"], ["config", "publish", "a"],
        ["config", "diff", "1", "2", "--file", "a"], ["config", "list", "--most", "0"], ["rollback", "--reason", "a"],
        ["rollback", "7", "--previous", "--reason", "a"], ["rollback", "7"], ["overrides", "clear", "a"],
        ["drain"] + because, ["drain", "--route", "a", "--provider", "b"] + because,
        ["drain", "--route", "a", "--reason", "b"], ["drain", "--route", "a", "--reason", "b", "--for", "soon"],
        ["drain", "--route", "a", "--reason", "b", "--for", "0s"], ["restrict"] + because, ["pin", "a"] + because,
        ["shed"] + because, ["cap", "a/b"] + because, ["price", "a/b"] + because, ["tokens", "create", "a"],
        ["tokens", "create", "a", "--kind", "automation", "--grant", "overrides.create"],
        ["audit", "export"], ["audit", "export", "-", "--json"], ["audit", "verify"],
        ["audit", "verify", "--data", "a", "--export", "b"], ["audit", "verify", "--export", "a"],
        ["status", "--token", "hf_secret"], ["exchanges", "show"], ["exchanges", "list", "--most", "0"],
    ])
    func whatIsWrongIsUsage(arguments: [String]) {
        #expect {
            _ = try Holdfast.parseAsRoot(arguments)
        } throws: { error in
            Holdfast.exitCode(for: error).rawValue == HoldfastAPI.ExitStatus.usage.rawValue
        }
    }

    @Test func noCommandTakesATokenAsAnArgument() {
        let help = Holdfast.helpMessage(for: StatusCommand.self, columns: 120)
        #expect(help.contains("--token-file") && !help.contains("--token "))
    }

    @Test(arguments: [
        "127.0.0.1:8090", "ftp://a", "http://", "http://a?x=1", "http://a#b", "http://user:secret@a", "http://a b",
    ])
    func anAddressThatCannotBeUsedIsUsage(address: String) async throws {
        let rig = CommandRig(environment: ["HOLDFAST_TOKEN": "a"])
        let told = try await rig.run("status", "--control", address)
        #expect(told.status == .usage && told.errors.contains("mend: "), "\(told)")
        let top = try await rig.run("top", "--once", "--operations", address)
        #expect(top.status == .usage)
    }

    @Test func theTokenComesFromAFileOrTheEnvironmentAndIsNeverShown() throws {
        var random = SystemRandomNumberGenerator()
        let (one, two) = (
            KeyText.make(kind: .viewer, id: "one", using: &random),
            KeyText.make(kind: .viewer, id: "two", using: &random)
        )
        let path = NSTemporaryDirectory() + "holdfast-token-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("\(one)\n".utf8).write(to: URL(fileURLWithPath: path))
        var options = ControlOptions()
        options.tokenFile = nil
        options.address = nil
        options.json = false
        #expect(try options.token(["HOLDFAST_TOKEN": two]).reveal() == two)
        #expect(throws: CommandFailure.self) { try options.token([:]) }
        #expect(throws: CommandFailure.self) { try options.token(["HOLDFAST_TOKEN": ""]) }
        options.tokenFile = path
        #expect(try options.token(["HOLDFAST_TOKEN": two]).reveal() == one, "the nearer one counts")
        for text in ["", "my secret", one + " " + two, one + "x"] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: CommandFailure.self) { try options.token([:]) }
            #expect(failure?.status == .noPermission && failure?.message.contains("secret") == false)
        }
        options.tokenFile = path + "-none"
        #expect(throws: CommandFailure.self) { try options.token([:]) }
    }

    @Test(arguments: [CompletionShell.bash, .zsh, .fish])
    func completionScriptsKnowEveryCommand(shell: CompletionShell) {
        let script = Holdfast.completionScript(for: shell)
        for name in ["status", "overrides", "drain", "rollback", "--token-file", "--if-match"] {
            #expect(script.contains(name.hasPrefix("--") && shell == .fish ? String(name.dropFirst(2)) : name))
        }
    }
}
