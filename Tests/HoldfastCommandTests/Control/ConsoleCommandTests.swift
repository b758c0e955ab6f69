import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

/// The link into the console, by command.
@Suite(.serialized) struct ConsoleCommandTests {
    private struct Printed: Decodable {
        var link: String
        var kind: String
        var expiresAt: String
    }

    /// Exchanges the code of a link for a token, as the browser does: without any token.
    private func open(_ link: String, _ control: ControlRig) async throws -> SignedInView {
        let parts = link.trimmingCharacters(in: .newlines).components(separatedBy: "/#sign-in=")
        try #require(parts.count == 2 && parts[0] == control.base, "\(link)")
        let client = ControlClient(base: control.base, token: Secret(""))
        let answer: Result<SignedInView, any Error>
        do {
            answer = .success(try await client.post("/v1/sign-in", SignInView(code: parts[1]), as: SignedInView.self))
        } catch {
            answer = .failure(error)
        }
        await client.shutDown()
        return try answer.get()
    }

    @Test func theLinkAloneIsPrintedAndSignsInOnce() async throws {
        try await ControlRig.run { control in
            let told = try await control.admin.run("console")
            #expect(told.status == .success && told.output.hasSuffix("\n") && !told.output.dropLast().contains("\n"))
            #expect(told.errors.contains("signs in once, of the kind admin, until"))
            #expect(try await open(told.output, control).kind == "admin")
            await #expect(throws: ControlFailure.self) { try await open(told.output, control) }
        }
    }

    @Test func aLinkIsOfAnyKindThatSitsBeforeAConsoleAndJSONNamesIt() async throws {
        try await ControlRig.run { control in
            let told = try await control.admin.run("console", "--kind", "viewer", "--json")
            let printed = try told.view(Printed.self)
            #expect(printed.kind == "viewer" && printed.expiresAt.hasSuffix("Z"))
            #expect(try await open(printed.link, control).kind == "viewer")
            let refused = try await control.admin.run("console", "--kind", "node")
            #expect(refused.status == .invalid && refused.output == "" && refused.errors.contains("mend: "))
            let viewer = try await control.rig("viewer").run("console")
            #expect(viewer.status == .noPermission && viewer.output == "")
        }
    }

    @Test func aDesktopWithoutABrowserIsSaidAndTheLinkIsThereAllTheSame() async throws {
        try await ControlRig.run { control in
            var rig = control.admin
            rig.environment["PATH"] = control.folder
            let told = try await rig.run("console", "--open")
            #expect(told.status == .unavailable && told.output.contains("/#sign-in="))
            #expect(told.errors.contains("open the link yourself"))
        }
    }
}
