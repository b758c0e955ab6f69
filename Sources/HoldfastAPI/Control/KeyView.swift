package struct KeyView: Codable, Sendable, Equatable {
    package var id: String
    package var workload: String
    package var note: String
    package var madeBy: String
    package var madeAt: String
    package var revokedAt: String?
    package var revokedBy: String?
    /// The key itself, in the answer to its making and nowhere else.
    package var key: String?

    package init(
        id: String, workload: String, note: String, madeBy: String, madeAt: String, revokedAt: String?,
        revokedBy: String?, key: String? = nil
    ) {
        self.id = id
        self.workload = workload
        self.note = note
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.revokedAt = revokedAt
        self.revokedBy = revokedBy
        self.key = key
    }
}

package struct NewKeyView: Codable, Sendable {
    package var id: String
    package var workload: String
    package var note: String?

    package init(id: String, workload: String, note: String?) {
        self.id = id
        self.workload = workload
        self.note = note
    }
}
