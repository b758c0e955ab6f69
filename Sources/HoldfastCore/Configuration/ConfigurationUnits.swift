/// Numbers with units, read and written in integers: a decimal fraction is accepted where the result is a whole number
/// of the smallest unit, and nothing ever passes through floating point.
package enum ConfigurationUnits {
    static let durations: [(suffix: String, nanoseconds: Int64)] = [
        ("ms", Span.millisecond), ("s", Span.second), ("m", Span.minute), ("h", Span.hour), ("d", Span.day),
    ]
    static let sizes: [(suffix: String, bytes: Int64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]

    /// Nanoseconds.
    package static func duration(_ text: String) -> Int64? {
        quantity(text, units: durations.map { ($0.suffix, $0.nanoseconds) })
    }

    /// Bytes.
    package static func size(_ text: String) -> Int? {
        quantity(text, units: sizes.map { ($0.suffix, $0.bytes) }).flatMap { Int(exactly: $0) }
    }

    /// Millionths of a US dollar: at most six decimals.
    package static func money(_ text: String) -> Int64? {
        scaled(text[...], by: 1_000_000)
    }

    /// US dollars as `money` reads them: `400`, `0.5`.
    package static func moneyText(_ micros: Int64) -> String {
        let (whole, rest) = micros.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let sign = micros < 0 ? "-" : ""
        guard rest > 0 else { return "\(sign)\(whole)" }
        let digits = String(rest)
        var decimals = String(repeating: "0", count: 6 - digits.count) + digits
        while decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(sign)\(whole).\(decimals)"
    }

    /// In the largest unit that leaves a whole number: `90s`, `10m`, `250ms`.
    package static func durationText(_ nanoseconds: Int64) -> String {
        let fitting = durations.last { nanoseconds % $0.nanoseconds == 0 && nanoseconds >= $0.nanoseconds }
        guard let unit = fitting else {
            return nanoseconds == 0 ? "0s" : "\(nanoseconds / Span.millisecond)ms"
        }
        return "\(nanoseconds / unit.nanoseconds)\(unit.suffix)"
    }

    package static func sizeText(_ bytes: Int) -> String {
        let fitting = sizes.last { Int64(bytes) % $0.bytes == 0 && Int64(bytes) >= $0.bytes }
        return fitting.map { "\(Int64(bytes) / $0.bytes)\($0.suffix)" } ?? "\(bytes)B"
    }

    /// A whole number of at most 18 digits, without sign and without leading zeros, which some would read as octal.
    package static func integer(_ text: String) -> Int? {
        let bytes = text.utf8
        guard (1...18).contains(bytes.count), bytes.allSatisfy(ASCIIText.isDigit),
            bytes.count == 1 || bytes.first != 0x30
        else { return nil }
        return Int(text)
    }

    /// Whether `text` is a day of the Gregorian calendar as `YYYY-MM-DD`.
    package static func isDate(_ text: String) -> Bool {
        CalendarDay(text) != nil
    }

    /// Minutes since midnight, of `HH:MM` with 24 hours.
    package static func minuteOfDay(_ text: String) -> Int? {
        let parts = text.utf8.split(separator: 0x3A, omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.allSatisfy(ASCIIText.isDigit) }),
            let hour = Int(String(decoding: parts[0], as: UTF8.self)), hour < 24,
            let minute = Int(String(decoding: parts[1], as: UTF8.self)), minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    private static func quantity(_ text: String, units: [(suffix: String, factor: Int64)]) -> Int64? {
        let suffix = text.drop { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
        return scaled(text[..<suffix.startIndex], by: unit.factor)
    }

    /// `text`, digits with at most one point between them, times `factor`; nil where that is no whole number.
    private static func scaled(_ text: Substring, by factor: Int64) -> Int64? {
        let parts = text.utf8.split(separator: 0x2E, maxSplits: 2, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(ASCIIText.isDigit) }),
            parts[0].count <= 18, parts.count == 1 || parts[1].count <= 9
        else { return nil }
        var numerator: Int128 = 0
        var denominator: Int128 = 1
        for byte in parts.joined() {
            numerator = numerator * 10 + Int128(byte - 0x30)
        }
        if parts.count == 2 {
            for _ in parts[1] {
                denominator *= 10
            }
        }
        let (quotient, remainder) = (numerator * Int128(factor)).quotientAndRemainder(dividingBy: denominator)
        return remainder == 0 ? Int64(exactly: quotient) : nil
    }
}
