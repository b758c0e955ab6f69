import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastSimulation

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the gateway's decisions in a faulty world, from a seed.",
        discussion: """
            The machines and breakers that the gateway runs meet providers that fail in every way of the table of failure \
            classes, clients that leave, limits that are silly, and a world that heals in the end. Checkers that share no \
            code with them hold every exchange to what a client was promised. The same seed gives the same run on every \
            machine; a broken promise is printed with its seed, the events before it and the line that replays it.

            EXAMPLES:
              holdfast simulate                       one world
              holdfast simulate --seed 17             that world again
              holdfast simulate --runs 100000         seeds 1 to 100000, on every core
              holdfast simulate --runs 2000 --json | jq .answered

            EXIT STATUS:
              0 every promise was kept, 1 one was broken, 64 the command line cannot be understood
            """
    )

    @Option(name: .long, help: ArgumentHelp("The first seed.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(name: .long, help: ArgumentHelp("How many worlds, with a seed each.", valueName: "count"))
    var runs: UInt64 = 1

    @Flag(name: .long, help: "Print the sums, and the first broken world, as JSON.")
    var json = false

    func validate() throws {
        guard runs > 0 else { throw ValidationError("--runs is 1 or more.") }
        guard UInt64.max - seed >= runs - 1 else { throw ValidationError("--seed and --runs go beyond the last seed.") }
    }

    func run() async throws {
        let worlds = SimulatedWorlds(
            first: seed, count: runs, workers: UInt64(ProcessInfo.processInfo.activeProcessorCount))
        let showsProgress = !json && isatty(STDERR_FILENO) == 1 && runs > worlds.batch
        let summary = await worlds.run { done in
            if showsProgress { Terminal.writeError("\r\(done) of \(runs) worlds") }
        }
        if showsProgress { Terminal.writeError("\r\u{1B}[K") }
        print(json ? summary.json.pretty : summary.text)
        if summary.broken != nil { throw ExitCode(ExitStatus.failure.rawValue) }
    }
}

/// Many worlds side by side, in batches of one worker each. Seeds are handed out in order and the first broken one is
/// reported, whichever worker was faster.
struct SimulatedWorlds {
    let first: UInt64
    let count: UInt64
    let workers: UInt64
    /// Worlds between two signs of progress.
    var batch: UInt64 = 250

    func run(progress: (UInt64) -> Void) async -> SimulationSummary {
        await withTaskGroup(of: SimulationSummary.self) { group in
            var next: UInt64 = 0
            func hand() {
                guard next < count else { return }
                let seeds = (first + next)...(first + (min(next + batch, count) - 1))
                next += batch
                group.addTask { SimulationSummary(running: seeds) }
            }
            for _ in 0..<max(workers, 1) { hand() }
            var total = SimulationSummary()
            while let batch = await group.next() {
                total.add(batch)
                progress(UInt64(total.worlds))
                if total.broken == nil { hand() }
            }
            return total
        }
    }
}

/// What many worlds showed.
struct SimulationSummary: Sendable {
    private(set) var worlds = 0
    private(set) var total = SimulationReport(seed: 0, traceHash: 0)
    /// Of those seen, the one with the lowest seed.
    private(set) var broken: SimulationReport?

    init() {}

    /// Stops at the first broken promise.
    init(running seeds: ClosedRange<UInt64>) {
        for seed in seeds {
            add(Simulation.run(seed: seed))
            if broken != nil { return }
        }
    }

    mutating func add(_ report: SimulationReport) {
        worlds += 1
        total.add(report)
        // The order of batches is chance, the hash is not.
        total.traceHash ^= report.traceHash
        if !report.passed { broken = [broken, report].compactMap { $0 }.min { $0.seed < $1.seed } }
    }

    mutating func add(_ other: SimulationSummary) {
        worlds += other.worlds
        total.add(other.total)
        total.traceHash ^= other.total.traceHash
        broken = [broken, other.broken].compactMap { $0 }.min { $0.seed < $1.seed }
    }

    var text: String {
        if let broken { return "\(broken)\nreplay: holdfast simulate --seed \(broken.seed)" }
        return """
            \(worlds) world\(worlds == 1 ? "" : "s"), every promise kept
              \(total.exchanges) exchanges, \(total.events) events
              \(total.answered) answered, \(total.refused) refused (\(total.unlawful) for want of a lawful candidate), \
            \(total.interrupted) interrupted, \(total.clientGone) left by their client
              \(total.failovers) failovers, \(total.retries) second tries, \(total.probes) probes, \(total.lastResorts) last resorts
              \(total.continued) streams ended by another than began them, \(total.waits) waits for a slot (\(total.waitsRefused) in vain)
              \(total.hedges) hedges, \(total.hedgesWon) of them first and \(total.hedgesInherited) all that was left, \(total.hedgesIdle) found nobody
              \(total.snapshots) snapshots adopted, \(total.stalls) stalls of a gateway
              \(total.drills) drills, \(total.injected) attempts that they failed
              trace \(String(total.traceHash, radix: 16))
            """
    }

    var json: JSONValue {
        [
            "worlds": .integer(worlds), "passed": .bool(broken == nil), "exchanges": .integer(total.exchanges),
            "events": .integer(total.events), "answered": .integer(total.answered),
            "refused": .integer(total.refused), "unlawful": .integer(total.unlawful),
            "interrupted": .integer(total.interrupted), "client_gone": .integer(total.clientGone),
            "failovers": .integer(total.failovers), "retries": .integer(total.retries),
            "probes": .integer(total.probes), "continued": .integer(total.continued),
            "waits": .integer(total.waits), "waits_refused": .integer(total.waitsRefused),
            "snapshots": .integer(total.snapshots), "stalls": .integer(total.stalls),
            "hedges": .integer(total.hedges), "hedges_won": .integer(total.hedgesWon),
            "hedges_inherited": .integer(total.hedgesInherited), "hedges_idle": .integer(total.hedgesIdle),
            "drills": .integer(total.drills), "attempts_injected": .integer(total.injected),
            "last_resorts": .integer(total.lastResorts), "trace": .string(String(total.traceHash, radix: 16)),
            "broken": broken.map { report in
                [
                    "seed": .string("\(report.seed)"), "violations": .strings(report.violations),
                    "last_events": .strings(report.lastEvents),
                    "replay": .string("holdfast simulate --seed \(report.seed)"),
                ]
            } ?? .null,
        ]
    }
}
