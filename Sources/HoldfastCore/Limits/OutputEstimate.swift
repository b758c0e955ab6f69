/// How long a deployment's answers are, for exchanges that set no bound of their own.
///
/// A histogram with four steps to each doubling: what it says is at most a quarter too high, in a few hundred bytes,
/// whatever the answers are. All counts are halved when they get large, so that it follows a deployment whose answers
/// change; a single long answer is forgotten that way too.
package struct OutputEstimate: Sendable {
    /// Fewer say more about chance than about the deployment.
    package static let leastSamples = 50
    /// Half of them stay: it remembers about the last thousand.
    static let mostSamples = 1_024
    /// Longer answers count as this long.
    static let mostTokens = 1 << 20

    /// 0 to 3 tokens have a step each, then four steps to each doubling up to 2²⁰.
    private var counts = InlineArray<76, UInt16>(repeating: 0)
    private var samples = 0

    package init() {}

    package mutating func learn(outputTokens: Int) {
        counts[Self.step(outputTokens)] += 1
        samples += 1
        guard samples >= Self.mostSamples else { return }
        samples = 0
        for step in counts.indices {
            counts[step] /= 2
            samples += Int(counts[step])
        }
    }

    /// Nine answers out of ten are no longer, in tokens; nil: too few were seen.
    package var p90: Int? {
        guard samples >= Self.leastSamples else { return nil }
        // From the long end, where a tenth is soon counted.
        let longer = samples / 10
        var counted = 0
        for step in counts.indices.reversed() {
            counted += Int(counts[step])
            if counted > longer { return Self.longest(step) }
        }
        return nil
    }

    static func step(_ tokens: Int) -> Int {
        let tokens = min(max(tokens, 0), mostTokens - 1)
        guard tokens >= 4 else { return tokens }
        let doubling = Int.bitWidth - 1 - tokens.leadingZeroBitCount
        return (doubling - 1) * 4 + (tokens >> (doubling - 2)) & 3
    }

    /// The most tokens that fall into a step.
    static func longest(_ step: Int) -> Int {
        guard step >= 4 else { return step }
        let width = 1 << (step / 4 - 1)
        return (4 + step % 4 + 1) * width - 1
    }
}
