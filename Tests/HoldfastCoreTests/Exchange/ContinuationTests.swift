import Testing

@testable import HoldfastCore

@Suite struct ContinuationTests {
    private func verdicts(
        _ method: Continuation.Method, sent text: String, then parts: [String]
    ) -> (verdicts: [Continuation.Verdict], mayEnd: Bool) {
        var sent = SentText()
        #expect(Array(text.utf8).withUnsafeBytes { sent.append($0) })
        var continuation = Continuation(method, of: sent)
        let verdicts = parts.map { part in Array(part.utf8).withUnsafeBytes { continuation.take($0) } }
        return (verdicts, continuation.mayEnd)
    }

    @Test func aRepetitionGoesOnWhereItPassesWhatWasSent() {
        #expect(
            verdicts(.repeated, sent: "Hello wor", then: ["Hel", "lo ", "world"]).verdicts == [
                .repeats, .repeats, .goesOn(from: 3),
            ])
        #expect(
            verdicts(.repeated, sent: "Hello", then: ["Hello", " world"]).verdicts == [.repeats, .goesOn(from: 0)])
        #expect(verdicts(.repeated, sent: "", then: ["Hello"]).verdicts == [.goesOn(from: 0)])
    }

    @Test func anyOtherWordDiverges() {
        #expect(verdicts(.repeated, sent: "Hello wor", then: ["Hello, wor"]).verdicts == [.diverges])
        #expect(verdicts(.repeated, sent: "Hello wor", then: ["Hello", " wox"]).verdicts == [.repeats, .diverges])
        #expect(verdicts(.repeated, sent: "Hello", then: ["hello"]).verdicts == [.diverges])
    }

    @Test func aRepetitionThatEndsTooSoonIsNotWhole() {
        #expect(!verdicts(.repeated, sent: "Hello", then: ["Hell"]).mayEnd)
        #expect(verdicts(.repeated, sent: "Hello", then: ["Hell", "o"]).mayEnd)
    }

    @Test func aPrefilledAnswerGoesOnAtOnce() {
        let sent = "The quick brown fox jumps over the lazy dog"
        #expect(verdicts(.prefilled, sent: sent, then: [" and runs"]).verdicts == [.goesOn(from: 0)])
        #expect(verdicts(.prefilled, sent: sent, then: ["The", " end"]).verdicts == [.undecided, .goesOn(from: 0)])
        #expect(verdicts(.prefilled, sent: sent, then: ["The"]).mayEnd, "a continuation may be that short")
    }

    /// Found by the simulator: an empty answer passed half of one for the whole.
    @Test func aPrefilledAnswerThatSaysNothingIsNoEnd() {
        #expect(!verdicts(.prefilled, sent: "The quick brown fox", then: []).mayEnd)
    }

    @Test func aPrefilledAnswerThatBeginsAgainIsHeldToWhatWasSent() {
        let sent = "The quick brown fox jumps over the lazy dog"
        let again = "The quick brown fox jumps over the l"
        #expect(
            verdicts(.prefilled, sent: sent, then: [again, "azy dog and"]).verdicts == [
                .repeats, .goesOn(from: 7),
            ])
        #expect(
            verdicts(.prefilled, sent: sent, then: ["The quick ", sent.dropFirst(10) + "!"]).verdicts == [
                .undecided, .goesOnAfterRepeating(from: 33),
            ])
        #expect(verdicts(.prefilled, sent: sent, then: [again, "oud dog"]).verdicts == [.repeats, .diverges])
        #expect(!verdicts(.prefilled, sent: sent, then: [again]).mayEnd)
    }

    @Test func tooLittleWasSentToTellARestartBy() {
        #expect(verdicts(.prefilled, sent: "Ha", then: ["Ha", "Ha"]).verdicts.first == .goesOn(from: 0))
    }

    @Test func moreThanTheBoundIsNotKept() {
        var sent = SentText()
        let half = [UInt8](repeating: 1, count: SentText.longestBytes / 2)
        let isKept = half.withUnsafeBytes { sent.append($0) && sent.append($0) }
        #expect(isKept)
        let isStillKept = [1].withUnsafeBytes { sent.append($0) }
        #expect(!isStillKept)
    }
}
