/// What was taken in the last minute, by the second.
///
/// Sixty seconds that end anywhere touch sixty-one whole ones: with one second less, what was taken late in a second
/// would be forgotten up to a second early, and twice the limit could go out within a minute. So the window is up to a
/// second longer than it has to be. A bucket that refills would need no seconds, but lets nearly twice its size out
/// within a minute, and providers that count by the minute refuse that.
struct MinuteWindow: Sendable {
    static let seconds: Int64 = 61

    struct Counts: Sendable, Hashable {
        var requests: Int64 = 0
        var tokens: Int64 = 0

        static let none = Counts()
    }

    /// By second modulo `seconds`. What is older than the window is zero.
    private var slots = InlineArray<61, Counts>(repeating: .none)
    private var newest: Int64 = 0
    /// Of all slots, so that asking costs the same however much was counted.
    private(set) var sum = Counts.none

    /// Has to come before anything else at `now`. An instant that is earlier than the last one, which an exchange can bring
    /// along when it waited for the lock, belongs to the newest second.
    mutating func advance(to now: Instant) {
        let second = now.nanoseconds / Span.second
        guard second > newest else { return }
        if sum != .none {
            for passed in max(newest + 1, second - Self.seconds + 1)...second {
                let place = Self.place(passed)
                sum.requests -= slots[place].requests
                sum.tokens -= slots[place].tokens
                slots[place] = .none
            }
        }
        newest = second
    }

    /// Returns the second that it is counted in.
    mutating func add(requests: Int64, tokens: Int64) -> Int64 {
        let place = Self.place(newest)
        slots[place].requests += requests
        slots[place].tokens += tokens
        sum.requests += requests
        sum.tokens += tokens
        return newest
    }

    /// Takes back what was counted in `second`, as far as it still is.
    mutating func remove(requests: Int64, tokens: Int64, second: Int64) {
        guard second >= 0, second <= newest, newest - second < Self.seconds else { return }
        let place = Self.place(second)
        let requests = min(requests, slots[place].requests)
        let tokens = min(tokens, slots[place].tokens)
        slots[place].requests -= requests
        slots[place].tokens -= tokens
        sum.requests -= requests
        sum.tokens -= tokens
    }

    /// When no more than `most` of what is counted now will still be; where that is never enough, when all of it is gone.
    /// It looks at every second, in well under a microsecond: it is for what is not open.
    func instant(whenAtMost most: Int64, of count: (Counts) -> Int64) -> Instant {
        var left = count(sum)
        for second in max(newest - Self.seconds + 1, 0)...newest {
            left -= count(slots[Self.place(second)])
            if left <= most { return Self.end(second) }
        }
        return Self.end(newest)
    }

    private static func end(_ second: Int64) -> Instant {
        Instant(nanoseconds: (second + seconds) * Span.second)
    }

    private static func place(_ second: Int64) -> Int {
        Int(second % seconds)
    }
}
