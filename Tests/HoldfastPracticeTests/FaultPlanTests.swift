import HoldfastCore
import HoldfastPractice
import Testing

struct FaultPlanTests {
    static func beats(_ fault: Fault?, _ shape: AnswerShape, _ pacing: Pacing = .instant, reused: Bool = false)
        -> [Beat]
    {
        var playback = Playback(
            plan: FaultPlan.of(fault, reused: reused), shape: shape, pacing: pacing, random: SeededRandom(seed: 1))
        var beats: [Beat] = []
        while let beat = playback.next(), beats.count < 100 { beats.append(beat) }
        return beats
    }

    static let stream = AnswerShape.stream(tokens: 2, role: true, usage: true)
    static let unary = AnswerShape.unary(tokens: 2)
    static let whole: [Cue] = [.streamHead, .role, .token(0), .token(1), .finish, .usage, .done, .streamEnd]

    struct Row: Sendable, CustomTestStringConvertible {
        var fault: Fault?
        var stream: [Cue]
        var unary: [Cue]
        var testDescription: String { "\(String(describing: fault))" }
    }

    static let table: [Row] = [
        Row(fault: nil, stream: whole, unary: [.body]),
        Row(fault: .reset, stream: [.reset], unary: [.reset]),
        Row(fault: .silence, stream: [.hang], unary: [.hang]),
        Row(fault: .slowFirstToken(delayNanoseconds: 5), stream: whole, unary: [.body]),
        Row(fault: .slowHead(delayNanoseconds: 5), stream: whole, unary: [.body]),
        Row(fault: .slowTokens(gapNanoseconds: 5), stream: whole, unary: [.body]),
        Row(
            fault: .stall(afterTokens: 1), stream: [.streamHead, .role, .token(0), .hang], unary: [.halfBody, .hang]),
        Row(
            fault: .stall(afterTokens: 9), stream: [.streamHead, .role, .token(0), .token(1), .hang],
            unary: [.halfBody, .hang]),
        Row(fault: .cut(afterTokens: 0), stream: [.streamHead, .role, .close], unary: [.halfBody, .close]),
        Row(
            fault: .status(503, code: nil), stream: [.status(503, code: nil)], unary: [.status(503, code: nil)]),
        Row(
            fault: .rateLimit(.seconds, delayNanoseconds: 7), stream: [.rateLimit(.seconds, delayNanoseconds: 7)],
            unary: [.rateLimit(.seconds, delayNanoseconds: 7)]),
        Row(
            fault: .malformed(afterTokens: 0),
            stream: [.streamHead] + Array(repeating: .malformedEvent, count: 4) + [.done, .streamEnd],
            unary: [.malformedBody]),
        Row(
            fault: .malformed(afterTokens: 1),
            stream: [.streamHead, .role, .token(0), .malformedEvent, .malformedEvent, .done, .streamEnd],
            unary: [.malformedBody]),
        Row(fault: .html, stream: [.html], unary: [.html]),
        Row(
            fault: .inBandError(afterTokens: 1),
            stream: [.streamHead, .role, .token(0), .errorEvent, .streamEnd, .close], unary: [.errorBody]),
        Row(fault: .empty(done: true), stream: [.streamHead, .done, .streamEnd], unary: [.emptyBody]),
        Row(fault: .empty(done: false), stream: [.streamHead, .streamEnd], unary: [.emptyBody]),
        Row(
            fault: .noDone, stream: [.streamHead, .role, .token(0), .token(1), .finish, .usage, .streamEnd],
            unary: [.body]),
        Row(
            fault: .redirect(location: nil), stream: [.redirect(location: nil)], unary: [.redirect(location: nil)]),
        Row(fault: .stale, stream: whole, unary: [.body]),
        Row(fault: .refuse, stream: whole, unary: [.body]),
    ]

    @Test(arguments: table)
    func `each fault has its cues`(row: Row) {
        #expect(FaultPlanTests.beats(row.fault, FaultPlanTests.stream).map(\.cue) == row.stream)
        #expect(FaultPlanTests.beats(row.fault, FaultPlanTests.unary).map(\.cue) == row.unary)
    }

    @Test func `the table has every fault`() {
        #expect(Set(FaultPlanTests.table.compactMap(\.fault?.name)) == Set(FaultName.allCases))
    }

    @Test func `a stale connection fails only its second request`() {
        #expect(FaultPlanTests.beats(.stale, FaultPlanTests.unary, reused: true).map(\.cue) == [.close])
    }

    @Test func `completions have no role and usage comes only when asked for`() {
        let beats = FaultPlanTests.beats(nil, .stream(tokens: 1, role: false, usage: false))
        #expect(beats.map(\.cue) == [.streamHead, .token(0), .finish, .done, .streamEnd])
    }

    @Test func `slow faults wait at their own place`() {
        let first = FaultPlanTests.beats(.slowFirstToken(delayNanoseconds: 5), FaultPlanTests.stream)
        #expect(first.map(\.delayNanoseconds) == [0, 0, 5, 0, 0, 0, 0, 0])
        let head = FaultPlanTests.beats(.slowHead(delayNanoseconds: 5), FaultPlanTests.stream)
        #expect(head.map(\.delayNanoseconds) == [5, 0, 0, 0, 0, 0, 0, 0])
        let gap = FaultPlanTests.beats(.slowTokens(gapNanoseconds: 5), FaultPlanTests.stream)
        #expect(gap.map(\.delayNanoseconds) == [0, 0, 0, 5, 0, 0, 0, 0])
        #expect(FaultPlanTests.beats(.slowHead(delayNanoseconds: 5), FaultPlanTests.unary)[0].delayNanoseconds == 5)
        #expect(FaultPlanTests.beats(.slowTokens(gapNanoseconds: 5), .unary(tokens: 3))[0].delayNanoseconds == 10)
    }

    @Test func `the usual pace is jittered by at most a quarter and the same for the same seed`() {
        let pacing = Pacing(firstTokenNanoseconds: 8_000, tokenGapNanoseconds: 400)
        let shape = AnswerShape.stream(tokens: 50, role: true, usage: false)
        let beats = FaultPlanTests.beats(nil, shape, pacing)
        let gaps = beats.dropFirst(3).prefix(49).map(\.delayNanoseconds)
        #expect(gaps.allSatisfy { (300...500).contains($0) })
        #expect(Set(gaps).count > 10)
        #expect((3_000...5_000).contains(beats[0].delayNanoseconds))
        #expect((3_000...5_000).contains(beats[2].delayNanoseconds))
        #expect(FaultPlanTests.beats(nil, shape, pacing) == beats)
    }
}

struct FaultNameTests {
    @Test(arguments: [
        ("practice-fault-cut-5", Fault.cut(afterTokens: 5)),
        ("practice-fault-cut", .cut(afterTokens: 3)),
        ("practice-fault-status-503", .status(503, code: nil)),
        ("practice-fault-status-400-context_length_exceeded", .status(400, code: "context_length_exceeded")),
        ("practice-fault-rate_limit-seconds", .rateLimit(.seconds, delayNanoseconds: nil)),
        ("practice-fault-rate_limit-ms-250ms", .rateLimit(.milliseconds, delayNanoseconds: 250 * Span.millisecond)),
        ("practice-fault-slow_first_token-2s", .slowFirstToken(delayNanoseconds: 2 * Span.second)),
        ("practice-fault-slow_head", .slowHead(delayNanoseconds: 20 * Span.second)),
        ("practice-fault-empty-nothing", .empty(done: false)),
        ("practice-fault-malformed", .malformed(afterTokens: 0)),
    ])
    func `a model name asks for a fault`(model: String, fault: Fault) throws {
        #expect(try Fault.from(model: model) == fault)
    }

    @Test(arguments: [
        "practice-fault-", "practice-fault-bogus", "practice-fault-refuse", "practice-fault-cut-x",
        "practice-fault-cut-5-6", "practice-fault-status-299", "practice-fault-reset-1", "practice-fault-empty-some",
        "practice-fault-rate_limit-never", "practice-fault-slow_head-2h", "practice-fault-cut--1",
    ])
    func `a wrong model name is a problem with the model`(model: String) {
        let problem = #expect(throws: FaultProblem.self) { try Fault.from(model: model) }
        #expect(problem?.field == "model")
    }

    @Test func `other names ask for nothing`() throws {
        #expect(try Fault.from(model: "practice-large") == nil)
    }

    @Test(arguments: FaultName.allCases)
    func `the example in the listing asks for that fault`(name: FaultName) throws {
        #expect(!name.explanation.isEmpty)
        let fault = try name.exampleModel.flatMap { try Fault.from(model: $0) }
        #expect(fault?.name == (name == .refuse ? nil : name))
    }
}

struct FaultBoardTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    @Test func `a lease ends by itself`() throws {
        var board = FaultBoard(seed: 1)
        _ = try board.add(.reset, forNanoseconds: 10 * Span.second, share: 1, models: [], now: at(0))
        #expect(board.draw(model: "m", now: at(9))?.fault == .reset)
        #expect(board.draw(model: "m", now: at(10)) == nil)
        #expect(board.list(now: at(10)).isEmpty)
    }

    @Test func `a share meets about that part of the requests`() throws {
        var board = FaultBoard(seed: 1)
        _ = try board.add(.reset, forNanoseconds: Span.hour, share: 0.3, models: [], now: at(0))
        let met = (0..<1_000).count { _ in board.draw(model: nil, now: at(1)) != nil }
        #expect((240...360).contains(met))
    }

    @Test func `models narrow a fault and the oldest goes first`() throws {
        var board = FaultBoard(seed: 1)
        _ = try board.add(.html, forNanoseconds: Span.hour, share: 1, models: ["a"], now: at(0))
        let second = try board.add(.reset, forNanoseconds: Span.hour, share: 1, models: [], now: at(0))
        #expect(board.draw(model: "a", now: at(1))?.fault == .html)
        #expect(board.draw(model: "b", now: at(1))?.fault == .reset)
        #expect(board.draw(model: nil, now: at(1))?.fault == .reset)
        let ended = board.end(id: second.idText, now: at(1))
        let again = board.end(id: second.idText, now: at(1))
        #expect(ended && !again)
        #expect(board.draw(model: "b", now: at(1)) == nil)
        #expect(board.endAll(now: at(1)) == 1)
    }

    @Test func `refuse meets the listener and no request`() throws {
        var board = FaultBoard(seed: 1)
        _ = try board.add(.refuse, forNanoseconds: 5 * Span.second, share: 1, models: [], now: at(0))
        #expect(board.draw(model: nil, now: at(1)) == nil)
        #expect(board.refusingUntil(now: at(1)) == at(5))
        #expect(board.refusingUntil(now: at(5)) == nil)
    }

    @Test(
        arguments: [
            (Fault.reset, 0, 1.0, [], "for"), (.reset, 3_601, 1.0, [], "for"), (.reset, 5, 0.0, [], "share"),
            (.reset, 5, 1.5, [], "share"), (.refuse, 5, 0.5, [], "share"), (.refuse, 5, 1.0, ["a"], "models"),
        ] as [(Fault, Int64, Double, [String], String)])
    func `a lease without sense is refused`(
        fault: Fault, seconds: Int64, share: Double, models: [String], field: String
    ) {
        var board = FaultBoard(seed: 1)
        let problem = #expect(throws: FaultProblem.self) {
            try board.add(fault, forNanoseconds: seconds * Span.second, share: share, models: models, now: at(0))
        }
        #expect(problem?.field == field)
    }

    @Test func `leases are bounded`() throws {
        var board = FaultBoard(seed: 1)
        for _ in 0..<FaultBoard.leaseLimit {
            _ = try board.add(.reset, forNanoseconds: Span.second, share: 1, models: [], now: at(0))
        }
        #expect(throws: FaultProblem.self) {
            try board.add(.reset, forNanoseconds: Span.second, share: 1, models: [], now: at(0))
        }
        _ = try board.add(.reset, forNanoseconds: Span.second, share: 1, models: [], now: at(1))
    }
}
