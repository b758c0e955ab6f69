import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore
import Testing

@testable import holdfast

@Suite(.serialized) struct AuditCommandTests {
    @Test func whatIsExportedIsVerifiedOfflineAndWhatIsEditedIsNot() async throws {
        try await ControlRig.run { control in
            try await control.publish(reason: "d\u{e9}j\u{e0} vu / \"quoted\"")
            _ = try await control.admin.run("drain", "--provider", "local", "--reason", "a", "--for", "1h")
            let auditor = try await control.rig("auditor")
            let file = control.folder + "/audit.ndjson"
            let told = try await auditor.run("audit", "export", file)
            #expect(told.status == .success, "\(told.errors)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            let record = AuditExport.record(bytes)
            #expect(record.leaves.count >= 6 && record.checkpoints.count == 1)
            let key = try #require(VerifyingKey.read(control.server.publicKey))
            let verification = AuditVerification(record, key: key)
            #expect(verification.isGood && verification.signedSize == record.leaves.count)
            let stored = try AuditRecord.read(database: "\(control.folder)/\(ControlStore.fileName)")
            #expect(stored.leaves.prefix(record.leaves.count).elementsEqual(record.leaves), "byte for byte")

            for spoiled in [
                bytes.replacing(Data("local".utf8), with: Data("other".utf8)),
                Data(bytes.split(separator: 10).dropFirst().joined(separator: [10])),
                Data("garbage\n".utf8) + bytes,
            ] {
                #expect(!AuditVerification(AuditExport.record(spoiled), key: key).isGood)
            }
            let again = try await auditor.run("audit", "export", file)
            #expect(again.status == .cannotCreate && again.errors.contains("is there already"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == bytes)
            let nowhere = try await auditor.run("audit", "export", control.folder + "/none/audit.ndjson")
            #expect(nowhere.status == .cannotCreate)
            let piped = try await auditor.run("audit", "export", "-")
            #expect(AuditVerification(AuditExport.record(Data(piped.output.utf8)), key: key).isGood)
            let json = try await auditor.run("audit", "export", file + "2", "--json")
            #expect(json.output.contains("\"entries\""))
        }
    }

    @Test func tailShowsTheNewestAndJSONIsOneLineEach() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            let told = try await control.admin.run("audit", "tail", "--lines", "2")
            #expect(told.output.split(separator: "\n").count == 2)
            #expect(told.output.contains("snapshots.publish holdfast.yaml  by first-admin, admin"))
            let lines = try await control.admin.run("audit", "tail", "--json").output.split(separator: "\n")
            let entries = try lines.map { try APICoding.decode(AuditEntry.self, from: Data($0.utf8)) }
            #expect(entries.map(\.number) == Array(0..<entries.count))
            #expect(entries.last?.phase == .completed)
            #expect(try await control.admin.run("audit", "tail", "--lines", "0").output == "")
        }
    }

    @Test func followGoesOnWithWhatComes() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            let told = try await withThrowingTaskGroup(of: Told?.self) { tasks in
                tasks.addTask { try await control.admin.run("audit", "tail", "--lines", "0", "--follow") }
                tasks.addTask {
                    try await Task.sleep(for: .milliseconds(200))
                    _ = try await control.admin.run("drain", "--provider", "local", "--reason", "later", "--for", "1h")
                    try await Task.sleep(for: .milliseconds(2_500))
                    return nil
                }
                _ = try await tasks.next()
                tasks.cancelAll()
                return try await tasks.next() ?? nil
            }
            #expect(told?.status == .success)
            #expect(told?.output.contains("reason=later") == true, "\(String(describing: told))")
        }
    }
}
