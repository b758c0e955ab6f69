import Foundation
import HoldfastCore
import Testing

@testable import HoldfastSimulation

@Suite struct SimulationTests {
    /// Enough for every kind of fault to meet every kind of client. `HOLDFAST_SEEDS=301-20000` runs others, and
    /// `HOLDFAST_SEEDS=17-17` replays one.
    private static let seeds: ClosedRange<UInt64> = {
        let bounds = ProcessInfo.processInfo.environment["HOLDFAST_SEEDS"]?.split(separator: "-").compactMap {
            UInt64($0)
        }
        guard let bounds, bounds.count == 2, bounds[0] <= bounds[1] else { return 1...300 }
        return bounds[0]...bounds[1]
    }()

    @Test func noSeedBreaksAPromise() {
        var total = SimulationReport(seed: 0, traceHash: 0)
        var slowest: Int64 = 0
        for seed in Self.seeds {
            let report = Simulation.run(seed: seed)
            #expect(report.passed, "\(report)")
            if !report.passed { return }
            total.exchanges += report.exchanges
            total.answered += report.answered
            total.refused += report.refused
            total.interrupted += report.interrupted
            total.clientGone += report.clientGone
            total.failovers += report.failovers
            total.lastResorts += report.lastResorts
            total.probes += report.probes
            total.events += report.events
            slowest = max(slowest, report.slowestRecovery ?? 0)
        }
        #expect(slowest <= RecoveryChecker.boundNanoseconds)
        if Self.seeds.count < 300 { return }
        // A world in which some of this never happens would prove nothing about it.
        #expect(total.answered > total.exchanges / 2)
        #expect(total.refused > 300)
        #expect(total.interrupted > 300)
        #expect(total.clientGone > 300)
        #expect(total.failovers > 300)
        #expect(total.lastResorts > 300)
        #expect(total.probes > 300)
    }

    @Test func theSameSeedGivesTheSameRun() {
        for seed in [1, 2, 3, 0xffff_ffff_ffff_ffff] as [UInt64] {
            #expect(Simulation.run(seed: seed).traceHash == Simulation.run(seed: seed).traceHash)
        }
        let hashes = Set((1...20).map { Simulation.run(seed: $0).traceHash })
        #expect(hashes.count == 20)
    }

    @Test func aFailureIsReportedWithItsSeedAndTheEventsBeforeIt() {
        var report = Simulation.run(seed: 5)
        report.violations = ["exchange 1 never ended"]
        let text = "\(report)"
        #expect(text.contains("seed 5 "))
        #expect(text.contains("exchange 1 never ended"))
        #expect(text.contains("µs exchange"))
        #expect(report.lastEvents.count == 40)
    }
}
