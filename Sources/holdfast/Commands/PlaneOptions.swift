import ArgumentParser
import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore

/// How a gateway finds the management plane, and what it believes.
struct PlaneOptions: ParsableArguments {
    static let tokenVariable = "HOLDFAST_NODE_TOKEN"

    @Option(
        help: ArgumentHelp(
            "Pull snapshots from the management plane there; or the ready file of one on this machine.",
            valueName: "URL|FILE"))
    var control: String?

    @Option(
        help: ArgumentHelp(
            "The key that snapshots must be signed with: ed25519:… or a file that holds it, signing.pub of the management plane's data directory.",
            valueName: "KEY"))
    var trust: String?

    @Option(help: ArgumentHelp("A file that holds this gateway's token, of the kind node.", valueName: "FILE"))
    var tokenFile: String?

    struct Link {
        var client: ControlClient
        var key: Curve25519.Signing.PublicKey
        var data: String
    }

    /// Nil: there is no management plane.
    func link(data: String?, environment: [String: String]) throws -> Link? {
        guard let control else { return nil }
        let isURL = control.hasPrefix("http://") || control.hasPrefix("https://")
        guard isURL ? URL(string: control)?.host?.isEmpty == false : !control.contains("://") else {
            throw failure("--control is no URL", "write it like http://10.0.0.5:8090, or name a ready file")
        }
        guard let data else {
            throw failure(
                "there is no place to keep snapshots in", "name a folder of this gateway's own with --data DIR")
        }
        let fixed = isURL ? control : nil
        let variable = try fixedToken(environment)
        let client = ControlClient { [tokenFile] () throws(ControlFailure) in
            let base = if let fixed { fixed } else { try Self.address(in: control) }
            let token = if let variable { variable } else { try Self.token(in: tokenFile ?? "") }
            return ControlClient.Target(base: base, token: token)
        }
        return Link(client: client, key: try key(), data: data)
    }

    private static func address(in file: String) throws(ControlFailure) -> String {
        guard let bytes = FileManager.default.contents(atPath: file),
            let ready = try? JSONDecoder().decode(ReadyFile.self, from: bytes)
        else { throw .unreachable("the management plane has not written yet where it listens (\(file))") }
        return "http://\(ready.listen)"
    }

    /// Read each time, so that whoever replaces the file need not restart the gateway.
    private static func token(in file: String) throws(ControlFailure) -> Secret {
        let text = FileManager.default.contents(atPath: file).flatMap { String(data: $0, encoding: .utf8) } ?? ""
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !token.isEmpty else { throw .unreachable("there is no token in \(file)") }
        return Secret(token)
    }

    private func key() throws -> Curve25519.Signing.PublicKey {
        guard let trust else {
            throw failure(
                "no key is named that snapshots must be signed with",
                "name signing.pub of the management plane's data directory with --trust")
        }
        let text = trust.hasPrefix(VerifyingKey.prefix) ? trust : try contents(of: trust)
        guard let key = VerifyingKey.read(text) else {
            throw failure("--trust holds no key", "it is ed25519: and the key in base64, as in signing.pub")
        }
        return key
    }

    /// Nil: there is a file.
    private func fixedToken(_ environment: [String: String]) throws -> Secret? {
        guard tokenFile == nil else { return nil }
        let token = environment[Self.tokenVariable]?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        guard !token.isEmpty else {
            throw failure(
                "this gateway has no token for the management plane",
                "make one of the kind node there, and name its file with --token-file or set \(Self.tokenVariable)")
        }
        return Secret(token)
    }

    private func contents(of path: String) throws -> String {
        guard let bytes = FileManager.default.contents(atPath: path), let text = String(data: bytes, encoding: .utf8)
        else { throw failure("\(path) cannot be read", "check that it is there and that this user may read it") }
        return text
    }

    private func failure(_ message: String, _ mend: String) -> any Error {
        CommandFailure(message: message, mend: mend, status: .usage).report()
    }
}
