import Foundation
import GRDB
import Testing

@testable import HoldfastControl

@Suite("The store's file")
struct StoreTests {
    @Test("Two cannot have one directory, and the next can once the first has closed")
    func lock() throws {
        let folder = try TestFolder()
        let store = try ControlStore.open(folder: folder.path)
        let failure = #expect(throws: StoreFailure.self) { _ = try ControlStore.open(folder: folder.path) }
        #expect(failure?.kind == .inUse)
        store.close()
        try ControlStore.open(folder: folder.path).close()
    }

    @Test("A damaged file is moved aside whole, and nothing starts on an empty one in its place")
    func quarantine() throws {
        let folder = try TestFolder()
        try ControlStore.open(folder: folder.path).close()
        let damage = Data(repeating: 0xFF, count: 8_192)
        try damage.write(to: URL(fileURLWithPath: folder.database))
        let first = #expect(throws: StoreFailure.self) { _ = try ControlStore.open(folder: folder.path) }
        #expect(first?.kind == .damaged)
        let kept = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/quarantine/1/control.sqlite"))
        #expect(kept == damage)
        let second = #expect(throws: StoreFailure.self) { _ = try ControlStore.open(folder: folder.path) }
        #expect(second?.mend.contains("holdfast restore") == true)
        #expect(!FileManager.default.fileExists(atPath: folder.database))
    }

    @Test("A file of a newer version is left as it is")
    func newer() throws {
        let folder = try TestFolder()
        let store = try ControlStore.open(folder: folder.path)
        try store.database.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999')") }
        store.close()
        let failure = #expect(throws: StoreFailure.self) { _ = try ControlStore.open(folder: folder.path) }
        #expect(failure?.kind == .newer)
        #expect(FileManager.default.fileExists(atPath: folder.database))
    }

    @Test("Where a process died between the two files of the signing key, the next one writes the second")
    func halfAKey() throws {
        let folder = try TestFolder()
        let key = try SigningKey.open(in: folder.path)
        let path = "\(folder.path)/\(SigningKey.publicFileName)"
        try FileManager.default.removeItem(atPath: path)
        let again = try SigningKey.open(in: folder.path)
        #expect(again.publicText == key.publicText)
        let written = try String(contentsOfFile: path, encoding: .utf8)
        #expect(written == key.publicText + "\n")
    }

    @Test("Where nothing can be written, that is said and nothing is made")
    func unwritable() throws {
        let failure = #expect(throws: StoreFailure.self) { _ = try ControlStore.open(folder: "/proc/holdfast") }
        #expect(failure?.mend.contains("--data") == true)
    }
}
