import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// The table of failure classes from end to end: a practice provider plays each row, and the class it is taken for is
    /// read off the live state.
    struct FailureRowTests {
        struct Row: Sendable, CustomTestStringConvertible {
            var failure: FailureClass
            var fault: Fault
            var stream: Bool

            init(_ failure: FailureClass, _ fault: Fault, stream: Bool = false) {
                self.failure = failure
                self.fault = fault
                self.stream = stream
            }

            var testDescription: String { "\(failure.rawValue) by \(fault)" }
        }

        private static func status(_ failure: FailureClass, _ codes: [(Int, String?)]) -> [Row] {
            codes.map { Row(failure, .status($0, code: $1)) }
        }

        private static let late = 20 * Span.second

        static let rows: [Row] =
            [
                Row(.transient, .refuse), Row(.transient, .reset), Row(.silent, .silence),
                Row(.silent, .slowHead(delayNanoseconds: late)),
                Row(.silent, .slowFirstToken(delayNanoseconds: late), stream: true),
                Row(.silent, .stall(afterTokens: 0), stream: true),
                Row(.rateLimit, .rateLimit(.none, delayNanoseconds: nil)),
                Row(.rateLimit, .rateLimit(.resetHeaders, delayNanoseconds: 60 * Span.second)),
                Row(.misconfigured, .redirect(location: nil)), Row(.empty, .html), Row(.empty, .empty(done: true)),
                Row(.empty, .empty(done: false), stream: true), Row(.empty, .malformed(afterTokens: 0)),
                Row(.truncated, .cut(afterTokens: 2), stream: true),
                Row(.truncated, .stall(afterTokens: 2), stream: true),
                Row(.truncated, .malformed(afterTokens: 2), stream: true),
                Row(.truncated, .inBandError(afterTokens: 2), stream: true),
            ]
            + status(.transient, [(500, nil), (502, nil), (503, nil), (504, nil), (520, nil), (408, nil)])
            + status(.capacity, [(529, nil), (503, "overloaded")])
            + status(.quota, [(402, nil), (429, "insufficient_quota"), (400, "credit_balance_too_low")])
            + status(.credential, [(401, nil), (403, nil)])
            + status(.restricted, [(451, nil), (403, "unsupported_country_region_territory")])
            + status(.account, [(403, "organization_restricted")])
            + status(.modelAccess, [(404, nil), (404, "DeploymentNotFound")])
            + status(.modelGone, [(410, nil)])
            + status(.tooLong, [(400, "context_length_exceeded")])
            + status(.policy, [(400, "content_policy_violation"), (400, "content_filter")])
            + status(.callerFault, [(400, nil), (409, nil), (413, nil), (422, nil)])

        @Test func `every class that a provider can cause is played`() {
            let played = Set(Self.rows.map(\.failure))
            #expect(FailureClass.allCases.filter { !played.contains($0) } == [.diverged, .neutral, .localExhaustion])
        }

        @Test(arguments: rows) func `a row is taken for what it is`(row: Row) async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
                $0.route = ", delivery: stop"
            } _: { gateway, primary, backup in
                try await primary.setFault(row.fault)
                let reply = try await gateway.ask(chat(stream: row.stream, tokens: 12))
                let state = try await gateway.stateOfDeployment("primary/practice-large")
                #expect(state["failures"]?[row.failure.rawValue] == 1, "\(state["failures"]?.line ?? "none")")
                #expect(state["last_failure"]?["failure"]?.string == row.failure.rawValue)
                let policy = row.failure.policy
                // What nobody else may answer stays where it failed: so does a stream after its first token.
                let stays = policy.moveOn == .never || policy.moveOn == .toLargerContext || row.failure == .truncated
                #expect(reply.deployment == (stays ? "primary/practice-large" : "backup/practice-large"))
                #expect(reply.isComplete && backup.requests().requests.count == (stays ? 0 : 1))
                if row.failure == .truncated {
                    #expect(reply.hasWholeEventsOnly && reply.events.last?.contains("answer_interrupted") == true)
                }
            }
        }
    }
}
