import HoldfastCore
import Testing

struct GuessThrottleTests {
    @Test func `a block has twenty guesses, and one more every six seconds`() {
        var throttle = GuessThrottle()
        for _ in 0..<20 {
            let isAllowed = throttle.recordFailure(block: "10.0.0", now: .zero)
            #expect(isAllowed)
        }
        let isTwentyFirst = throttle.recordFailure(block: "10.0.0", now: .zero)
        let isNeighbour = throttle.recordFailure(block: "10.0.1", now: .zero)
        #expect(!isTwentyFirst && isNeighbour)
        let later = Instant.zero.advanced(byNanoseconds: 6 * Span.second)
        let isRefilled = throttle.recordFailure(block: "10.0.0", now: later)
        let isOneMore = throttle.recordFailure(block: "10.0.0", now: later)
        #expect(isRefilled && !isOneMore)
    }

    @Test(
        arguments: [
            (nil, "local"), ("10.1.2.3", "10.1.2"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
            ("2001:db8::1", "2001:db8:0:0"), ("2001:db8:1:2::", "2001:db8:1:2"), ("::1", "0:0:0:0"),
            ("fe80::1:2:3:4:5", "fe80:0:0:1"),
        ] as [(String?, String)])
    func `addresses of one owner share a block`(address: String?, block: String) {
        #expect(GuessThrottle.block(ofAddress: address) == block)
    }
}
