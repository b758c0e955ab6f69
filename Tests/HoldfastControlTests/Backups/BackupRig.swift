import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

extension TestControl {
    static let anna = Actor(principal: "anna", kind: "operator")

    /// Now, or later.
    func times(after milliseconds: Int64 = 0) -> Backups.Times {
        Backups.Times(
            wall: WallClock.readMilliseconds() + milliseconds,
            monotonic: MonotonicClock.read().advanced(byNanoseconds: milliseconds * Span.millisecond))
    }

    var backups: String { "\(folder.path)/\(Backups.folderName)" }

    func backup(
        between: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> BackupView {
        try await server.backups.make(by: Self.anna, clock: times(), between: between)
    }

    /// So that the copy takes several steps.
    func fill() async throws {
        let text = String(repeating: "x", count: 5 << 20)
        try await server.audit.store.write {
            try $0.execute(sql: "INSERT INTO facts VALUES ('filler', ?)", arguments: [text])
        }
    }

    func entries() async throws -> [AuditEntry] {
        try await ask("GET", "/v1/audit?limit=1000", token: admin).view(Page<AuditEntry>.self).items
    }

    func status() async throws -> StatusView {
        try await ask("GET", "/v1/status", token: admin).view(StatusView.self)
    }
}

enum Files {
    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    static func read(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// In place, whatever its mode.
    static func write(_ bytes: Data, to path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    static func flip(_ path: String, at place: Int? = nil) throws {
        var bytes = try read(path)
        bytes[place ?? bytes.count / 2] ^= 1
        try write(bytes, to: path)
    }

    static func copy(_ source: String, to target: String) throws {
        try FileManager.default.copyItem(atPath: source, toPath: target)
    }

    static func mode(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
}
