import Testing

@testable import HoldfastCore

@Suite struct CallCountsTests {
    @Test func aNameHasOneMarkAndBeyondTheBoundTheyShareOne() {
        var names = NameTable()
        let first = names.mark(of: "a")
        #expect(names.mark(of: "a") == first && names.mark(of: "b") != first)
        #expect(names.name(of: first) == "a" && names.name(of: names.mark(of: "b")) == "b")
        for number in 0..<NameTable.most { _ = names.mark(of: "n\(number)") }
        let late = names.mark(of: "late")
        #expect(late == names.mark(of: "later") && names.name(of: late) == NameTable.rest)
        #expect(names.mark(of: "a") == first, "what was known stays known")
    }

    @Test func nobodyMayBeNamedAsTheRestIs() {
        for kind in NameKind.allCases { #expect(!kind.accepts(NameTable.rest)) }
    }

    @Test func pairsAreToldApartUpToTheBoundAndNoneIsLost() {
        var names = NameTable()
        var counts = CallCounts()
        let workload = names.mark(of: "triage")
        let marks = (0...CallCounts.most).map { names.mark(of: "d\($0)") }
        for _ in 0..<3 { counts.count(CallCounts.Pair(workload: workload, deployment: nil)) }
        for mark in marks { counts.count(CallCounts.Pair(workload: nil, deployment: mark)) }
        counts.count(CallCounts.Pair(workload: workload, deployment: nil))
        #expect(counts.pairs.count == CallCounts.most && counts.rest == 2)
        #expect(counts.pairs.reduce(counts.rest) { $0 + $1.count } == 3 + marks.count + 1)
        let first = counts.pairs.first { $0.pair.workload == workload }
        #expect(first?.count == 4 && first?.pair.deployment == nil)
        #expect(counts.pairs.contains { $0.pair == CallCounts.Pair(workload: nil, deployment: marks[7]) })
    }
}

@Suite struct FiguresPaceTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    @Test func atFirstOnceAMinuteAndWheneverSomebodyLooksOn() {
        var pace = FiguresPace()
        #expect(pace.isDue(now: at(0)))
        pace.reported(withFigures: true, isWatched: false, now: at(0))
        #expect(!pace.isDue(now: at(2)) && !pace.isDue(now: at(59)) && pace.isDue(now: at(60)))
        pace.reported(withFigures: false, isWatched: true, now: at(2))
        #expect(pace.isDue(now: at(4)))
        pace.reported(withFigures: true, isWatched: true, now: at(4))
        #expect(pace.isDue(now: at(6)))
        pace.reported(withFigures: true, isWatched: false, now: at(6))
        #expect(!pace.isDue(now: at(8)) && pace.isDue(now: at(66)))
    }

    @Test func afterARefusalItAsksWithoutThemForAMinute() {
        var pace = FiguresPace()
        pace.refused(now: at(0))
        #expect(!pace.isDue(now: at(1)))
        pace.reported(withFigures: false, isWatched: true, now: at(2))
        #expect(!pace.isDue(now: at(59)) && pace.isDue(now: at(60)))
        pace.reported(withFigures: true, isWatched: false, now: at(60))
        #expect(!pace.isDue(now: at(61)))
    }

    @Test func anAudienceIsThereForFifteenSecondsAfterItLooked() {
        var audience = Audience()
        #expect(!audience.isThere(now: at(0)) && !audience.wantsFigures(ageNanoseconds: nil, gateways: 1, now: at(0)))
        audience.look(now: at(100))
        #expect(audience.isThere(now: at(114)) && !audience.isThere(now: at(115)))
        #expect(audience.wantsFigures(ageNanoseconds: nil, gateways: 500, now: at(100)))
        audience.look(now: at(110))
        #expect(audience.isThere(now: at(124)))
    }

    @Test func fewGatewaysTellWithEachReportAndManyTakeTurns() {
        var audience = Audience()
        audience.look(now: at(0))
        #expect(audience.wantsFigures(ageNanoseconds: 0, gateways: 50, now: at(1)))
        #expect(!audience.wantsFigures(ageNanoseconds: 0, gateways: 51, now: at(1)))
        // Five hundred: each of them every twenty seconds.
        #expect(!audience.wantsFigures(ageNanoseconds: 17 * Span.second, gateways: 500, now: at(1)))
        #expect(audience.wantsFigures(ageNanoseconds: 18 * Span.second, gateways: 500, now: at(1)))
    }
}

@Suite struct ResolverFileTests {
    @Test func serversAreThoseThatTheResolverAsks() {
        let text = """
            # nameserver 192.0.2.9
            search example.com
            nameserver 192.0.2.1
            nameserver\t2001:db8::1   # the second
             nameserver 192.0.2.8
            nameservers 192.0.2.7
            nameserver fe80::1%eth0
            nameserver 192.0.2.4
            options timeout:1
            """
        #expect(ResolverFile.nameServers(in: text) == ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
    }

    @Test func aFileThatNamesNobodyMeansTheMachineItself() {
        for text in ["", "search example.com\n", "nameserver\n", "nameserver dns.example\n", "nameserver 010.0.0.1\n"] {
            #expect(ResolverFile.nameServers(in: text) == ["127.0.0.1"], "\(text.debugDescription)")
        }
    }

    @Test func onlyAddressesAreAddresses() {
        for good in ["127.0.0.53", "::1", "fe80::1%en0", "2001:db8::53"] { #expect(ResolverFile.isAddress(good)) }
        let long = "::1%" + String(repeating: "a", count: 16)
        for bad in ["", "localhost", "1.2.3", "fe80::1%", "fe80::1%e\u{1B}", "1.2.3.4%eth0", long] {
            #expect(!ResolverFile.isAddress(bad), "\(bad.debugDescription)")
        }
    }
}
