import Foundation
import HoldfastCore
import Testing

@testable import HoldfastSimulation

@Suite struct SimulationTests {
    /// Enough for every kind of fault to meet every kind of client, and for what is rare to happen too.
    /// `HOLDFAST_SEEDS=301-20000` runs others, and `HOLDFAST_SEEDS=17-17` replays one.
    private static let seeds: ClosedRange<UInt64>? = {
        let text = ProcessInfo.processInfo.environment["HOLDFAST_SEEDS"] ?? "1-300"
        let bounds = text.split(separator: "-").compactMap { UInt64($0) }
        return bounds.count == 2 && bounds[0] <= bounds[1] ? bounds[0]...bounds[1] : nil
    }()
    /// That run side by side.
    private static let lanes: UInt64 = 4

    @Test func noSeedBreaksAPromise() async throws {
        let seeds = try #require(Self.seeds, "HOLDFAST_SEEDS is FIRST-LAST")
        let total = await withTaskGroup(of: SimulationReport.self) { group in
            for lane in 0..<Self.lanes {
                group.addTask {
                    var total = SimulationReport(seed: 0, traceHash: 0)
                    for seed in seeds where seed % Self.lanes == lane {
                        let report = Simulation.run(seed: seed)
                        #expect(report.passed, "\(report)")
                        if !report.passed { break }
                        total.add(report)
                    }
                    return total
                }
            }
            return await group.reduce(into: SimulationReport(seed: 0, traceHash: 0)) { $0.add($1) }
        }
        if seeds.count < 200 { return }
        // A world in which some of this never happens would prove nothing about it.
        // Of what is asked for the first time: in a busy world that is refused everything, clients come again and again.
        // A fifth, because in some worlds no route ever answers.
        #expect(total.answered > (total.exchanges - total.comingsAgain) / 5, "\(total)")
        #expect(min(total.refused, total.interrupted, total.clientGone) > 400)
        #expect(min(total.failovers, total.lastResorts, total.probes) > 400 && total.retries > 40)
        if seeds.count < 300 { return }
        #expect(
            Self.hasShownAll(total),
            """
            \(total) \(total.departures) \(total.departureSteps) \(total.hedges) \(total.hedgesWon) \(total.hedgesInherited) \
            \(total.hedgesIdle) \(total.hedgesStalled) \(total.drills) \(total.injected)
            """)
    }

    private static func hasShownAll(_ total: SimulationReport) -> Bool {
        // Clients leave in every state of an exchange, and after each of the first steps.
        let departs = total.departures.allSatisfy { $0 >= 5 } && total.departureSteps.prefix(20).allSatisfy { $0 >= 1 }
        let hedges =
            total.hedges >= 200 && min(total.hedgesWon, total.hedgesIdle) >= 20
            && min(total.hedgesInherited, total.hedgesStalled) >= 1
        return departs && hedges && min(total.unlawful, total.waitsRefused, total.stalls, total.dropped) >= 10
            && min(total.continued, total.snapshots, total.comingsAgain) >= 20 && total.longAfter >= 100
            && total.drills >= 50 && total.injected >= 200
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
