import Testing

@testable import HoldfastCore

@Suite struct FallbackRecordTests {
    private static let day: Int64 = 86_400_000
    private static let today = FallbackFingerprint(DrillRig.snapshot.routes[0], 1, in: DrillRig.snapshot)

    private static func drill(
        _ id: String, _ outcome: DrillVerdict.Outcome, daysAgo: Int64 = 0, answerers: Set<String> = ["west/b"],
        fingerprint: FallbackFingerprint = today, isNext: Bool = true
    ) -> FinishedDrill {
        FinishedDrill(
            id: id, endedAtMilliseconds: DrillRig.now - daysAgo * day, outcome: outcome, recoveryMilliseconds: 40,
            coverage: [DrillCoverage(fingerprint, isNext: isNext)], answerers: answerers)
    }

    private static func record(_ drills: [FinishedDrill]) -> FallbackRecord {
        FallbackRecord(of: today, drills: drills, nowMilliseconds: DrillRig.now)
    }

    @Test func withoutADrillItIsUntested() {
        let record = Self.record([])
        #expect(record.state == .untested && record.confidencePercent == nil && record.lastDrill == nil)
        // Nor does a drill of another route, one that proved nothing, or one in which somebody else answered.
        var other = Self.today
        other.route = "lone"
        for drill in [
            Self.drill("a", .pass, fingerprint: other), Self.drill("a", .inconclusive),
            Self.drill("a", .pass, answerers: ["own/c"]), Self.drill("a", .fail, isNext: false),
        ] {
            #expect(Self.record([drill]).state == .untested, "\(drill)")
        }
    }

    @Test func passesAddUpAndAFailureEndsThem() {
        let passes = (0..<10).map { Self.drill("p\($0)", .pass, daysAgo: Int64($0)) }
        let ten = Self.record(passes)
        #expect(ten.state == .tested && ten.passes == 10 && ten.confidencePercent == 74)
        #expect(ten.lastDrill == "p0" && ten.lastRecoveryMilliseconds == 40)
        let interrupted = Self.record(passes + [Self.drill("f", .fail, daysAgo: 3)])
        #expect(interrupted.state == .tested && interrupted.passes == 4, "p3 comes after f by its id")
        let failed = Self.record(passes.dropFirst() + [Self.drill("f", .fail)])
        #expect(failed.state == .failed && failed.passes == 0 && failed.lastDrill == "f")
        #expect(failed.lastPassedAtMilliseconds == DrillRig.now - Self.day, "when it last did is worth knowing still")
    }

    @Test func age() {
        #expect(Self.record([Self.drill("a", .pass, daysAgo: 90)]).state == .tested)
        let old = Self.record([Self.drill("a", .pass, daysAgo: 91)])
        #expect(old.state == .outdated && old.passes == 1 && old.changes.count == 1)
        #expect(old.changes[0].contains("over 90 days ago"))
        // A clock that jumped back makes nothing old.
        #expect(Self.record([Self.drill("a", .pass, daysAgo: -1)]).state == .tested)
    }

    @Test func whatItRestsOnIsSaidWhereItHasChanged() {
        var changes: [(Snapshot) -> FallbackFingerprint] = []
        func changing(_ change: @escaping (inout Snapshot) -> Void) {
            changes.append { snapshot in
                var snapshot = snapshot
                change(&snapshot)
                return FallbackFingerprint(snapshot.routes[0], 1, in: snapshot)
            }
        }
        changing { $0.routes[0].candidates = [0, 2, 1] }
        changing { $0.routes[0].delivery = .stop }
        changing { $0.routes[0].timeouts.firstTokenNanoseconds = 3 * Span.second }
        changing { $0.deployments[1].model = "b-next" }
        changing { $0.providers[1].baseURL.host = "elsewhere.example" }
        changing { $0.providers[1].vendor = "acme" }
        changing { $0.providers[1].jurisdiction = nil }
        for change in changes {
            let then = change(DrillRig.snapshot)
            let record = Self.record([Self.drill("a", .pass, fingerprint: then)])
            #expect(record.state == .outdated && record.changes.count == 1, "\(record.changes)")
        }
        // What decides nothing there changes nothing.
        var cheaper = DrillRig.snapshot
        cheaper.deployments[1].price = Price(inputMicros: 1, cachedInputMicros: nil, outputMicros: 2)
        cheaper.routes[1].delivery = .stop
        #expect(FallbackFingerprint(cheaper.routes[0], 1, in: cheaper) == Self.today)
    }

    @Test func passesOfBeforeAChangeAreNotThoseOfAfterIt() {
        var then = Self.today
        then.facts[0].value = "something else"
        let mixed = [
            Self.drill("c", .pass), Self.drill("b", .pass, daysAgo: 1, fingerprint: then),
            Self.drill("a", .pass, daysAgo: 2, fingerprint: then),
        ]
        #expect(Self.record(mixed).passes == 1 && Self.record(mixed).state == .tested)
        // Known to one of the two versions only.
        var older = Self.today
        older.facts.removeLast()
        #expect(Self.record([Self.drill("a", .pass, fingerprint: older)]).state == .tested)
    }

    @Test(arguments: [
        (1, 5), (2, 22), (3, 36), (5, 54), (10, 74), (20, 86), (58, 94), (59, 95), (298, 98), (299, 99), (4_000, 99),
    ])
    func theBoundIsRoundedDown(passes: Int, percent: Int) {
        var record = Self.record([Self.drill("a", .pass)])
        record.passes = passes
        #expect(record.confidencePercent == percent)
    }
}
