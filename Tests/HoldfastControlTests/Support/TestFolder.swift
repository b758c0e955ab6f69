import Foundation

@testable import HoldfastControl

/// A data directory that goes with the test.
final class TestFolder: Sendable {
    /// Goes as a whole, with what a restore puts beside the directory.
    let base: String
    let path: String
    let key = SigningKey()

    init() throws {
        base = NSTemporaryDirectory() + "holdfast-control-\(UUID().uuidString)"
        path = base + "/data"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: base)
    }

    var database: String { "\(path)/\(ControlStore.fileName)" }

    func openLog() async throws -> (ControlStore, AuditLog) {
        let store = try ControlStore.open(folder: path)
        return (store, try await AuditLog(store: store, key: key, now: 1))
    }
}
