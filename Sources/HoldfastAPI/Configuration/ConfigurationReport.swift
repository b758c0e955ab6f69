import Foundation
import HoldfastCore

/// What `holdfast check` says of a configuration, as text for people and as JSON for programs.
package struct ConfigurationReport: Sendable {
    private let file: String
    private let outcome: Result<LoadedConfiguration, ConfigurationProblems>

    package init(file: String, _ outcome: Result<LoadedConfiguration, ConfigurationProblems>) {
        self.file = file
        self.outcome = outcome
    }

    package var exitStatus: ExitStatus {
        switch outcome {
        case .success: .success
        case .failure(let problems): problems.exitStatus
        }
    }

    /// `file:line:column: path: message` and the mend on a line of its own.
    static func lines(of problem: ConfigurationProblem, file: String) -> String {
        let place = problem.line > 0 ? "\(file):\(problem.line):\(problem.column)" : file
        let path = problem.path.isEmpty ? "" : "\(problem.path): "
        return "\(place): \(path)\(problem.message)\n  mend: \(problem.mend)"
    }

    package var text: String {
        switch outcome {
        case .failure(let list):
            let bound = ConfigurationOutcome.longestReport
            let number = list.problems.count > bound ? "more than \(bound)" : "\(list.problems.count)"
            let count = list.problems.count == 1 ? "1 problem" : "\(number) problems"
            return list.isUnreadable ? list.description : "\(list.description)\n\n\(file) is not valid: \(count)"
        case .success(let loaded):
            var parts = [summary(loaded.snapshot), candidates(loaded.snapshot), policies(loaded.snapshot)]
            if !loaded.notes.isEmpty {
                parts.append(loaded.notes.map { "note: \(Self.lines(of: $0, file: file))" }.joined(separator: "\n"))
            }
            return parts.joined(separator: "\n\n")
        }
    }

    private func summary(_ snapshot: Snapshot) -> String {
        let counts = [
            (snapshot.routes.count, "route"), (snapshot.deployments.count, "deployment"),
            (snapshot.providers.count, "provider"), (snapshot.workloads.count, "workload"),
            (snapshot.keys.count, "key"),
        ].map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        let access = snapshot.asksForKeys ? "" : ", open to this machine without a key"
        return """
            \(file) is valid: \(counts.joined(separator: ", "))
            clients: \(snapshot.gateway.listen)\(access); operations: \(snapshot.gateway.operations)
            """
    }

    private func candidates(_ snapshot: Snapshot) -> String {
        var rows = [["route", "order", "deployment", "base URL", "vendor", "region", "jurisdiction", "owned"]]
        for route in snapshot.routes {
            for (place, index) in route.candidates.enumerated() {
                let deployment = snapshot.deployments[index]
                let provider = snapshot.providers[deployment.provider]
                rows.append([
                    place == 0 ? route.name : "", "\(place + 1)", deployment.id, "\(provider.baseURL)", provider.vendor,
                    provider.region ?? "unknown", provider.jurisdiction ?? "unknown", provider.isOwned ? "yes" : "no",
                ])
            }
        }
        return Self.aligned(rows)
    }

    private func policies(_ snapshot: Snapshot) -> String {
        var rows = [
            [
                "route", "connect", "first_byte", "first_token", "idle", "response", "total", "attempts",
                "same_deployment", "delivery", "body",
            ]
        ]
        for route in snapshot.routes {
            let limits = ExchangeLimits(route.timeouts, candidates: route.candidates.count)
            let times = [
                limits.connectNanoseconds, limits.withOthers.firstByteNanoseconds,
                limits.withOthers.firstTokenNanoseconds,
                limits.idleNanoseconds, limits.withOthers.responseNanoseconds, limits.totalNanoseconds,
            ].map(ConfigurationUnits.durationText)
            rows.append(
                [route.name] + times + [
                    "\(route.retries.attempts)", "\(route.retries.sameDeployment)", route.delivery.rawValue,
                    ConfigurationUnits.sizeText(route.bodyBytes ?? snapshot.gateway.limits.bodyBytes),
                ])
        }
        return Self.aligned(rows)
    }

    /// Columns two spaces apart; nothing trails.
    private static func aligned(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    // MARK: JSON

    /// `{valid, file, problems, notes, routes}`; the names are part of the contract with scripts.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(view), as: UTF8.self)
    }

    private var view: View {
        switch outcome {
        case .failure(let list):
            View(valid: false, file: file, problems: list.problems, notes: [], routes: [])
        case .success(let loaded):
            View(
                valid: true, file: file, problems: [], notes: loaded.notes,
                routes: loaded.snapshot.routes.map { RouteView($0, in: loaded.snapshot) })
        }
    }

    private struct View: Encodable {
        var valid: Bool
        var file: String
        var problems: [ConfigurationProblem]
        var notes: [ConfigurationProblem]
        var routes: [RouteView]
    }

    private struct RouteView: Encodable {
        var name: String
        var candidates: [CandidateView]
        /// As in the document, every default filled in.
        var timeouts: [String: String]
        var retries: [String: Int]
        var delivery: String
        var body_bytes: Int

        init(_ route: Route, in snapshot: Snapshot) {
            let limits = ExchangeLimits(route.timeouts, candidates: route.candidates.count)
            name = route.name
            candidates = route.candidates.map { CandidateView(snapshot.deployments[$0], in: snapshot) }
            timeouts = [
                "connect": limits.connectNanoseconds, "first_byte": limits.withOthers.firstByteNanoseconds,
                "first_token": limits.withOthers.firstTokenNanoseconds, "idle": limits.idleNanoseconds,
                "response": limits.withOthers.responseNanoseconds, "total": limits.totalNanoseconds,
            ].mapValues(ConfigurationUnits.durationText)
            retries = ["attempts": route.retries.attempts, "same_deployment": route.retries.sameDeployment]
            delivery = route.delivery.rawValue
            body_bytes = route.bodyBytes ?? snapshot.gateway.limits.bodyBytes
        }
    }

    private struct CandidateView: Encodable {
        var deployment: String
        var provider: String
        var model: String
        var base_url: String
        var vendor: String
        /// Left out where unknown.
        var region: String?
        var jurisdiction: String?
        var owned: Bool

        init(_ deployment: Deployment, in snapshot: Snapshot) {
            let provider = snapshot.providers[deployment.provider]
            self.deployment = deployment.id
            self.provider = provider.id
            model = deployment.model
            base_url = "\(provider.baseURL)"
            vendor = provider.vendor
            region = provider.region
            jurisdiction = provider.jurisdiction
            owned = provider.isOwned
        }
    }
}
