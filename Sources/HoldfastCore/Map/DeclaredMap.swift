/// What the document declares under `map`: facts that only its author knows.
package struct DeclaredMap: Sendable, Hashable {
    /// One decision to live with a finding for a while.
    package struct Acceptance: Sendable, Hashable {
        /// Of the finding.
        package var id: String
        package var reason: String
        /// The last day on which it holds.
        package var until: CalendarDay

        package init(id: String, reason: String, until: CalendarDay) {
            self.id = id
            self.reason = reason
            self.until = until
        }
    }

    /// In document order, groups behind the rest. Those that the rest of the document has too only add to it.
    package var components: [MapComponent] = []
    package var acceptances: [Acceptance] = []

    package init() {}

    package static let mostComponents = 5_000
    package static let mostNeeds = 1_024
    package static let mostAcceptances = 1_000
    package static let longestReason = 300
}
