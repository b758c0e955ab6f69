import Foundation
package import HoldfastAPI
import HoldfastCore
import Logging

/// The store of a management plane that does not run, for what cannot wait until it does.
package struct OfflineStore: Sendable {
    private let folder: String

    /// Nil: it is not the data directory of one.
    package init?(folder: String) {
        guard FileManager.default.fileExists(atPath: "\(folder)/\(ControlStore.fileName)") else { return nil }
        self.folder = folder
    }

    /// The document of an earlier generation under a new number, recorded as what it is; gateways get it as soon as the
    /// management plane runs.
    ///
    /// - Parameters:
    ///   - number: nil: the newest document that is not the newest generation's.
    ///   - author: who is at the machine.
    /// - Throws: `StoreFailure`, also where a process has the directory; `ProblemView`.
    package func rollBack(to number: UInt64?, reason: String, author: String) async throws -> (
        from: UInt64, made: GenerationView
    ) {
        let reason = try APIRoutes.reason(reason)
        let store = try ControlStore.open(folder: folder)
        defer { store.close() }
        let (key, now) = (try SigningKey.open(in: folder), WallClock.readMilliseconds())
        let audit = try await AuditLog(store: store, key: key, now: now)
        let snapshots = try await snapshots(audit, key, now: now)
        let from = try await Self.number(number, in: snapshots)
        let made = try await snapshots.rollback(
            to: from, reason: reason, by: Actor(principal: author, kind: "offline"), now: now)
        return (from, GenerationView(made, withDocument: false))
    }

    private func snapshots(_ audit: AuditLog, _ key: SigningKey, now: Int64) async throws -> Snapshots {
        let gateways = Gateways(events: EventLog(first: 1), now: MonotonicClock.read())
        return try await Snapshots(
            audit: audit, key: key,
            settings: Snapshots.Settings(
                directory: folder, environment: [:],
                fleet: Fleet(gateways: gateways, tokens: try await Tokens(audit: audit), limits: Rollout.Limits())),
            now: now, logger: Logger(label: "holdfast.control"))
    }

    private static func number(_ wanted: UInt64?, in snapshots: Snapshots) async throws -> UInt64 {
        if let wanted { return wanted }
        guard let newest = snapshots.newest else { throw ProblemView.nothingPublished }
        var below = newest.number
        while true {
            let page = try await snapshots.list(below: below, limit: 100)
            guard let last = page.last else { throw ProblemView.notFound("other document") }
            if let found = page.first(where: { $0.payload.document != newest.payload.document }) { return found.number }
            below = last.number
        }
    }
}
