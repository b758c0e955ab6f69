import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Backups {
    /// None of them takes a path: what is copied holds the signing key, and where it goes is for whoever runs the process.
    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/backups", permission: .backupsRead,
                summary: "Backups, the newest first: verified, untested or failed.", response: .page(of: .backup)
            ) { request in
                .view(Page(items: try await self.list(now: request.now), next: nil))
            },
            APIRoute(
                method: .post, path: "/v1/backups", permission: .backupsCreate,
                summary: "Make a backup while everything serves, and restore it on trial.", status: .created,
                response: .backup
            ) { request in
                .view(try await self.make(by: request.actor, clock: Self.times(of: request)), status: .created)
            },
            APIRoute(
                method: .post, path: "/v1/backups/{id}/verify", permission: .backupsVerify,
                summary: "Restore a backup on trial, in a folder that is removed again.", response: .backup
            ) { request in
                .view(
                    try await self.verify(
                        request.parameters["id"] ?? "", by: request.actor, clock: Self.times(of: request)))
            },
        ]
    }

    private static func times(of request: APIRequest) -> Times {
        Times(wall: request.now, monotonic: MonotonicClock.read())
    }
}

extension ProblemView {
    static var backupRunning: ProblemView {
        var problem = ProblemView(
            "backup-running", "A backup is running", status: 409,
            detail: "one is being made or restored on trial already",
            mend: "wait for it, and look at it: GET /v1/backups")
        problem.retryAfter = 5
        return problem
    }

    /// What a trial restore found.
    static func backup(_ failure: StoreFailure) -> ProblemView {
        switch failure.kind {
        case .damaged:
            ProblemView(
                "backup-damaged", "The backup cannot be restored", status: 409, detail: failure.reason,
                mend: failure.mend)
        case .newer:
            ProblemView(
                "backup-newer", "The backup is of a newer version", status: 409, detail: failure.reason,
                mend: failure.mend)
        case .unwritable, .inUse, .absent: ProblemView(failure)
        }
    }
}
