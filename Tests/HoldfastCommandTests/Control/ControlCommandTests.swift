import Crypto
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore
import HoldfastGateway
import Testing

@testable import holdfast

/// Each verb against a real management plane.
@Suite(.serialized) struct ControlCommandTests {
    @Test func aConfigurationIsPublishedShownComparedAndRolledBack() async throws {
        try await ControlRig.run { control in
            #expect(try await control.admin.run("config", "list").output == "nothing has been published\n")
            let first = try await control.publish()
            #expect(first.status == .success && first.output.contains("published as generation 1"))
            let again = try await control.publish()
            #expect(again.status == .success && again.output.contains("unchanged: generation 1"))
            let changed = ControlRig.document.replacing("openai/gpt,", with: "openai/gpt-5,")
            #expect(try await control.publish(changed, reason: "a newer model").status == .success)

            let list = try await control.admin.run("config", "list")
            #expect(list.output.contains("a newer model") && list.output.contains("first-admin"))
            let page = try await control.admin.run("config", "list", "--json").view(Page<GenerationView>.self)
            #expect(page.items.map(\.number) == [2, 1])
            let most = try await control.admin.run("config", "list", "--most", "1")
            #expect(most.output.contains("there are more than these 1"))

            let shown = try await control.admin.run("config", "show", "1", "--document")
            #expect(shown.output == ControlRig.document)
            let view = try await control.admin.run("config", "show", "newest", "--json").view(GenerationView.self)
            #expect(view.number == 2 && view.document == changed)
            #expect(try await control.admin.run("config", "show", "9").status == .failure)

            let diff = try await control.admin.run("config", "diff", "1", "2")
            #expect(diff.status == .failure)
            #expect(diff.output.contains("\n-  assistant: {candidates: [openai/gpt, local/qwen]}\n"))
            #expect(diff.output.contains("\n+  assistant: {candidates: [openai/gpt-5, local/qwen]}\n"))
            #expect(try await control.admin.run("config", "diff", "2", "2").status == .success)
            #expect(try await control.admin.run("config", "diff").output.contains("+++ generation 2"))
            let file = try control.write()
            let planned = try await control.admin.run("config", "diff", "--file", file)
            #expect(planned.status == .failure && planned.output.contains("+  assistant: {candidates: [openai/gpt, "))

            let back = try await control.admin.run("rollback", "1", "--reason", "it was worse")
            #expect(back.status == .success && back.output.contains("generation 3"))
            let forth = try await control.admin.run("rollback", "--previous", "--reason", "it was not", "--json")
            #expect(try forth.view(GenerationView.self).number == 4)
            let newest = try await control.admin.run("config", "show", "newest", "--document")
            #expect(newest.output == changed)
            #expect(try await control.admin.run("rollback", "9", "--reason", "nowhere").status == .failure)
        }
    }

    @Test func whatIsNotValidIsSaidFieldByFieldWithACodeOfItsOwn() async throws {
        try await ControlRig.run { control in
            let bad = try control.write("version: 1\nprovider: {}\nroutes: {a: {candidates: []}}\n", to: "bad.yaml")
            let told = try await control.admin.run("config", "publish", bad, "--reason", "try")
            #expect(told.status == .configuration && told.output == "")
            #expect(told.errors.contains("bad.yaml:2:1: ") && told.errors.contains("    mend: "))
            let missing = try await control.admin.run("config", "publish", control.folder + "/none", "--reason", "a")
            #expect(missing.status == .noInput && missing.errors.contains("mend: "))

            let early = try await control.admin.run(
                "drain", "--provider", "openai", "--reason", "down", "--for", "1h")
            #expect(
                early.status == .failure && early.errors.contains("nothing")
                    || early.errors.contains("no configuration"))
            try await control.publish()
            let stale = try await control.admin.run(
                "config", "publish", try control.write(ControlRig.document + "#\n"), "--reason", "late", "--if-match",
                "7")
            #expect(stale.status == .failure && stale.errors.contains("generation 1 is the newest"))
            let unknown = try await control.admin.run(
                "drain", "--provider", "nobody", "--reason", "down", "--for", "1h")
            #expect(unknown.status == .invalid)
            #expect(unknown.errors.contains("nobody"), "\(unknown.errors)")
            let lapse = try await control.admin.run(
                "drain", "--provider", "openai", "--reason", "down", "--for", "1h", "--if-match", "4")
            #expect(lapse.status == .failure && lapse.errors.contains("If-Match"))
        }
    }

    @Test func everyVerbMakesAnOverrideThatSaysWhatItDoesAndWhenItEnds() async throws {
        let verbs: [([String], String)] = [
            (["drain", "--provider", "openai"], "drains provider openai"),
            (["restrict", "--jurisdiction", "us"], "restricts jurisdiction us"),
            (["pin", "assistant", "local/qwen", "--only"], "pins route assistant to local/qwen alone"),
            (["shed", "--below", "standard"], "sheds what is less critical than standard, on every route"),
            (["cap", "openai/gpt", "--concurrent", "4"], "caps deployment openai/gpt at 4 at once"),
            (
                ["price", "openai/gpt", "--input", "0.40", "--output", "1.60"],
                "prices deployment openai/gpt at input 0.40, cached input unknown, output 1.60 USD"
            ),
        ]
        try await ControlRig.run { control in
            try await control.publish()
            let operatorRig = try await control.rig("operator")
            for (verb, sentence) in verbs {
                let told = try await operatorRig.run(verb + ["--reason", "OPS-17", "--for", "2h"])
                #expect(told.status == .success, "\(told.errors)")
                #expect(told.output.contains(sentence), "\(told.output)")
                #expect(told.output.contains("OPS-17") && told.output.contains("operator-1"))
                let isRestriction = verb[0] == "restrict"
                #expect(told.output.contains("a person clears it") == isRestriction)
                #expect(told.output.contains("ends 2") == !isRestriction)
            }
            let made = try await operatorRig.run(
                "drain", "--route", "assistant", "--reason", "x", "--for", "30m", "--json")
            let view = try made.view(OverrideView.self)
            #expect(view.effect.route == "assistant" && view.expiresAt - view.createdAt == 1_800_000)
            let list = try await operatorRig.run("overrides", "list", "--json").view(Page<OverrideView>.self)
            #expect(list.items.count == 7 && list.items.first?.id == view.id)

            let cleared = try await operatorRig.run("overrides", "clear", view.id, "--reason", "it is back")
            #expect(cleared.status == .success && cleared.output.contains("ended 2"))
            let inForce = try await operatorRig.run("overrides", "list")
            #expect(!inForce.output.contains(view.id))
            #expect(try await operatorRig.run("overrides", "list", "--all").output.contains(view.id))
            #expect(try await operatorRig.run("overrides", "show", view.id).output.contains("by operator-1"))
            #expect(try await operatorRig.run("overrides", "clear", "drain-none", "--reason", "a").status == .failure)
            #expect(try await operatorRig.run("overrides", "show", "../status").status == .failure)
        }
    }

    @Test func listsOfManyPagesAreWhole() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            let client = ControlClient(
                base: control.base, token: Secret(control.admin.environment["HOLDFAST_TOKEN"] ?? ""))
            var made: [String] = []
            for number in 1...5 {
                let told = try await control.admin.run(
                    "drain", "--provider", "local", "--reason", "\(number)", "--for", "1h", "--json")
                made.append(try told.view(OverrideView.self).id)
            }
            let two = try await client.page("/v1/overrides", limit: 2, as: OverrideView.self)
            let rest = try await client.page("/v1/overrides", after: two.next, limit: 1_000, as: OverrideView.self)
            #expect((two.items + rest.items).map(\.id) == made.reversed() && rest.next == nil)
            let part = try await client.overrides(most: 3)
            #expect(part.items.map(\.id) == Array(made.reversed().prefix(3)) && part.next == made[2])
            #expect(try await client.overrides(most: 1_500).next == nil)
            #expect(try await client.generations(most: 4).items.map(\.number) == [6, 5, 4, 3])
            await client.shutDown()
        }
    }

    @Test func aTokenIsPrintedOnceAndIsWorthNothingOnceRevoked() async throws {
        try await ControlRig.run { control in
            let made = try await control.admin.run("tokens", "create", "alice", "--kind", "viewer", "--note", "on call")
            #expect(made.status == .success && made.output.hasPrefix("hf_viewer_alice_"))
            #expect(made.output.filter { $0 == "\n" }.count == 1)
            #expect(made.errors.contains("shown this once") && !made.errors.contains("hf_viewer"))
            let granted = try await control.admin.run(
                "tokens", "create", "pilot", "--kind", "automation", "--grant", "overrides.create=7d",
                "--grant-recovery", "snapshots.rollback=1d", "--for", "10d", "--json")
            let view = try granted.view(TokenView.self)
            #expect(view.token?.hasPrefix("hf_automation_pilot_") == true)
            #expect(view.grants.map(\.includesRecovery) == [false, true])

            #expect(try await control.admin.run("tokens", "create", "alice", "--kind", "viewer").status == .failure)
            let bad = try await control.admin.run("tokens", "create", "BOB", "--kind", "viewer", "--for", "9999d")
            #expect(bad.status == .invalid && bad.errors.contains("  id: ") && bad.errors.contains("  for: "))

            let list = try await control.admin.run("tokens", "list")
            #expect(list.output.contains("on call") && !list.output.contains("hf_"))
            #expect(try await control.admin.run("tokens", "revoke", "alice").status == .success)
            let left = try await control.admin.run("tokens", "list")
            #expect(!left.output.contains("alice"))
            #expect(try await control.admin.run("tokens", "list", "--all").output.contains("revoked 2"))
            let tokens = try await control.admin.run("tokens", "list", "--all", "--json").view(Page<TokenView>.self)
            #expect(tokens.items.count == 3)
            var alice = control.admin
            alice.environment["HOLDFAST_TOKEN"] = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await alice.run("status").status == .noPermission)
        }
    }

    @Test func whoMayNotIsToldWhatIsMissing() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            let viewer = try await control.rig("viewer")
            for command in [
                ["drain", "--provider", "local", "--reason", "a", "--for", "1h"], ["tokens", "list"],
                ["audit", "tail"],
                ["rollback", "1", "--reason", "a"],
            ] {
                let told = try await viewer.run(command)
                #expect(told.status == .noPermission && told.output == "")
                #expect(told.errors.contains("a token of the kind viewer has not ") && told.errors.contains("mend: "))
            }
            var random = SystemRandomNumberGenerator()
            var stranger = control.admin
            stranger.environment["HOLDFAST_TOKEN"] = KeyText.make(kind: .admin, id: "stranger", using: &random)
            let told = try await stranger.run("status", "--json")
            #expect(told.status == .noPermission && told.output == "" && told.errors.contains("valid token"))
        }
    }

    @Test func aRollbackOfflineNeedsNobody() async throws {
        let folder = NSTemporaryDirectory() + "holdfast-command-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (ring, nobody) = (SnapshotRing(data: folder), CommandRig())
        let empty = try await nobody.run("rollback", "1", "--offline", folder, "--reason", "worse")
        #expect(empty.status == .noInput && empty.errors.contains("mend: "))
        for (number, document) in [(1, "a"), (2, "b"), (3, "b")] as [(UInt64, String)] {
            let payload = SnapshotPayload(
                number: number, origin: "o", madeAt: 1, author: "a", reason: "r", confirmed: false, name: "n",
                document: document, overrides: [], keys: nil)
            try ring.add(try SignedSnapshot(payload, key: Curve25519.Signing.PrivateKey()), number: number)
        }
        let back = try await nobody.run("rollback", "--previous", "--offline", folder, "--reason", "worse", "--json")
        #expect(back.status == .success, "\(back.errors)")
        let rollback = try #require(ring.rollback)
        #expect(rollback.to == 1 && rollback.from == 3 && rollback.reason == "worse" && !rollback.author.isEmpty)
        #expect(try back.view(OfflineRollback.self) == rollback)
        let absent = try await nobody.run("rollback", "9", "--offline", folder, "--reason", "worse")
        #expect(absent.status == .failure && absent.errors.contains("3, 2, 1"))
        let forth = try await nobody.run("rollback", "--previous", "--offline", folder, "--reason", "better")
        #expect(forth.status == .success && forth.output.contains("nothing is held back"))
        #expect(ring.rollback == nil)
    }

    @Test func aStoppedManagementPlaneIsRolledBackWhereItLies() async throws {
        let kept = NSTemporaryDirectory() + "holdfast-command-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: kept) }
        let nobody = CommandRig()
        try await ControlRig.run(in: kept) { control in
            for model in ["gpt", "gpt-5", "gpt-6"] {
                let text = ControlRig.document.replacing("openai/gpt,", with: "openai/\(model),")
                #expect(try await control.publish(text, reason: model).status == .success)
            }
            let running = try await nobody.run("rollback", "1", "--offline", control.folder, "--reason", "worse")
            #expect(running.status == .unavailable && running.errors.contains("mend: "))
        }
        let absent = try await nobody.run("rollback", "77", "--offline", kept, "--reason", "worse")
        #expect(absent.status == .failure && absent.errors.contains("mend: "))
        let back = try await nobody.run("rollback", "1", "--offline", kept, "--reason", "worse", "--json")
        #expect(back.status == .success, "\(back.errors)")
        let made = try back.view(GenerationView.self)
        #expect(made.reason == "worse" && made.author == NSUserName())
        let forth = try await nobody.run("rollback", "--previous", "--offline", kept, "--reason", "better", "--json")
        #expect(try forth.view(GenerationView.self).number == made.number + 1)

        let store = try #require(OfflineStore(folder: kept))
        let again = try await store.rollBack(to: 1, reason: "once more", author: "ann")
        #expect(again.from == 1 && again.made.number == made.number + 2)
        let key = try #require(VerifyingKey.read(try String(contentsOfFile: kept + "/signing.pub", encoding: .utf8)))
        let record = try AuditRecord.read(database: kept + "/" + ControlStore.fileName)
        #expect(AuditVerification(record, key: key, held: []).isGood)
    }

    @Test func aKeyIsIssuedListedAndEnded() async throws {
        try await ControlRig.run { control in
            try await control.publish(ControlRig.document + "workloads: {triage: {}}\n")
            let made = try await control.admin.run("keys", "issue", "app", "--workload", "triage", "--note", "team a")
            #expect(made.status == .success && made.errors.contains("in force with generation 2"))
            let text = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(KeyText(text)?.kind == .client)
            let again = try await control.admin.run("keys", "issue", "app", "--workload", "triage")
            #expect(again.status == .failure && again.output == "" && again.errors.contains("mend: "))
            let unknown = try await control.admin.run("keys", "issue", "other", "--workload", "nobody")
            #expect(unknown.status == .invalid && unknown.errors.contains("triage"))
            let list = try await control.admin.run("keys", "list")
            #expect(list.output.contains("app") && list.output.contains("team a") && !list.output.contains(text))
            #expect(try await control.admin.run("keys", "revoke", "app").status == .success)
            #expect(try await control.admin.run("keys", "list", "--json").view(Page<KeyView>.self).items.isEmpty)
            #expect(try await control.admin.run("keys", "list", "--all").output.contains("revoked"))
            #expect(try await control.admin.run("keys", "revoke", "nobody").status == .failure)
        }
    }

    @Test func aBackupIsMadeListedAndVerified() async throws {
        try await ControlRig.run { control in
            #expect(try await control.admin.run("backup", "list").output.contains("there is no backup"))
            try await control.publish()
            let made = try await control.admin.run("backup", "create", "--json").view(BackupView.self)
            #expect(made.state == .verified && FileManager.default.fileExists(atPath: made.folder))
            let list = try await control.admin.run("backup", "list")
            #expect(list.output.contains(made.id) && list.output.contains("verified"))
            #expect(try await control.admin.run("backup", "verify", made.id).status == .success)
            #expect(try await control.admin.run("backup", "verify", "999999").status == .failure)

            let database = made.folder + "/control.sqlite"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: database))
            bytes[bytes.count / 2] ^= 1
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: database)
            try bytes.write(to: URL(fileURLWithPath: database))
            let damaged = try await control.admin.run("backup", "verify", made.id)
            #expect(damaged.status == .failure && (damaged.errors + damaged.output).contains("mend: "))
            #expect(try await control.admin.run("backup", "list").output.contains("failed"))
        }
    }

    @Test func statusSaysInWordsWhatIsWrong() async throws {
        try await ControlRig.run { control in
            let empty = try await control.admin.run("status")
            #expect(empty.status == .failure)
            #expect(empty.output.contains("nothing has been published"))
            #expect(empty.output.contains("nobody knows whether anybody serves"))
            try await control.publish()
            try await control.report("gateway-1")
            let fine = try await control.admin.run("status")
            #expect(fine.status == .success, "\(fine.output)")
            #expect(fine.output.contains("as it is meant to be") && fine.output.contains("untested: none was ever"))
            let view = try await control.admin.run("status", "--json").view(StatusView.self)
            #expect(view.generation == 1 && view.gateways.map(\.id) == ["gateway-1"])

            try await control.report("gateway-2") {
                $0.generation = 0
                $0.ready = false
                $0.refused = "its signature is not right"
            }
            try await control.report("gateway-3") { $0.source = "file" }
            let wrong = try await control.admin.run("status")
            #expect(wrong.status == .failure)
            for sentence in [
                "gateway gateway-2 is not ready", "gateway gateway-2 is on generation 0, and is to have 1",
                "its signature is not right", "gateway gateway-3 serves its own file",
            ] {
                #expect(wrong.output.contains(sentence), "\(wrong.output)")
            }
            let list = try await control.admin.run("gateways", "--json").view(Page<GatewayView>.self)
            #expect(list.items.count == 3)
            #expect(try await control.admin.run("gateways").status == .success)
        }
    }

    @Test func oncePrintsOnePictureAndSaysWhoIsSilent() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            try await control.report("gateway-1")
            let told = try await control.admin.run("top", "--once", "--operations", "http://127.0.0.1:1")
            #expect(told.status == .success)
            #expect(told.output.contains("generation 1, 0 overrides in force") && told.output.contains("gateway-1"))
            #expect(told.output.contains("silent for 0 ms: http://127.0.0.1:1 does not answer"))
            let json = try await control.admin.run("top", "--json", "--operations", "http://127.0.0.1:1")
            let picture = try json.view(TopCommand.Picture.self)
            #expect(picture.control?.generation == 1 && picture.gateway == nil)
            let nobody = CommandRig(environment: ["HOLDFAST_CONTROL": "http://127.0.0.1:1"])
            let silent = try await nobody.run("top", "--once", "--operations", "http://127.0.0.1:1")
            #expect(silent.status == .unavailable && silent.output.contains("HOLDFAST_TOKEN"))
        }
    }
}
