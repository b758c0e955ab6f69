/// `GET /v1/figures`: what gateways said last of what goes through them. Never without its age: what is old is not live.
package struct FleetFiguresView: Codable, Sendable {
    package struct Gateway: Codable, Sendable {
        package var id: String
        /// Milliseconds since it last reported.
        package var silentForMilliseconds: Int64
        /// Milliseconds since it sent these figures; absent, as they are: it never did.
        package var figuresAgeMilliseconds: Int64?
        package var figures: FiguresView?

        package init(
            id: String, silentForMilliseconds: Int64, figuresAgeMilliseconds: Int64?, figures: FiguresView?
        ) {
            self.id = id
            self.silentForMilliseconds = silentForMilliseconds
            self.figuresAgeMilliseconds = figuresAgeMilliseconds
            self.figures = figures
        }
    }

    /// By id.
    package var gateways: [Gateway]
    /// For `after`; absent: this was the end.
    package var next: String?

    package init(gateways: [Gateway], next: String?) {
        self.gateways = gateways
        self.next = next
    }
}
