import ArgumentParser
import HoldfastCore
import HoldfastSimulation
import Testing

@testable import holdfast

@Suite struct SimulateCommandTests {
    @Test func manyWorldsGiveTheSameSumsOnAnyNumberOfWorkers() async {
        // Few and one at a time: a world keeps a thread busy that every other test waits for.
        let one = await SimulatedWorlds(first: 3, count: 3, workers: 1).run { _ in }
        let many = await SimulatedWorlds(first: 3, count: 3, workers: 2, batch: 1).run { _ in }
        #expect(one.worlds == 3 && one.broken == nil)
        #expect(one.text == many.text && one.json == many.json)
        #expect(one.json["exchanges"] == .integer((3...5).reduce(0) { $0 + Simulation.run(seed: $1).exchanges }))
        #expect(one.text.hasPrefix("3 worlds, every promise kept\n"))
    }

    @Test func theWorldsAreHandedOutInBatchesToTheLast() async {
        var seen: [UInt64] = []
        let all = await SimulatedWorlds(first: 1, count: 3, workers: 1, batch: 2).run { seen.append($0) }
        #expect(all.worlds == 3 && seen == [2, 3])
    }

    @Test func theLastSeedIsAWorldToo() async {
        let last = await SimulatedWorlds(first: .max, count: 1, workers: 1).run { _ in }
        #expect(last.worlds == 1 && last.broken == nil)
    }

    @Test func aBrokenPromiseIsShownWithTheLineThatReplaysIt() {
        var summary = SimulationSummary()
        for seed in [9, 4, 6] as [UInt64] {
            var report = Simulation.run(seed: seed)
            if seed != 6 { report.violations = ["exchange 1 never ended"] }
            summary.add(report)
        }
        #expect(summary.text.hasPrefix("seed 4 broke a promise:\n  exchange 1 never ended"))
        #expect(summary.text.hasSuffix("\nreplay: holdfast simulate --seed 4"))
        #expect(summary.json["passed"] == false && summary.json["broken"]?["seed"] == "4")
        #expect(summary.json["broken"]?["last_events"]?.array?.isEmpty == false)
    }

    @Test(arguments: [["--runs", "0"], ["--seed", "18446744073709551615", "--runs", "2"], ["--seed", "-1"]])
    func whatCannotBeRunIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try SimulateCommand.parse(arguments) }
    }
}
