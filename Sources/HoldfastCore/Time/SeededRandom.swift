/// SplitMix64 (Steele, Lea and Flood, 2014): small, fast, and the same sequence for the same seed on every machine,
/// which is what replay needs. Not for secrets.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in `0 ..< bound`; 0 where the bound is not positive.
    package mutating func below(_ bound: Int64) -> Int64 {
        guard bound > 0 else { return 0 }
        // Lemire's method (2019), written out: the standard library does not promise the same numbers in its next
        // version, and a recorded seed must replay there too.
        let range = UInt64(bound)
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold {
                product = next().multipliedFullWidth(by: range)
            }
        }
        return Int64(product.high)
    }
}
