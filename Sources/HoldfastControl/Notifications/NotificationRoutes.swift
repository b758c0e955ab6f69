import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Notifications {
    func routes(_ audit: AuditLog) -> [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/notifications", permission: .eventsRead,
                summary: "Receivers of alerts: untested, working, failing or unusable.",
                response: .page(of: .notification)
            ) { _ in
                .view(Page(items: self.views, next: nil))
            },
            APIRoute(
                method: .post, path: "/v1/notifications/{name}/test", permission: .notificationsTest,
                summary: "Send a receiver a test, and say what became of it.", response: .notification
            ) { request in
                let name = request.parameters["name"] ?? ""
                guard self.views.contains(where: { $0.name == name }) else { throw ProblemView.notFound("receiver") }
                try await audit.note(
                    AuditEvent(request.actor, Permission.notificationsTest.rawValue, name), now: request.now)
                return .view(try await self.test(name, now: request.now))
            },
        ]
    }
}

extension ProblemView {
    static let unusableReceiver = conflict(
        "the receiver's address or credentials are references that cannot be read where holdfast control runs",
        mend: "set the variable, or put the file there, and start it again")

    static func receiver(_ reason: String) -> ProblemView {
        ProblemView(
            "receiver", "The receiver did not take it", status: 502, detail: reason,
            mend: "check the receiver's address, format and authorization in control.notifications")
    }
}
