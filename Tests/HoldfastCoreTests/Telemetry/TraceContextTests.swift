import Testing

@testable import HoldfastCore

/// The table of good and bad is that of the recommendation's own text and of its test suite's cases.
@Suite struct TraceContextTests {
    static let trace = "0af7651916cd43dd8448eb211c80319c"
    static let span = "b7ad6b7169203331"

    @Test(arguments: [
        ("00-\(trace)-\(span)-01", true), ("00-\(trace)-\(span)-00", false), ("00-\(trace)-\(span)-03", true),
        ("00-\(trace)-\(span)-fe", false),
        // A later version, with and without more behind it.
        ("01-\(trace)-\(span)-01", true), ("cc-\(trace)-\(span)-01-what-the-future-will-be-like", true),
        ("cc-\(trace)-\(span)-01-", true), ("fe-\(trace)-\(span)-00", false),
    ])
    func whatIsLegalIsRead(text: String, isSampled: Bool) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceHigh == 0x0af7_6519_16cd_43dd && context.traceLow == 0x8448_eb21_1c80_319c)
        #expect(context.span == 0xb7ad_6b71_6920_3331)
        #expect(context.isSampled == isSampled)
        #expect(context.traceparent == "00-\(Self.trace)-\(Self.span)-0\(isSampled ? 1 : 0)")
    }

    @Test(arguments: [
        "", "00", "00-", "00-\(trace)", "00-\(trace)-\(span)", "00-\(trace)-\(span)-", "00-\(trace)-\(span)-0",
        "00-\(trace)-\(span)-1", "00-\(trace)-\(span)-01-", "00-\(trace)-\(span)-01-more", "00-\(trace)-\(span)-011",
        "ff-\(trace)-\(span)-01", "0f-\(trace)-\(span)-01.more", "cc-\(trace)-\(span)-01more",
        "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-\(span)-01", "00-\(trace)-B7AD6B7169203331-01",
        "00-\(trace)-\(span)-0A", "0A-\(trace)-\(span)-01", "00-\(trace)x-\(span)-01",
        "00-\(trace.dropLast())-\(span)-01",
        "00_\(trace)_\(span)_01", "00-.af7651916cd43dd8448eb211c80319c-\(span)-01", "0x-\(trace)-\(span)-01",
        " 00-\(trace)-\(span)-01", "00-\(trace)-\(span)-01 ", "00-\(trace)-\(span.dropLast())ä-01",
        "01-\(trace)-\(span)-01-" + String(repeating: "a", count: 600),
    ])
    func whatIsNotIsRefused(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func damageIsReadOrRefusedAndWhatIsReadIsWrittenLegally() {
        var random = SeededRandom(seed: 7)
        let good = Array("00-\(Self.trace)-\(Self.span)-01".utf8)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...random.below(3) {
                let place = Int(random.below(Int64(bytes.count)))
                switch random.below(3) {
                case 0: bytes[place] = UInt8(random.below(128))
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(random.below(128)), at: place)
                }
            }
            guard let context = TraceContext(traceparent: String(decoding: bytes, as: UTF8.self)) else { continue }
            #expect(TraceContext(traceparent: context.traceparent) == context)
        }
    }

    @Test func aChildIsAnotherSpanOfTheSameTrace() {
        var random = SeededRandom(seed: 1)
        let parent = TraceContext(startedWith: &random)
        let (first, second) = (parent.child(&random), parent.child(&random))
        #expect(parent.isSampled && first.isSampled)
        #expect(first.traceHigh == parent.traceHigh && first.traceLow == parent.traceLow)
        #expect(Set([parent.span, first.span, second.span]).count == 3)
        var again = SeededRandom(seed: 1)
        #expect(TraceContext(startedWith: &again) == parent)
    }

    // MARK: - tracestate

    @Test(arguments: [
        ("a=1", "a=1"), ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\tb=2 ", "a=1,b=2"), ("a=1,,b=2,", "a=1,b=2"), ("fw529a3039@dt=FfAaf", "fw529a3039@dt=FfAaf"),
        ("0t@v=1", "0t@v=1"), ("a_-*/=1 2", "a_-*/=1 2"), ("a=\(String(repeating: "v", count: 256))", nil),
    ])
    func aLegalStateIsKept(text: String, kept: String?) {
        #expect(TraceState(text)?.text == kept ?? text)
    }

    @Test(arguments: [
        "", ",", " ", "a", "a=", "=1", "A=1", "1a=1", "a=1,a=2", "a b=1", "a=1=2", "a=\u{7}", "a=ä", "a@1=1", "@v=1",
        "a@=1",
        "a@b@c=1", "a@abcdefghijklmno=1", "\(String(repeating: "a", count: 257))=1",
        "a=\(String(repeating: "v", count: 257))", "a=1,b=\(String(repeating: "v", count: 600))",
    ])
    func anIllegalStateIsDroppedWhole(text: String) {
        #expect(TraceState(text) == nil)
    }

    @Test func aStateHasABoundOnItsMembers() {
        func state(_ count: Int) -> String { (0..<count).map { "k\($0)=1" }.joined(separator: ",") }
        #expect(TraceState(state(32)) != nil)
        #expect(TraceState(state(33)) == nil)
    }
}
