import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension AuditLog {
    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/audit", permission: .auditRead, summary: "The audit log, the oldest first.",
                query: APISchema.numberedPageParameters, response: .page(of: .auditEntry)
            ) { request in
                let limit = try request.limit
                let page = try await self.entries(from: try request.number("after") ?? 0, limit: limit)
                let next = page.entries.last.map { $0.number + 1 }
                return .view(
                    HoldfastAPI.Page(
                        items: page.entries, next: page.entries.count == limit ? next.map(String.init) : nil))
            },
            APIRoute(
                method: .get, path: "/v1/audit/checkpoint", permission: .auditRead,
                summary: "The log's size and root as of now, signed. Keep it elsewhere.", response: .string,
                mediaType: "text/plain; charset=utf-8"
            ) { _ in
                .text(try await self.checkpoint(), type: "text/plain; charset=utf-8")
            },
            APIRoute(
                method: .get, path: "/v1/audit/inclusion", permission: .auditRead,
                summary: "What shows that an entry stands in the log of a size (RFC 9162, 2.1.3).",
                query: [
                    .init(name: "entry", summary: "Its number.", schema: .count, isRequired: true), Self.sizeParameter,
                ], response: .inclusionProof
            ) { request in
                .view(try await self.inclusion(of: try request.requiredNumber("entry"), size: request.number("size")))
            },
            APIRoute(
                method: .get, path: "/v1/audit/consistency", permission: .auditRead,
                summary:
                    "What shows that the log of one size is the beginning of the log of another (RFC 9162, 2.1.4).",
                query: [
                    .init(name: "from", summary: "The smaller size, 1 or more.", schema: .positive, isRequired: true),
                    Self.sizeParameter,
                ], response: .consistencyProof
            ) { request in
                .view(
                    try await self.consistency(from: try request.requiredNumber("from"), size: request.number("size")))
            },
        ]
    }

    private static let sizeParameter = APISchema.Parameter(
        name: "size", summary: "Entries of the log, such as a checkpoint's; as of now unless told.", schema: .count)
}
