import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Maps {
    /// As many things as may fail at once in a question.
    static let mostFailures = 64

    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/map", permission: .findingsRead,
                summary:
                    "What depends on what, where each of it is known from, and what stops each service, workload and route.",
                response: .map
            ) { request in
                let sight = try await self.look(request)
                return .view(MapView(sight.assessment, generation: sight.number), generation: sight.number)
            },
            APIRoute(
                method: .get, path: "/v1/assessment", permission: .findingsRead,
                summary: "Findings: single points of failure, shared fate, promises that contradict each other.",
                response: .assessment
            ) { request in
                let sight = try await self.look(request)
                return .view(AssessmentView(sight.assessment, generation: sight.number), generation: sight.number)
            },
            APIRoute(
                method: .get, path: "/v1/assessment/without", permission: .findingsRead,
                summary: "What would stop without some components or failure domains, and what would carry the rest.",
                query: [
                    APISchema.Parameter(
                        name: "domains", summary: "What fails at once: kind:name, several with commas between them.",
                        schema: APISchema(
                            json: [
                                "type": "string", "minLength": 1,
                                "examples": ["vendor:openai", "vendor:openai,jurisdiction:us"],
                            ]), isRequired: true)
                ], response: .outlook
            ) { request in
                let names = try Self.failures(request)
                let sight = try await self.look(request)
                let planner = sight.planner
                if let unknown = planner.unknown(names).first { throw ProblemView.unknownFailure(unknown) }
                return .view(OutlookView(planner.without(names), generation: sight.number), generation: sight.number)
            },
        ]
    }

    private func look(_ request: APIRequest) async throws -> Sight {
        try await look(now: MonotonicClock.read(), nowMilliseconds: request.now)
    }

    private static func failures(_ request: APIRequest) throws -> [String] {
        let names = (request.query["domains"] ?? "").split(separator: ",").map(String.init)
        guard (1...mostFailures).contains(names.count) else {
            throw ProblemView.invalid([
                .init(
                    field: "domains", message: names.isEmpty ? "nothing is named" : "\(names.count) are named",
                    mend: "name 1 to \(mostFailures), such as ?domains=vendor:openai,jurisdiction:us")
            ])
        }
        return names
    }
}

extension ProblemView {
    static func unknownFailure(_ unknown: (text: String, meant: String?)) -> ProblemView {
        let shown = ConfigurationQuote.quoted(unknown.text)
        return invalid([
            .init(
                field: "domains",
                message: "the map has no \(shown)" + (unknown.meant.map { "; did you mean \($0)?" } ?? ""),
                mend: unknown.meant.map { "write \($0)" } ?? "see GET /v1/map for what it has (holdfast map show)")
        ])
    }
}
