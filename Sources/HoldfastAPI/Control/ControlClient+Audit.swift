import Foundation

extension ControlClient {
    /// A page of the audit log, the oldest first.
    ///
    /// - Parameter number: of the first entry that is asked for.
    package func auditEntries(from number: Int, limit: Int = 1_000) async throws(ControlFailure) -> Page<AuditEntry> {
        try await page("/v1/audit", after: "\(number)", limit: limit, as: AuditEntry.self)
    }

    /// The log's size and root as of now, as a signed note.
    package func auditCheckpoint() async throws(ControlFailure) -> String {
        let answer = try await ask(.get, "/v1/audit/checkpoint")
        // A note has at least an origin, a size and a root; what has not was not made by the management plane.
        guard let note = String(data: answer.body, encoding: .utf8), note.split(separator: "\n").count >= 4 else {
            throw .unreadable("the management plane answered with what is no checkpoint")
        }
        return note
    }
}
