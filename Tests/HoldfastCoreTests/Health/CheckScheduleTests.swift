import Testing

@testable import HoldfastCore

@Suite struct CheckScheduleTests {
    private var schedule = CheckSchedule()
    private var random = SeededRandom(seed: 11)
    private static let minute: Int64 = 60

    private func due(_ failure: FailureClass? = nil, since: Int64 = 0, now: Int64) -> Int64? {
        let facts = failure.map { Suspension.Facts(failure: $0, since: at(since), until: at(since + 900)) }
        return schedule.dueAt(suspension: facts, now: at(now)).map { $0.nanoseconds / Span.second }
    }

    private mutating func check(_ outcome: CheckOutcome?, isSuspended: Bool = false, now: Int64) {
        schedule.begin(now: at(now))
        schedule.end(outcome, isSuspended: isSuspended, now: at(now), random: &random)
    }

    private mutating func start() { schedule.start(now: .zero, random: &random) }

    // MARK: - When

    @Test mutating func theFirstChecksAreSpreadOverTheFirstMinute() {
        #expect(due(now: 0) == nil, "nobody knows of it yet")
        var first: Set<Int64> = []
        for _ in 0..<500 {
            schedule = CheckSchedule()
            start()
            first.insert(due(now: 0) ?? -1)
        }
        #expect(first.allSatisfy { (0..<60).contains($0) } && first.count > 50)
    }

    @Test mutating func startingAgainChangesNothing() {
        start()
        let before = due(now: 0)
        schedule.start(now: at(50), random: &random)
        #expect(due(now: 0) == before)
    }

    @Test mutating func afterAGoodCheckTheNextIsDueInAnHourOrSo() {
        start()
        var waits: Set<Int64> = []
        for _ in 0..<500 {
            check(.ok, now: 100)
            waits.insert((due(now: 100) ?? 0) - 100)
        }
        #expect(waits.allSatisfy { (3_240...3_960).contains($0) })
        #expect(waits.contains { $0 < 3_300 } && waits.contains { $0 > 3_900 })
    }

    @Test mutating func whoAnswersIsNotChecked() {
        start()
        schedule.answered(now: at(3))
        #expect((3_243...3_963).contains(due(now: 3) ?? 0), "not even at the start")
        check(.ok, now: 4_000)
        for second in stride(from: Int64(5_000), to: 50_000, by: 100) { schedule.answered(now: at(second)) }
        #expect((49_900 + 3_240...49_900 + 3_960).contains(due(now: 49_900) ?? 0))
    }

    @Test mutating func afterAFailedCheckItWaitsForAMinuteDoublingToTheHour() {
        start()
        var now: Int64 = 60
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] as [Int64] {
            check(.unreachable, now: now)
            let next = due(now: now) ?? 0
            #expect((minutes * 54...minutes * 66).contains(next - now), "\(minutes) min: \(next - now) s")
            now = next
        }
        check(.ok, now: now)
        check(.overloaded, now: now + 1)
        #expect((54...66).contains((due(now: now + 1) ?? 0) - now - 1), "a good one begins anew")
    }

    @Test mutating func anAnswerEndsTheDoubling() {
        start()
        for second in 1...6 { check(.unreachable, now: Int64(second)) }
        schedule.answered(now: at(10))
        #expect((3_250...3_970).contains(due(now: 10) ?? 0))
        check(.unreachable, now: 4_000)
        #expect((4_054...4_066).contains(due(now: 4_000) ?? 0))
    }

    @Test(arguments: [CheckOutcome.notSupported, .modelNotListed])
    mutating func whatWillNotChangeSoonIsNotAskedForSoon(outcome: CheckOutcome) {
        start()
        check(outcome, now: 60)
        #expect((3_300...4_020).contains(due(now: 60) ?? 0))
    }

    @Test mutating func oneCheckAtATime() {
        start()
        schedule.begin(now: at(60))
        #expect(due(now: 60) == nil)
        #expect(due(now: 119) == nil)
        #expect(due(now: 120) != nil, "one that was lost is made again")
        schedule.end(nil, isSuspended: false, now: at(70), random: &random)
        #expect(due(now: 70) ?? .max < 60, "one that was given up is due as before")
        #expect(schedule.record.last == nil)
    }

    // MARK: - Suspended

    @Test(arguments: [FailureClass.restricted, .account, .quota, .rateLimit])
    mutating func whatAListCannotShowIsNotLookedFor(failure: FailureClass) {
        start()
        #expect(due(failure, now: 1_000_000) == nil)
    }

    @Test(arguments: [FailureClass.credential, .modelAccess, .modelGone])
    mutating func whatAPersonMendsIsLookedForLessAndLessOften(failure: FailureClass) {
        start()
        schedule.answered(now: at(1_000))
        var now: Int64 = 1_100
        var waits: [Int64] = []
        // Each check finds it well, and each exchange after it does not: such as where lists are public.
        for _ in 0..<8 {
            let next = due(failure, since: now, now: now) ?? 0
            waits.append((next - now + 30) / 60)
            now = next
            check(.ok, isSuspended: true, now: now)
        }
        #expect(waits[0] == 1 && waits[2] <= 3 && waits[7] >= 50, "\(waits)")
        schedule.answered(now: at(now))
        let next = due(failure, since: now + 10, now: now + 10) ?? 0
        #expect((54...66).contains(next - now - 10), "an answer begins anew")
    }

    @Test mutating func aSuspensionDelaysNoCheckThatIsDue() {
        start()
        let before = due(now: 0) ?? .max
        #expect(due(.credential, since: 10, now: 10) ?? .max <= max(before, 76))
    }

    // MARK: - How many

    @Test func soManyAtOnceTheLongestOverdueFirst() {
        let due: [Instant?] = [at(5), nil, at(3), at(9), at(1), at(3), at(2), at(50)]
        #expect(CheckSchedule.next(due, running: 0, now: at(10)) == [4, 6, 2, 5])
        #expect(CheckSchedule.next(due, running: 3, now: at(10)) == [4])
        #expect(CheckSchedule.next(due, running: 4, now: at(10)) == [])
        #expect(CheckSchedule.next(due, running: 9, now: at(10)) == [])
        #expect(CheckSchedule.next(due, running: 0, now: at(0)) == [])
    }

    /// A day of one gateway with twenty fallbacks that nobody asks.
    @Test mutating func twentyFallbacksAreCheckedByTheHourAndNeverAllAtOnce() {
        var schedules = Array(repeating: CheckSchedule(), count: 20)
        for place in schedules.indices { schedules[place].start(now: .zero, random: &random) }
        var checks = Array(repeating: 0, count: 20)
        var ends: [(place: Int, at: Int64)] = []
        var most = 0
        for second in 0..<86_400 as Range<Int64> {
            for (place, _) in ends.filter({ $0.at <= second }) {
                schedules[place].end(.ok, isSuspended: false, now: at(second), random: &random)
            }
            ends.removeAll { $0.at <= second }
            let due = schedules.map { $0.dueAt(suspension: nil, now: at(second)) }
            for place in CheckSchedule.next(due, running: ends.count, now: at(second)) {
                schedules[place].begin(now: at(second))
                checks[place] += 1
                ends.append((place, second + 5))
            }
            most = max(most, ends.count)
            let isWarm = schedules.allSatisfy {
                if case .warm = $0.record.warmth(now: at(second)) { true } else { false }
            }
            #expect(second < 120 || isWarm)
        }
        #expect(checks.allSatisfy { (23...26).contains($0) }, "\(checks)")
        #expect(most <= CheckSchedule.mostAtOnce)
    }

    // MARK: - What people read

    @Test mutating func warmColdAndUntested() {
        start()
        let second = Span.second
        #expect(schedule.record.warmth(now: at(5)) == .untested)
        check(.notSupported, now: 6)
        check(.overloaded, now: 7)
        #expect(schedule.record.warmth(now: at(8)) == .untested, "neither says anything")
        check(.ok, now: 10)
        #expect(schedule.record.warmth(now: at(15)) == .warm(nanosecondsAgo: 5 * second))
        schedule.answered(now: at(20))
        #expect(schedule.record.warmth(now: at(22)) == .warm(nanosecondsAgo: 2 * second))
        #expect(schedule.record.warmth(now: at(10_020)) == .cold(nanosecondsAgo: 10_000 * second))
        check(.credentialRefused, now: 10_030)
        #expect(
            schedule.record.warmth(now: at(10_031)) == .doubtful(.credentialRefused, nanosecondsAgo: second))
        schedule.answered(now: at(10_040))
        #expect(schedule.record.warmth(now: at(10_040)) == .warm(nanosecondsAgo: 0))
    }

    // MARK: - What a reply says

    private static func refused(_ status: Int, code: String? = nil, message: String? = nil) -> CheckReply {
        .refused(FailureSignal(status: status, code: code, message: message))
    }

    @Test(arguments: [
        (CheckReply.list(hasModel: true, isWhole: true), CheckOutcome.ok), (.list(hasModel: true, isWhole: false), .ok),
        (.list(hasModel: false, isWhole: true), .modelNotListed), (.list(hasModel: false, isWhole: false), .ok),
        (.noList, .notSupported), (.nothing, .unreachable), (refused(401), .credentialRefused),
        (refused(403, message: "forbidden"), .credentialRefused), (refused(404), .notSupported),
        (refused(404, code: "model_not_found"), .notSupported), (refused(405), .notSupported),
        (refused(501), .notSupported), (refused(429), .overloaded), (refused(500), .overloaded),
        (refused(529), .overloaded), (refused(503, message: "overloaded"), .overloaded),
        (refused(403, code: "unsupported_country_region_territory"), .refused(.restricted)),
        (refused(451), .refused(.restricted)),
        (refused(402), .refused(.quota)), (refused(429, code: "insufficient_quota"), .refused(.quota)),
        (refused(403, code: "account_deactivated"), .refused(.account)), (refused(302), .notSupported),
        (refused(400), .notSupported),
    ])
    func aReplyIsJudged(reply: CheckReply, outcome: CheckOutcome) {
        #expect(CheckOutcome(reply) == outcome)
    }

    @Test func onlyAGoodCheckIsASignThatSomethingIsMended() {
        #expect(CheckOutcome.ok.mayBeMended(.credential))
        #expect(CheckOutcome.ok.mayBeMended(.modelAccess) && CheckOutcome.ok.mayBeMended(.modelGone))
        #expect(!CheckOutcome.ok.mayBeMended(.restricted) && !CheckOutcome.ok.mayBeMended(.quota))
        #expect(!CheckOutcome.modelNotListed.mayBeMended(.credential))
        #expect(!CheckOutcome.notSupported.mayBeMended(.credential))
    }
}
