import Testing

@testable import HoldfastCore

@Suite struct LimitEstimateTests {
    @Test(arguments: [(-1, 0), (0, 0), (1, 1), (4, 1), (5, 2), (4_000, 1_000), (Int.max, 1 << 32)])
    func fourBytesAreAToken(bytes: Int, tokens: Int64) {
        let need = LimitNeed.estimate(inputBytes: bytes, outputTokenBound: 7, learnt: nil)
        #expect(need.inputTokens == tokens)
    }

    @Test func theClientsBoundComesBeforeWhatWasLearntAndThatBeforeAGuess() {
        func output(_ bound: Int?, _ learnt: Int?) -> Int64 {
            LimitNeed.estimate(inputBytes: 4, outputTokenBound: bound, learnt: learnt).outputTokens
        }
        #expect(output(4_096, 300) == 4_096)
        #expect(output(nil, 300) == 300)
        #expect(output(nil, nil) == 1_024)
        #expect(output(0, 300) == 0)
        #expect(output(.max, nil) == LimitNeed.mostTokens)
        #expect(output(-5, nil) == 0)
    }

    @Test func theWorseVerdictWinsAndOfTwoAlikeTheLonger() {
        let verdicts: [LimitVerdict] = [
            .open, .scarce(until: at(50)), .scarce(until: at(90)), .exhausted(until: at(10)),
            .exhausted(until: at(20)),
        ]
        for (place, one) in verdicts.enumerated() {
            for other in verdicts[...place] {
                #expect(one.worse(other) == one)
                #expect(other.worse(one) == one)
            }
        }
    }

    @Test func tooFewAnswersSayNothing() {
        var estimate = OutputEstimate()
        for _ in 0..<49 { estimate.learn(outputTokens: 100) }
        #expect(estimate.p90 == nil)
        estimate.learn(outputTokens: 100)
        #expect(estimate.p90 == 111, "the step from 96 to 111")
    }

    @Test func everyStepEndsWhereTheNextBegins() {
        var last = -1
        for step in 0..<76 {
            let longest = OutputEstimate.longest(step)
            #expect(OutputEstimate.step(last + 1) == step && OutputEstimate.step(longest) == step)
            #expect(longest <= max(last + 1, (last + 1) * 5 / 4), "at most a quarter too high")
            last = longest
        }
        #expect(last == OutputEstimate.mostTokens - 1)
        #expect(OutputEstimate.step(.max) == 75 && OutputEstimate.step(-1) == 0)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>) func nineOfTenAnswersAreNoLonger(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var estimate = OutputEstimate()
        var answers: [Int] = []
        for _ in 0..<1_000 {
            let tokens = Int(random.below(1 << random.below(15)))
            answers.append(tokens)
            estimate.learn(outputTokens: tokens)
            guard let p90 = estimate.p90 else { continue }
            let exact = answers.sorted()[answers.count - 1 - answers.count / 10]
            #expect(p90 >= exact && p90 <= exact + exact / 4)
        }
    }

    @Test func itFollowsADeploymentWhoseAnswersChange() {
        var estimate = OutputEstimate()
        for _ in 0..<100_000 { estimate.learn(outputTokens: 5_000) }
        #expect(estimate.p90 == 5_119)
        var answers = 0
        while estimate.p90 != 111, answers < 10_000 {
            estimate.learn(outputTokens: 100)
            answers += 1
        }
        #expect((500...5_000).contains(answers), "\(answers)")
    }
}
