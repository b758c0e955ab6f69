import Testing

@testable import HoldfastCore

@Suite struct FailureTableTests {
    @Test(arguments: FailureFixture.all) func everyKnownAnswerHasItsClass(fixture: FailureFixture) {
        #expect(FailureTable.classify(fixture.signal) == fixture.expected)
    }

    @Test(arguments: Array(500..<600)) func anyServerErrorStaysTransientWhateverItSays(status: Int) {
        for words in ["insufficient_quota", "invalid_api_key", "model_not_found", "content_filter"] {
            let signal = FailureSignal(status: status, code: words, type: words, message: words)
            #expect(FailureTable.classify(signal) == (status == 529 ? .capacity : .transient))
        }
    }

    /// A caller chooses a role, a tool name or a field, and the provider quotes it in its complaint. That must never
    /// become a failure that takes the deployment from everyone else.
    @Test(arguments: [
        "credit balance", "spending cap", "location is not supported", "account is not active", "api key not valid",
        "model has been retired", "is not a valid model id", "x' credit balance", "x\" spending cap",
        "x` decommissioned model", "requires billing to be enabled", "your access was terminated",
        "model access is denied",
        "unsupported countries, regions, or territories", "model identifier is invalid", "(or it may not exist)",
        "API has not been used in project", "model has reached the end of its life",
    ])
    func whatACallerSpellsOutIsNotRead(words: String) {
        let echoes = [
            "Invalid value: '\(words)'. Supported values are: 'system', 'assistant'.",
            "Invalid value: \"\(words)\".", "Unknown parameter: `\(words)`, did you mean `model`?",
            "[{'type': 'literal_error', 'loc': ('body', 'role'), 'input': '\(words)'}]",
        ]
        for echo in echoes {
            let signal = FailureSignal(status: 400, type: "invalid_request_error", message: echo)
            #expect(FailureTable.classify(signal) == .callerFault, "\(echo)")
        }
    }

    /// What takes a key away is looked for only under the statuses that its provider says it with.
    @Test(arguments: [
        "usage limit, please wait or upgrade", "requires more credits, or fewer max_tokens", "provider returned error",
        "is behind a virtual network", "request not allowed",
    ])
    func aPhraseUnderAnotherStatusIsNotRead(words: String) {
        #expect(FailureTable.classify(FailureSignal(status: 400, message: "The text \(words) is odd")) == .callerFault)
    }

    @Test(arguments: ["It's", "'", "\"", "``", "' '", "", "\u{0}'\u{7f}\"", "é'ü'"])
    func oddQuotingIsHarmless(message: String) {
        #expect(FailureTable.classify(FailureSignal(status: 400, message: message)) == .callerFault)
        let plain = FailureSignal(
            status: 400, message: "Your organisation's credit balance is the client's. \(message)")
        #expect(FailureTable.classify(plain) == .quota)
    }

    @Test func onlyClassesThatBlameTheDeploymentFeedItsBreaker() {
        let neutral = FailureClass.allCases.filter { $0.policy.outcome == .neutral }
        let suspending: [FailureClass] = [.quota, .credential, .restricted, .account, .modelAccess, .modelGone]
        let mild: [FailureClass] = [.tooLong, .policy, .callerFault, .diverged, .neutral, .localExhaustion]
        #expect(neutral == [.capacity, .rateLimit] + suspending + mild)
        #expect(FailureClass.allCases.filter { $0.policy.hold != .none } == [.rateLimit] + suspending)
        #expect(FailureClass.allCases.filter(\.policy.alert) == suspending)
        #expect(!FailureClass.allCases.contains { $0.policy.outcome == .ok })
        let again = FailureClass.allCases.filter { $0.policy.sameDeployment != .never }
        #expect(again == [.transient, .capacity, .rateLimit])
        let stays = FailureClass.allCases.filter { $0.policy.moveOn == .never }
        #expect(stays == [.policy, .callerFault, .neutral])
    }
}
