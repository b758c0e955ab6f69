import HoldfastCore
import Logging
import NIOCore
import Synchronization

/// What the connections of one provider share. Each part is behind its own short lock; nothing is done under one.
final class PracticeCore: Sendable {
    let options: PracticeOptions
    private let board: Mutex<FaultBoard>
    private let journal = Mutex(RequestJournal())
    private let connections = Mutex(Connections())

    private struct Connections {
        var open: [ObjectIdentifier: any Channel] = [:]
        var lastNumber = 0
        var stopping = false
    }

    init(options: PracticeOptions) {
        self.options = options
        board = Mutex(FaultBoard(seed: options.seed))
    }

    var instant: Instant { options.clock.monotonic() }

    // MARK: Faults

    func addFault(
        _ fault: Fault, forNanoseconds span: Int64, share: Double, models: [String]
    ) throws(FaultProblem) -> FaultLease {
        let now = instant
        let outcome = board.withLock { board in
            Result { () throws(FaultProblem) in
                try board.add(fault, forNanoseconds: span, share: share, models: models, now: now)
            }
        }
        let lease = try outcome.get()
        options.logger.info("A fault is in force.", metadata: ["fault": "\(fault.name.rawValue)"])
        return lease
    }

    func drawFault(model: String?) -> FaultLease? {
        let now = instant
        return board.withLock { $0.draw(model: model, now: now) }
    }

    func refusingUntil() -> Instant? {
        let now = instant
        return board.withLock { $0.refusingUntil(now: now) }
    }

    func faults() -> [FaultLease] {
        let now = instant
        return board.withLock { $0.list(now: now) }
    }

    func endFault(id: String) -> Bool {
        let now = instant
        return board.withLock { $0.end(id: id, now: now) }
    }

    func endAllFaults() -> Int {
        let now = instant
        return board.withLock { $0.endAll(now: now) }
    }

    // MARK: Requests

    func begin(_ make: (Int) -> RequestRecord) -> Int {
        journal.withLock { $0.begin(make) }
    }

    func describe(_ number: Int, model: String?, stream: Bool, fault: String?) {
        journal.withLock { $0.describe(number, model: model, stream: stream, fault: fault) }
    }

    func finish(
        _ number: Int, outcome: RequestRecord.Outcome, status: Int?, tokensSent: Int, started: Instant
    ) {
        let span = instant.nanoseconds(since: started)
        journal.withLock {
            $0.finish(number, outcome: outcome, status: status, tokensSent: tokensSent, durationNanoseconds: span)
        }
    }

    func report() -> RequestReport {
        journal.withLock { $0.report }
    }

    // MARK: Connections

    /// The connection's number; nil where the server stops and takes no more.
    func register(_ channel: any Channel) -> Int? {
        connections.withLock { connections in
            guard !connections.stopping else { return nil }
            connections.open[ObjectIdentifier(channel)] = channel
            connections.lastNumber += 1
            return connections.lastNumber
        }
    }

    func unregister(_ channel: any Channel) {
        connections.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    /// From here on no connection is taken; returns those that are left.
    func stopTaking() -> [any Channel] {
        connections.withLock {
            $0.stopping = true
            return Array($0.open.values)
        }
    }

    func openConnections() -> [any Channel] {
        connections.withLock { Array($0.open.values) }
    }
}
