import HoldfastCore
import NIOCore

/// A hedged exchange is two runs of it: the one that its client waits for, and a second one with other candidates that
/// nobody knows of until it has something to say. The first to have content is the exchange from then on, and the other
/// ends without a trace but its record.
extension Exchange {
    /// Begins the second run.
    func beginHedge(now: Instant) {
        guard hedge == nil, main == nil else { return }
        let run = Exchange(hedging: self)
        hedge = run
        run.step(.started, now: now)
        guard let candidate = run.machine.lastCandidate, !run.machine.isFinished else {
            // Nobody is free: it must not wait for a slot and begin when this run is long over.
            hedge = nil
            run.main = nil
            run.beaten(now: now)
            return
        }
        services.shared.hedges.add(1)
        step(.hedged(candidate: candidate), now: now)
    }

    /// Content has come, whether it reaches the client at once or is held: the other run of this exchange is over.
    func win(now: Instant) {
        if let hedge {
            self.hedge = nil
            hedge.beaten(now: now)
            beatenAttempts = hedge.machine.attempts
        } else if let main {
            self.main = nil
            main.hedge = nil
            main.beaten(now: now)
            take(over: main)
        }
    }

    /// The run that the client waits for has failed, and the other one is still at it.
    func handOver(to run: Exchange) {
        hedge = nil
        run.main = nil
        isBeaten = true
        run.take(over: self)
    }

    private func take(over run: Exchange) {
        didWinAsHedge()
        beatenAttempts = run.machine.attempts
        deadLegs = run.deadLegs + deadLegs
        // A heartbeat may have sent the head already.
        (sentStatus, headDeployment) = (run.sentStatus, run.headDeployment)
        machine.takeOver(from: run.machine)
        connection.exchange(run, givesWayTo: self)
    }

    private func beaten(now: Instant) {
        isBeaten = true
        step(.clientGone, now: now)
    }

    /// All attempts of both runs, in the order in which they began.
    var allAttempts: [AttemptRecord] {
        beatenAttempts.isEmpty
            ? machine.attempts : (machine.attempts + beatenAttempts).sorted { $0.startedAt < $1.startedAt }
    }
}
