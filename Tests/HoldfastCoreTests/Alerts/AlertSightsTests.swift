import Testing

@testable import HoldfastCore

/// Which conditions follow from what is seen.
@Suite struct AlertSightsTests {
    static let today = CalendarDay(year: 2027, month: 3, day: 1)

    private static func gateway(
        _ id: String, silentFor silent: Int64 = 0, generation: UInt64 = 7, target: UInt64 = 7, refused: String? = nil,
        _ troubles: [AlertSights.Trouble] = [], saysAll: Bool = true
    ) -> AlertSights.Gateway {
        AlertSights.Gateway(
            id: id, silentNanoseconds: silent, generation: generation, target: target, refused: refused,
            troubles: troubles, saysAll: saysAll)
    }

    private static func sights(_ change: (inout AlertSights) -> Void) -> AlertSights {
        var sights = AlertSights(today: today)
        sights.restrictions = []
        sights.retiring = []
        sights.backup = .lastVerified(age: 0, problem: nil)
        change(&sights)
        return sights
    }

    private static func retiring(_ days: Int64) -> [AlertSights.Retiring] {
        [.init(deployment: "a/m", day: today.advanced(byDays: days), replacement: nil)]
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var sights: AlertSights
        /// Kind, subject, severity.
        var holding: [String]
        var testDescription: String { name }

        init(_ name: String, _ holding: String..., change: (inout AlertSights) -> Void) {
            self.name = name
            self.holding = holding
            sights = AlertSightsTests.sights(change)
        }
    }

    static let rows: [Row] = [
        Row("all is well") { $0.gateways = [gateway("g")] },
        Row("an open breaker", "breaker a/m warning") { $0.gateways = [gateway("g", [.init("a/m", breaker: .open)])] },
        Row("one that tries itself out says nothing") {
            $0.gateways = [gateway("g", [.init("a/m", breaker: .halfOpen)])]
        },
        Row("open at one, trying at another", "breaker a/m warning") {
            $0.gateways = [
                gateway("g", [.init("a/m", breaker: .halfOpen)]), gateway("h", [.init("a/m", breaker: .open)]),
            ]
        },
        Row("a silent gateway's breaker is unknown", "gateway-silent g critical") {
            $0.gateways = [gateway("g", silentFor: 31 * Span.second, [.init("a/m", breaker: .open)])]
        },
        Row("half a minute is not silence yet") { $0.gateways = [gateway("g", silentFor: 30 * Span.second)] },
        Row("a refused key", "suspension a critical") {
            $0.gateways = [gateway("g", [.init("a", suspension: .credential)])]
        },
        Row("a limit that ends by waiting wakes nobody") {
            $0.gateways = [gateway("g", [.init("a/m", suspension: .rateLimit)])]
        },
        Row("a refused snapshot, which is no stale one too", "config-refused g critical") {
            $0.gateways = [gateway("g", generation: 6, refused: "no route")]
        },
        Row("another generation than is meant", "stale-config g warning") {
            $0.gateways = [gateway("g", generation: 6)]
        },
        Row("nothing was published yet") { $0.gateways = [gateway("g", generation: 1, target: 0)] },
        Row("a silent gateway is not stale as well", "gateway-silent g critical") {
            $0.gateways = [gateway("g", silentFor: Span.hour, generation: 6, refused: "no route")]
        },
        Row("a restriction", "restriction restrict-1 warning") {
            $0.restrictions = [.init(id: "restrict-1", target: "vendor a", author: "alice", reason: "the ruling")]
        },
        Row("retired in 31 days") { $0.retiring = retiring(31) },
        Row("retired in 30 days", "retirement a/m warning") { $0.retiring = retiring(30) },
        Row("retired in a week", "retirement a/m critical") { $0.retiring = retiring(7) },
        Row("retired", "retirement a/m critical") { $0.retiring = retiring(-1) },
        Row("a backup of two days") {
            $0.backup = .lastVerified(age: AlertSights.backupMilliseconds, problem: nil)
        },
        Row("one that is older", "backup-untested backup warning") {
            $0.backup = .lastVerified(age: AlertSights.backupMilliseconds + 1, problem: nil)
        },
        Row("none ever", "backup-untested backup warning") { $0.backup = .lastVerified(age: nil, problem: nil) },
        Row("a good old one and a bad new one", "backup-untested backup warning") {
            $0.backup = .lastVerified(age: 5, problem: "the disk is full")
        },
        Row("a roll-out that went back", "rollout-returned 8 critical") {
            $0.returned = .init(generation: 8, reason: "errors rose")
        },
    ]

    @Test(arguments: rows) func whatFollows(_ row: Row) {
        let found = row.sights.findings.holding
        #expect(found.map { "\($0.key.kind.rawValue) \($0.key.subject) \($0.severity.rawValue)" } == row.holding)
        #expect(!found.contains { $0.summary.isEmpty || $0.mend.isEmpty })
    }

    @Test func gatewaysThatSaySoAreListed() {
        let sights = Self.sights {
            $0.gateways = ["h", "g", "i"].map { Self.gateway($0, $0 == "i" ? [] : [.init("a/m", breaker: .open)]) }
        }
        #expect(sights.findings.holding.map(\.gateways) == [["g", "h"]])
    }

    @Test func whatCannotBeReadIsUndecided() {
        let found = AlertSights(today: Self.today).findings
        #expect(found.holding.isEmpty)
        #expect(found.undecidedKinds == [.restriction, .retirement, .backupUntested, .fallbackFailed])
        let trying = Self.sights { $0.gateways = [Self.gateway("g", [.init("a/m", breaker: .halfOpen)])] }.findings
        #expect(trying.undecided == [AlertKey(.breaker, "a/m")])
    }

    @Test func everyNameIsTakenOnce() {
        let phases: [AlertChange.Phase] = [.fired, .resolved]
        let events = AlertKind.allCases.flatMap { kind in phases.map { kind.event(of: $0) } }
        #expect(Set(events).count == events.count)
        #expect(Set(AlertKind.allCases.map(\.alertName)).count == AlertKind.allCases.count)
    }
}
