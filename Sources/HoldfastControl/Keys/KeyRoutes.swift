import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Keys {
    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/keys", permission: .keysRead,
                summary:
                    "Client keys that were made here, by id, ended ones included; those of the document stand there.",
                query: APISchema.pageParameters, response: .page(of: .key)
            ) { request in
                let limit = try request.limit
                let found = try await self.list(after: request.query["after"], limit: limit)
                let next = found.count == limit ? found.last?.id : nil
                return .view(Page(items: found.map { KeyView($0) }, next: next))
            },
            APIRoute(
                method: .post, path: "/v1/keys", permission: .keysCreate,
                summary: "Make a client key. Its text is in this answer and nowhere else.", request: .newKey,
                status: .created, response: .key, takesGeneration: true
            ) { request in
                let new = try request.decode(NewKeyView.self)
                let made = try await self.create(
                    NewKey(id: new.id, workload: new.workload, note: new.note ?? ""), expected: request.ifMatch,
                    by: request.actor, now: request.now)
                var view = KeyView(made.row)
                view.key = made.text
                return .view(view, status: .created, generation: made.generation)
            },
            APIRoute(
                method: .post, path: "/v1/keys/{id}/revoke", permission: .keysRevoke,
                summary: "End a client key: gateways refuse it within seconds.", status: .noContent
            ) { request in
                try await self.revoke(request.parameters["id"] ?? "", by: request.actor, now: request.now)
                return .nothing
            },
        ]
    }
}

extension KeyView {
    init(_ row: KeyRow) {
        self.init(
            id: row.id, workload: row.workload, note: row.note, madeBy: row.madeBy,
            madeAt: TimeOfDay.text(milliseconds: row.madeAt),
            revokedAt: row.revokedAt.map { TimeOfDay.text(milliseconds: $0) }, revokedBy: row.revokedBy)
    }
}
