import Testing

@testable import HoldfastCore

@Suite struct KeyTextTests {
    @Test func aMadeKeyReadsBack() {
        var random = SeededRandom(seed: 1)
        let text = KeyText.make(kind: .client, id: "triage-app", using: &random)
        #expect(KeyText(text)?.id == "triage-app")
        #expect(KeyText(text)?.kind == .client)
        #expect(text.utf8.count <= KeyText.longest)
    }

    @Test func theLongestIdOfEveryKindReadsBack() {
        var random = SeededRandom(seed: 3)
        let id = String(repeating: "a", count: KeyText.longestID)
        let lengths = KeyText.Kind.allCases.map { kind in
            let text = KeyText.make(kind: kind, id: id, using: &random)
            #expect(text.hasPrefix("hf_\(kind.rawValue)_") && KeyText(text)?.kind == kind)
            return text.utf8.count
        }
        #expect(lengths.max() == KeyText.longest)
    }

    @Test func everySingleChangedCharacterIsRefused() {
        var random = SeededRandom(seed: 2)
        let text = Array(KeyText.make(kind: .client, id: "a", using: &random).utf8)
        for place in text.indices {
            var changed = text
            changed[place] = changed[place] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
            #expect(KeyText(String(decoding: changed, as: UTF8.self)) == nil)
        }
    }

    @Test(arguments: ["", "hf", "hf___", "sk-proj-abc", "hf_client_a_b_c", String(repeating: "x", count: 100_000)])
    func shapesThatWereNeverKeysAreRefused(text: String) {
        #expect(KeyText(text) == nil)
    }
}
