import HoldfastCore

/// The decisions of the product in a faulty world, from a seed: the machines and breakers are the real ones, everything
/// else is a script. The same seed gives the same run on every machine.
package enum Simulation {
    package static func run(seed: UInt64) -> SimulationReport {
        var world = SimulatedWorld(seed: seed)
        return world.run()
    }
}

/// What one run showed.
package struct SimulationReport: Sendable {
    package var seed: UInt64
    /// Over every event and step with its time, in order.
    package var traceHash: UInt64
    package var exchanges = 0
    package var events = 0
    package var answered = 0
    package var refused = 0
    /// Of these: no candidate was lawful.
    package var unlawful = 0
    package var interrupted = 0
    package var clientGone = 0
    /// Answers that one provider began and another ended.
    package var continued = 0
    /// Exchanges that waited for a slot, and those of them that got none.
    package var waits = 0
    package var waitsRefused = 0
    package var failovers = 0
    /// Attempts at a provider that the exchange had asked before.
    package var retries = 0
    package var lastResorts = 0
    package var probes = 0
    /// Attempts that were held back where a provider turns most away.
    package var dropped = 0
    /// Exchanges that a client asked for again because they were refused.
    package var comingsAgain = 0
    package var snapshots = 0
    package var stalls = 0
    /// Exchanges asked for at a second provider too; of these: answered by it because it was first, and because it was
    /// all that was left; and those where nobody was free for it.
    package var hedges = 0
    package var hedgesWon = 0
    package var hedgesInherited = 0
    package var hedgesIdle = 0
    /// Exchanges that were in two runs when their gateway stood still.
    package var hedgesStalled = 0
    /// Orders that gateways began, and attempts that they failed on purpose.
    package var drills = 0
    package var injected = 0
    /// Exchanges held to one attempt each, long after the healing.
    package var longAfter = 0
    /// Clients that left, by what their exchange was at: before it started, connecting, receiving, holding, committed,
    /// waiting, queued, continuing, in two runs.
    package var departures = Array(repeating: 0, count: DepartureMoment.allCases.count)
    /// By the steps they had seen; the last place counts all beyond.
    package var departureSteps = Array(repeating: 0, count: Departure.mostSteps + 1)
    /// Nanoseconds from the healing of the world to the first answer of the slowest provider; nil: one never came back.
    package var slowestRecovery: Int64?
    package var violations: [String] = []
    /// The last events before the first violation, or before the end.
    package var lastEvents: [String] = []

    package init(seed: UInt64, traceHash: UInt64) {
        self.seed = seed
        self.traceHash = traceHash
    }

    package var passed: Bool { violations.isEmpty }

    /// Adds the counts of another run.
    package mutating func add(_ other: SimulationReport) {
        exchanges += other.exchanges
        events += other.events
        answered += other.answered
        refused += other.refused
        unlawful += other.unlawful
        interrupted += other.interrupted
        clientGone += other.clientGone
        continued += other.continued
        waits += other.waits
        waitsRefused += other.waitsRefused
        failovers += other.failovers
        retries += other.retries
        lastResorts += other.lastResorts
        probes += other.probes
        dropped += other.dropped
        comingsAgain += other.comingsAgain
        snapshots += other.snapshots
        stalls += other.stalls
        hedges += other.hedges
        hedgesWon += other.hedgesWon
        hedgesInherited += other.hedgesInherited
        hedgesIdle += other.hedgesIdle
        hedgesStalled += other.hedgesStalled
        longAfter += other.longAfter
        drills += other.drills
        injected += other.injected
        for place in departures.indices { departures[place] += other.departures[place] }
        for place in departureSteps.indices { departureSteps[place] += other.departureSteps[place] }
    }
}

extension SimulationReport: CustomStringConvertible {
    package var description: String {
        guard !passed else {
            return "seed \(seed): \(exchanges) exchanges, \(events) events, answered \(answered), refused \(refused), "
                + "interrupted \(interrupted), left \(clientGone), hash \(traceHash)"
        }
        return
            (["seed \(seed) broke a promise:"] + violations.prefix(5).map { "  " + $0 } + ["the events before:"]
            + lastEvents.map { "  " + $0 }).joined(separator: "\n")
    }
}
