import HoldfastCore

/// What clients got, by the second and by class.
struct GoodputReport: Sendable {
    struct Counts: Sendable {
        /// Clients that came.
        var offered = 0
        /// By the second of the answer; also to those who asked again.
        var answered = 0
        /// Clients whose first try got no answer, by the second in which they came.
        var disappointed = 0
    }

    private var seconds: [Criticality: [Int: Counts]] = [:]
    /// What came to the providers, and what by the machines' own records went to them.
    var asked = 0
    var attempts = 0
    var refusedByProvider = 0
    /// Attempts that the throttle held back.
    var dropped = 0
    var refusedByQueue = 0
    var refusedByQueueAfterAttempts = 0
    var violations: [String] = []

    mutating func count(_ criticality: Criticality, _ now: Instant, _ change: (inout Counts) -> Void) {
        change(&seconds[criticality, default: [:]][Int(now.nanoseconds / Span.second), default: Counts()])
    }

    func counts(_ span: Range<Int>, of classes: [Criticality] = Criticality.allCases) -> Counts {
        var sum = Counts()
        for counts in classes.flatMap({ criticality in span.compactMap { seconds[criticality]?[$0] } }) {
            sum.offered += counts.offered
            sum.answered += counts.answered
            sum.disappointed += counts.disappointed
        }
        return sum
    }

    // MARK: - By stages

    private static let length = Int(GoodputWorld.stageNanoseconds / Span.second)

    func stage(_ stage: Int, of classes: [Criticality] = Criticality.allCases) -> Counts {
        counts(stage * Self.length..<(stage + 1) * Self.length, of: classes)
    }

    /// Answers in hundredths of what the best of all loads had, at ten times the load.
    var percentOfPeak: Int {
        let loads = GoodputWorld.loads.indices.dropLast()
        let peak = loads.map { stage($0).answered }.max() ?? 0
        return 100 * stage(loads.last ?? 0).answered / max(peak, 1)
    }

    /// Of the last stage, so many seconds after the load has dropped.
    func afterwards(from second: Int) -> Counts {
        let begins = (GoodputWorld.loads.count - 1) * Self.length
        return counts(begins + second..<begins + Int(GoodputWorld.lastStageNanoseconds / Span.second))
    }

    /// Answers for each hundred clients that came.
    func percentAnswered(_ criticality: Criticality, stage: Int) -> Int {
        let counts = self.stage(stage, of: [criticality])
        return 100 * counts.answered / max(counts.offered, 1)
    }
}

extension GoodputReport: CustomStringConvertible {
    var description: String {
        let stages = GoodputWorld.loads.indices.map { place in
            let classes = Criticality.allCases.map { "\($0.rawValue) \(percentAnswered($0, stage: place)) %" }
            return "\(GoodputWorld.loads[place]) tenths: \(stage(place)) \(classes.joined(separator: ", "))"
        }
        let sums = "attempts \(asked), turned away \(refusedByProvider), dropped \(dropped), by queue \(refusedByQueue)"
        return (["\(percentOfPeak) % of the peak", sums, "afterwards \(afterwards(from: 10))"] + stages)
            .joined(separator: "\n")
    }
}
