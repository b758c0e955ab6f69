import Testing

@testable import HoldfastCore

/// State × event, every cell: the step, and when the machine wants to be woken after it.
@Suite struct ExchangeTableTests {
    enum State: CaseIterable {
        case idle, connecting, awaitingHead, receiving, committed, waiting, finished
    }

    enum Event: CaseIterable {
        case started, connected, stale, head, chunk, token, ended, failed, callerFault, timerEarly, timerDue, gone
    }

    /// `wake` in milliseconds; nil: finished or not begun.
    struct Cell: Equatable, CustomStringConvertible {
        var step: ExchangeStep
        var wake: Int64?

        init(_ step: ExchangeStep, _ wake: Int64?) {
            self.step = step
            self.wake = wake
        }

        var description: String { "\(step) wake \(wake.map(String.init) ?? "never")" }
    }

    /// Progress comes at 0, 100, 200 and 300 ms; the event of a cell at 400 ms unless it is the timer.
    private static func rig(in state: State, isStream: Bool) -> ExchangeRig {
        var rig = ExchangeRig(candidates: state == .waiting ? 1 : 2, isStream: isStream)
        if state == .idle { return rig }
        rig.send(.started, atMilliseconds: 0)
        if state == .waiting {
            rig.send(.attemptFailed(.transient, retryAfterNanoseconds: Span.second), atMilliseconds: 100)
            return rig
        }
        if state == .connecting { return rig }
        rig.send(.attemptConnected, atMilliseconds: 100)
        if state == .awaitingHead { return rig }
        rig.send(.headReceived, atMilliseconds: 200)
        if state == .receiving { return rig }
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: 300)
        if state == .finished { rig.send(.upstreamEnded, atMilliseconds: 300) }
        return rig
    }

    private static func outcome(_ state: State, _ event: Event, isStream: Bool) -> Cell {
        var rig = rig(in: state, isStream: isStream)
        rig.now = Instant(nanoseconds: 400 * Span.millisecond)
        let due = rig.machine.wakeAt ?? rig.now
        let step: ExchangeStep
        switch event {
        case .started: step = rig.send(.started)
        case .connected: step = rig.send(.attemptConnected)
        case .stale: step = rig.send(.connectionStale)
        case .head: step = rig.send(.headReceived)
        case .chunk: step = rig.send(.chunkReceived(hasToken: false))
        case .token: step = rig.send(.chunkReceived(hasToken: true))
        case .ended: step = rig.send(.upstreamEnded)
        case .failed: step = rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil))
        case .callerFault: step = rig.send(.attemptFailed(.callerFault, retryAfterNanoseconds: nil))
        case .timerEarly:
            rig.now = due.advanced(byNanoseconds: -1)
            step = rig.send(.timerFired)
        case .timerDue:
            rig.now = due
            step = rig.send(.timerFired)
        case .gone: step = rig.send(.clientGone)
        }
        return Cell(step, rig.wakeMilliseconds)
    }

    private static let declined = ExchangeEnd.refused(.upstreamAnswer(.callerFault))
    /// The rig's one candidate asked for a second; the machine adds up to a fifth of it, this much with its seed.
    private static let retryAt: Int64 = 1_177

    /// In the order of `Event.allCases`.
    private static let stream: [(State, [Cell])] = [
        (
            .idle,
            [
                Cell(.send(0), 1_400), Cell(.nothing, nil), Cell(.nothing, nil), Cell(.nothing, nil),
                Cell(.nothing, nil), Cell(.nothing, nil), Cell(.nothing, nil), Cell(.nothing, nil),
                Cell(.nothing, nil), Cell(.nothing, nil), Cell(.nothing, nil), Cell(.end(.clientGone), nil),
            ]
        ),
        (
            .connecting,
            [
                Cell(.nothing, 1_000), Cell(.nothing, 10_000), Cell(.nothing, 1_000), Cell(.hold, 10_000),
                Cell(.nothing, 1_000), Cell(.nothing, 1_000), Cell(.send(1), 1_400), Cell(.send(1), 1_400),
                Cell(.end(declined), nil), Cell(.nothing, 1_000), Cell(.send(1, cancels: true), 2_000),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
        (
            .awaitingHead,
            [
                Cell(.nothing, 10_000), Cell(.nothing, 10_000), Cell(.nothing, 1_400), Cell(.hold, 10_000),
                Cell(.nothing, 10_000), Cell(.nothing, 10_000), Cell(.send(1), 1_400), Cell(.send(1), 1_400),
                Cell(.end(declined), nil), Cell(.nothing, 10_000), Cell(.send(1, cancels: true), 11_000),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
        (
            .receiving,
            [
                Cell(.nothing, 10_000), Cell(.nothing, 10_000), Cell(.nothing, 10_000), Cell(.nothing, 10_000),
                Cell(.hold, 10_000), Cell(.forward, 10_400), Cell(.send(1), 1_400), Cell(.send(1), 1_400),
                Cell(.end(declined), nil), Cell(.nothing, 10_000), Cell(.send(1, cancels: true), 11_000),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
        (
            .committed,
            [
                Cell(.nothing, 10_300), Cell(.nothing, 10_300), Cell(.nothing, 10_300), Cell(.nothing, 10_300),
                Cell(.forward, 10_400), Cell(.forward, 10_400), Cell(.end(.answered), nil),
                Cell(.end(.interrupted(.transient)), nil), Cell(.end(.interrupted(.callerFault)), nil),
                Cell(.nothing, 10_300), Cell(.end(.interrupted(.truncated), cancels: true), nil),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
        (
            .waiting,
            Array(repeating: Cell(.nothing, retryAt), count: 10) + [
                Cell(.send(0), retryAt + 1_000), Cell(.end(.clientGone), nil),
            ]
        ),
        (.finished, Array(repeating: Cell(.nothing, nil), count: 12)),
    ]

    /// A unary answer reaches the client whole: it is never committed, and its head and body have one limit.
    private static let unary: [(State, [Cell])] = [
        (
            .awaitingHead,
            [
                Cell(.nothing, 60_000), Cell(.nothing, 60_000), Cell(.nothing, 1_400), Cell(.hold, 60_000),
                Cell(.nothing, 60_000), Cell(.nothing, 60_000), Cell(.end(.answered), nil), Cell(.send(1), 1_400),
                Cell(.end(declined), nil), Cell(.nothing, 60_000), Cell(.send(1, cancels: true), 61_000),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
        (
            .receiving,
            [
                Cell(.nothing, 60_000), Cell(.nothing, 60_000), Cell(.nothing, 60_000), Cell(.nothing, 60_000),
                Cell(.hold, 60_000), Cell(.hold, 60_000), Cell(.end(.answered), nil), Cell(.send(1), 1_400),
                Cell(.end(declined), nil), Cell(.nothing, 60_000), Cell(.send(1, cancels: true), 61_000),
                Cell(.end(.clientGone, cancels: true), nil),
            ]
        ),
    ]

    @Test(arguments: State.allCases) func everyCellOfAStream(state: State) throws {
        try check(state, in: Self.stream, isStream: true)
    }

    @Test(arguments: [State.awaitingHead, .receiving]) func everyCellOfAUnaryExchange(state: State) throws {
        try check(state, in: Self.unary, isStream: false)
    }

    private func check(_ state: State, in table: [(State, [Cell])], isStream: Bool) throws {
        let row = try #require(table.first { $0.0 == state }).1
        #expect(row.count == Event.allCases.count)
        for (event, expected) in zip(Event.allCases, row) {
            let found = Self.outcome(state, event, isStream: isStream)
            #expect(found == expected, "\(event) in \(state)")
        }
    }

    @Test(arguments: State.allCases, Event.allCases)
    func permitsGivenAreSettledOrInFlight(state: State, event: Event) {
        var rig = Self.rig(in: state, isStream: true)
        rig.now = Instant(nanoseconds: 500 * Span.millisecond)
        if event == .timerDue { rig.wake() }
        rig.send(.clientGone)
        #expect(rig.machine.isFinished)
        #expect(rig.gate.settled.count == rig.gate.given)
    }
}
