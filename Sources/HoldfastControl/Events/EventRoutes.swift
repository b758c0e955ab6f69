import HTTPTypes
import HoldfastAPI
import HoldfastCore
import HummingbirdCore

extension EventLog {
    private static let longestTypes = 1_000

    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/events", permission: .eventsRead,
                summary: "What happened of late, the oldest first; as it happens where text/event-stream is accepted.",
                query: [
                    APISchema.pageParameters[0],
                    APISchema.Parameter(
                        name: "after", summary: "The last id that was seen; also as the header Last-Event-ID.",
                        schema: .count),
                    APISchema.Parameter(
                        name: "types", summary: "Only these, with commas between them, such as breaker.opened.",
                        schema: .string),
                ], response: .eventPage, streams: true
            ) { request in
                let place = try Self.place(request)
                let types = try Self.types(request)
                guard request.asksForStream else { return .view(try self.page(request, after: place, types)) }
                guard let stream = self.openStream() else { throw ProblemView.tooManyStreams }
                let events = EventStream(
                    log: self, stream: stream, after: place, types: types, connection: request.connection,
                    isPermitted: request.isStillPermitted)
                return .stream(ResponseBody { writer in try await events.write(to: &writer) })
            }
        ]
    }

    private func page(_ request: APIRequest, after place: UInt64?, _ types: Set<String>?) throws -> EventPage {
        let limit = try request.limit
        let slice = entries(after: place, limit: Self.most)
        let wanted = slice.entries.filter { entry in
            (types?.contains(entry.view.type) ?? true)
                && (entry.permission.map { request.principal.may($0, nowMilliseconds: request.now) } ?? true)
        }
        let shown = place == nil ? wanted.suffix(limit) : wanted.prefix(limit)
        let isAll = place == nil || wanted.count <= limit
        return EventPage(
            items: shown.map(\.view), next: "\(isAll ? slice.newest : shown.last?.view.id ?? slice.newest)",
            gap: slice.hasGap)
    }

    private static func place(_ request: APIRequest) throws -> UInt64? {
        if let place = try request.number("after") { return UInt64(clamping: place) }
        guard let text = request.lastEventID else { return nil }
        // Not ours, so nobody knows what was seen: that is a gap, and no mistake of a request that repeats what it was told.
        return UInt64(text) ?? 0
    }

    private static func types(_ request: APIRequest) throws -> Set<String>? {
        guard let text = request.query["types"] else { return nil }
        let names = text.split(separator: ",").map(String.init)
        guard !names.isEmpty, text.utf8.count <= longestTypes else {
            throw ProblemView.invalid([
                .init(
                    field: "types", message: "these are no types of events",
                    mend: "write types=breaker.opened,breaker.closed")
            ])
        }
        return Set(names)
    }
}

extension ProblemView {
    static var tooManyStreams: ProblemView {
        var problem = ProblemView(
            "streams", "Too many streams of events", status: 503,
            detail: "\(EventLog.mostStreams) streams of events are open already",
            mend: "close one that nobody reads, or ask without text/event-stream from time to time")
        problem.retryAfter = 5
        return problem
    }
}
