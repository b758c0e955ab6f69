import Foundation

extension ControlClient {
    /// A page of the audit log, the oldest first.
    ///
    /// - Parameter number: of the first entry that is asked for.
    package func auditEntries(from number: Int, limit: Int = 1_000) async throws(ControlFailure) -> Page<AuditEntry> {
        try await page("/v1/audit", after: "\(number)", limit: limit, as: AuditEntry.self)
    }

    /// - Parameter size: of the log, such as a checkpoint's; nil: as of now.
    package func auditInclusion(of entry: Int, size: Int? = nil) async throws(ControlFailure) -> InclusionProofView {
        let size = size.map { "&size=\($0)" } ?? ""
        return try await get("/v1/audit/inclusion?entry=\(entry)\(size)", as: InclusionProofView.self)
    }

    /// - Parameter size: of the newer log; nil: as of now.
    package func auditConsistency(from old: Int, size: Int? = nil) async throws(ControlFailure) -> ConsistencyProofView
    {
        let size = size.map { "&size=\($0)" } ?? ""
        return try await get("/v1/audit/consistency?from=\(old)\(size)", as: ConsistencyProofView.self)
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
