import Testing

@testable import HoldfastCore

/// Gateways that pull late, fall silent, restart and lie, and a snapshot that is good or bad.
@Suite struct RolloutPropertyTests {
    private struct Gateway {
        var id: String
        var inForce: UInt64 = 7
        var requests: Int64 = 0
        var errors: Int64 = 0
        var silentUntil = 0
        var lies: Bool
    }

    private struct World {
        var rollout: Rollout
        var gateways: [Gateway]
        var errorPercent: Int64
        var isBusy: Bool
        var now = Instant.zero
        var proven = false
        /// Who has it, and since which second.
        var onProposed: [String: Int] = [:]

        init(_ random: inout SeededRandom) {
            let count = 1 + Int(random.below(6))
            gateways = (0..<count).map { Gateway(id: "g\($0)", lies: false) }
            for place in gateways.indices { gateways[place].lies = random.below(6) == 0 }
            errorPercent = [0, 1, 30][Int(random.below(3))]
            isBusy = random.below(4) > 0
            rollout = Rollout(RolloutRig.generations, gateways: gateways.map(\.id), now: .zero)
        }

        mutating func step(_ second: Int, _ random: inout SeededRandom) {
            now = Instant(nanoseconds: Int64(second) * Span.second)
            for place in gateways.indices { act(place, second, &random) }
            // Reports of nobody, and of generations that are not.
            if random.below(20) == 0 {
                let made = UInt64(random.below(12))
                rollout.reported(gateway: "x", generation: made, requests: random.below(100), errors: 0, now: now)
                rollout.removed(gateway: "x", now: now)
            }
            rollout.tick(now: now)
            if rollout.phase == .spreading || rollout.phase == .done { proven = true }
        }

        private mutating func act(_ place: Int, _ second: Int, _ random: inout SeededRandom) {
            let id = gateways[place].id
            // It adopts only what is higher, and not at once.
            let target = rollout.target(of: id)
            if random.below(3) == 0, target > gateways[place].inForce {
                gateways[place].inForce = target
                (gateways[place].requests, gateways[place].errors) = (0, 0)
                if target == 8 { onProposed[id] = onProposed[id] ?? second }
            }
            let served = isBusy ? random.below(20) : random.below(60) == 0 ? 1 : 0
            gateways[place].requests += served
            let percent = gateways[place].inForce == 8 ? errorPercent : 1
            for _ in 0..<served where random.below(100) < percent { gateways[place].errors += 1 }
            switch random.below(500) {
            case 0: (gateways[place].requests, gateways[place].errors) = (0, 0)
            case 1: gateways[place].silentUntil = second + Int(random.below(90))
            default: break
            }
            guard second >= gateways[place].silentUntil else { return }
            let lies = gateways[place].lies && random.below(3) == 0
            rollout.reported(
                gateway: id, generation: lies ? UInt64(random.below(12)) : gateways[place].inForce,
                requests: lies ? random.below(1_000) - 10 : gateways[place].requests,
                errors: lies ? random.below(1_000) : gateways[place].errors, now: now)
        }
    }

    @Test(arguments: 0..<400) func neverMoreThanOneHasWhatIsUnproven(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var world = World(&random)
        var returned: Rollout.Phase?
        for second in 1...1_200 {
            let wasProven = world.proven
            world.step(second, &random)
            let truthful = world.gateways.first { $0.id == world.rollout.canary }?.lies == false
            if world.proven, !wasProven, truthful {
                let since = world.onProposed[world.rollout.canary ?? ""]
                #expect(since.map { second - $0 >= 60 } == true, "seed \(seed): it was watched for its whole time")
            }
            let ids = world.gateways.map(\.id) + ["unknown"]
            let targets = ids.map(world.rollout.target)
            let context: Comment = "seed \(seed), second \(second), \(world.rollout.phase)"
            if !world.proven {
                #expect(targets.count { $0 == 8 } <= 1, context)
                #expect(world.onProposed.count <= 1, context)
            }
            if case .returned = world.rollout.phase {
                #expect(Set(targets) == [9], context)
                #expect(returned == nil || returned == world.rollout.phase, "it does not come back: \(context)")
                returned = world.rollout.phase
            } else {
                #expect(returned == nil, context)
            }
            let isOver = world.rollout.phase == .done || returned != nil
            #expect(isOver == (world.rollout.waiting == nil), "it is over, or it says what it waits for: \(context)")
        }
        // A bad snapshot under load, whose canary tells the truth, goes nowhere.
        let truthful = world.gateways.first { $0.id == world.rollout.canary }?.lies == false
        if world.errorPercent == 30, world.isBusy, truthful {
            #expect(returned != nil, "seed \(seed)")
            #expect(!world.proven, "seed \(seed)")
        }
    }

    @Test func worldsEndInEveryWay() {
        var ends: [String: Int] = [:]
        for seed in 0..<400 {
            var random = SeededRandom(seed: UInt64(seed))
            var world = World(&random)
            for second in 1...1_200 { world.step(second, &random) }
            ends["\(world.rollout.phase) \(world.rollout.waiting.map { "\($0)" } ?? "")", default: 0] += 1
        }
        for end in ["done", "returned(HoldfastCore.Rollout.Reason.errorsRose)", "tooLittleTraffic"] {
            #expect(ends.contains { $0.key.contains(end) && $0.value >= 5 }, "\(ends)")
        }
    }
}
