import Testing

@testable import HoldfastCore

@Suite struct OverrideValidationTests {
    private static let now = OverrideRig.now

    private static func problems(_ effect: OverrideEffect) -> [OverrideProblem] {
        OverrideRig.override("o-1", effect).problems(in: OverrideRig.snapshot, nowMilliseconds: now)
    }

    static let good: [OverrideEffect] = [
        .drain(.deployment("west/next")), .drain(.provider("own")), .drain(.route("chat")),
        .restrict(.vendor("acme")), .restrict(.jurisdiction("eu")), .restrict(.provider("own")),
        .restrict(.deployment("east/big")), .pin(route: "chat", candidate: "west/big", only: false),
        .pin(route: "chat", candidate: "west/big", only: true), .shed(below: .standard, route: nil),
        .shed(below: .critical, route: "lone"), .cap(deployment: "east/big", DeploymentLimits(concurrent: 63)),
        .cap(deployment: "own/free", DeploymentLimits(requestsPerMinute: 1, tokensPerMinute: 1)),
        .price(deployment: "own/free", Price(inputMicros: 0, cachedInputMicros: nil, outputMicros: nil)),
    ]

    @Test(arguments: good) func whatNamesSomethingThereIsIsRight(effect: OverrideEffect) {
        #expect(Self.problems(effect).isEmpty)
    }

    static let bad: [(OverrideEffect, field: String, message: String, mend: String)] = [
        (.drain(.deployment("east/bog")), "deployment", "'east/bog'; did you mean east/big?", "write east/big"),
        (.drain(.provider("eats")), "provider", "no provider 'eats'; did you mean east?", "write east"),
        (.drain(.route("asdf")), "route", "no route 'asdf'", "name one of chat, weighted, lone"),
        (.restrict(.vendor("acne")), "vendor", "did you mean acme?", "write acme"),
        (.restrict(.jurisdiction("EU")), "jurisdiction", "did you mean eu?", "write eu"),
        (.restrict(.provider("\u{1B}[2J")), "provider", "'\u{FFFD}[2J'", "name one of east, west, own"),
        (.restrict(.deployment("")), "deployment", "no deployment ''", "name one of east/big"),
        (.pin(route: "chta", candidate: "west/big", only: false), "route", "did you mean chat?", "write chat"),
        (
            .pin(route: "chat", candidate: "own/free", only: false), "candidate",
            "no candidate 'own/free' of the route chat", "name one of east/big, east/small, west/big"
        ),
        (.shed(below: .deferrable, route: nil), "below", "nothing is less critical", "write standard"),
        (.shed(below: .critical, route: "lon"), "route", "did you mean lone?", "write lone"),
        (.cap(deployment: "east/big", DeploymentLimits()), "limits", "names no limit", "set one of"),
        (.cap(deployment: "x", DeploymentLimits(concurrent: 1)), "deployment", "no deployment 'x'", "name one of"),
        (
            .cap(deployment: "own/free", DeploymentLimits(tokensPerMinute: 0)), "tokens_per_minute",
            "lets nothing through", "drain"
        ),
        (
            .cap(deployment: "east/big", DeploymentLimits(requestsPerMinute: 500)), "requests_per_minute",
            "the file says 500", "raise it in the file"
        ),
        (
            .price(deployment: "own/free", Price(inputMicros: nil, cachedInputMicros: nil, outputMicros: nil)), "price",
            "names no amount", "set one of"
        ),
        (
            .price(deployment: "own/free", Price(inputMicros: nil, cachedInputMicros: nil, outputMicros: -1)), "output",
            "negative", "US dollars"
        ),
        (
            .price(deployment: "own/fee", Price(inputMicros: 1, cachedInputMicros: nil, outputMicros: nil)),
            "deployment", "did you mean own/free?", "write own/free"
        ),
    ]

    @Test(arguments: bad.indices) func whatNamesNothingSaysWhatWasMeant(row: Int) {
        let (effect, field, message, mend) = Self.bad[row]
        let problems = Self.problems(effect)
        #expect(problems.map(\.field) == [field], "\(problems)")
        #expect(problems.first?.message.contains(message) == true, "\(problems)")
        #expect(problems.first?.mend.contains(mend) == true, "\(problems)")
    }

    private static func problem(_ change: (inout Override) -> Void) -> OverrideProblem? {
        var override = OverrideRig.override("o-1", .drain(.route("chat")))
        change(&override)
        let problems = override.problems(in: OverrideRig.snapshot, nowMilliseconds: now)
        return problems.count <= 1 ? problems.first : OverrideProblem("several", "\(problems)", mend: "")
    }

    @Test(arguments: ["a", "a-1", String(repeating: "a", count: 64)]) func idsAreThoseOfKeys(id: String) {
        #expect(Self.problem { $0.id = id } == nil)
        #expect(Self.problem { $0.author = id } == nil)
    }

    @Test(arguments: ["", "A", "a b", "a_b", "ä", String(repeating: "a", count: 65)])
    func otherIdsAreNot(id: String) {
        #expect(Self.problem { $0.id = id }?.field == "id")
        #expect(Self.problem { $0.author = id }?.field == "author")
    }

    @Test(arguments: ["x", "Störung bei 東京 👩‍💻", String(repeating: "ö", count: 500)])
    func reasonsAreText(reason: String) {
        #expect(Self.problem { $0.reason = reason } == nil)
    }

    @Test(arguments: [
        "", "  \u{A0}", "a\nb", "a\tb", "a\u{7F}", "a\u{85}b", "a\u{2028}b", "a\u{202E}b", "a\u{2066}b", "\u{1B}[31m",
        String(repeating: "a", count: 501), "a" + String(repeating: "\u{301}", count: 500),
    ]) func reasonsThatDisguiseOrSayNothingAreNot(reason: String) {
        let problem = Self.problem { $0.reason = reason }
        #expect(problem?.field == "reason" && problem?.mend.isEmpty == false)
    }

    @Test func itEndsInTheFutureAndWithinThirtyDays() {
        let longest = Override.longestMilliseconds
        #expect(longest == 30 * OverrideRig.day)
        for good in [1, longest] {
            #expect(Self.problem { $0.expiresAtMilliseconds = Self.now + good } == nil)
        }
        for bad in [-Self.now, -1, 0, longest + 1, .max - Self.now] {
            #expect(Self.problem { $0.expiresAtMilliseconds = Self.now + bad }?.field == "expires_at")
        }
        // From its creation, not from now.
        #expect(
            Self.problem {
                $0.createdAtMilliseconds = Self.now - 2
                $0.expiresAtMilliseconds = Self.now + longest - 1
            }?.field == "expires_at")
        #expect(Self.problem { $0.createdAtMilliseconds = Self.now + 1 }?.field == "created_at")
        #expect(Self.problem { $0.createdAtMilliseconds = .min }?.field == "expires_at")
    }

    @Test func aMendOfTimesShowsTheLimits() {
        let past = Self.problem { $0.expiresAtMilliseconds = Self.now }
        #expect(past?.mend.contains("it is 2027-01-15T08:00:00.000Z") == true, "\(String(describing: past))")
        let long = Self.problem { $0.expiresAtMilliseconds = Self.now + 31 * OverrideRig.day }
        #expect(long?.mend.contains("until 2027-02-14T08:00:00.000Z") == true, "\(String(describing: long))")
    }

    @Test func allProblemsComeTogether() {
        let override = Override(
            id: "", effect: .drain(.route("x")), author: "", reason: "", createdAtMilliseconds: 0,
            expiresAtMilliseconds: 0)
        let fields = override.problems(in: OverrideRig.snapshot, nowMilliseconds: Self.now).map(\.field)
        #expect(fields == ["id", "author", "reason", "expires_at", "route"])
    }
}
