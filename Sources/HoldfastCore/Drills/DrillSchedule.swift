/// On which days and when a drill is due, in UTC: a drill at ten in the morning is at the same time for everybody who
/// reads of it, and no day has two ten o'clocks or none.
package struct DrillCalendar: Sendable, Hashable {
    package enum Days: Sendable, Hashable {
        /// From `from` on, every so many days; 1: each day.
        case every(days: Int64)
        /// Days of the week, 0 is Monday; in every so many weeks, counted from the week of `from`.
        case weekly(Set<Int>, everyWeeks: Int64)
        /// Days of the month, 1 … 31; a month that has none of that number is passed over.
        case monthly(Set<Int>)
    }

    package var days: Days
    package var minuteOfDay: Int64
    /// Nothing is due before; and intervals are counted from it.
    package var from: CalendarDay
    /// Days on which nothing happens. What falls on one is not made up for.
    package var except: Set<CalendarDay>

    /// A Monday, so that weeks begin where people think they do.
    package static let usualFrom = CalendarDay(year: 2024, month: 1, day: 1)
    /// As far as the next one is looked for: a 29 February that falls on no blackout comes within eight years.
    private static let mostDays: Int64 = 366 * 9

    package init(
        _ days: Days, minuteOfDay: Int64, from: CalendarDay = usualFrom, except: Set<CalendarDay> = []
    ) {
        self.days = days
        self.minuteOfDay = minuteOfDay
        self.from = from
        self.except = except
    }

    /// The first instant after `milliseconds` at which it is due; nil: there is none in sight.
    package func next(after milliseconds: Int64) -> Int64? {
        let (today, _) = CalendarDay.split(unixMilliseconds: milliseconds)
        var day = max(today, from)
        for _ in 0..<Self.mostDays {
            let at = day.daysSince1970 * 86_400_000 + minuteOfDay * 60_000
            if at > milliseconds, isMeant(day) { return at }
            day = day.advanced(byDays: 1)
        }
        return nil
    }

    /// The last instant at or before `milliseconds`, and after `earlier`, at which it was due; and how many there were.
    package func last(after earlier: Int64, upTo milliseconds: Int64) -> (at: Int64, count: Int)? {
        var found: (at: Int64, count: Int)?
        var place = earlier
        while let at = next(after: place), at <= milliseconds {
            found = (at, (found?.count ?? 0) + 1)
            place = at
        }
        return found
    }

    func isMeant(_ day: CalendarDay) -> Bool {
        guard day >= from, !except.contains(day) else { return false }
        switch days {
        case .every(let count): return day.days(since: from) % max(count, 1) == 0
        case .weekly(let wanted, let everyWeeks):
            let weeks = day.monday.days(since: from.monday) / 7
            return wanted.contains(day.weekday) && weeks % max(everyWeeks, 1) == 0
        case .monthly(let wanted): return wanted.contains(day.dayOfMonth)
        }
    }
}

/// A drill that starts by itself.
package struct DrillSchedule: Sendable, Hashable {
    /// As the section of the configuration names it.
    package var name: String
    package var request: DrillRequest
    package var calendar: DrillCalendar
    /// Before it begins, whoever listens for events is told; nil: nobody is.
    package var announceMilliseconds: Int64?

    /// A minute late is still on time: a loop may be held up. What is later was missed, since nobody was there, and is not
    /// made up for: several drills in a row, at a time that nobody chose, would be a failure of their own.
    package static let graceMilliseconds: Int64 = 60_000
    /// What is handled lies behind, unless the clock was put back. By less than this nothing is put right: a drill that
    /// has just begun must not begin again because the clock was set back over its time.
    package static let mostAheadMilliseconds: Int64 = 3_600_000

    package init(
        name: String, request: DrillRequest, calendar: DrillCalendar, announceMilliseconds: Int64? = nil
    ) {
        self.name = name
        self.request = request
        self.calendar = calendar
        self.announceMilliseconds = announceMilliseconds
    }

    /// What there is to do about it now.
    package enum Due: Sendable, Hashable {
        case nothing
        /// It will be at that time, and whoever is to be told of it has not been.
        case announce(at: Int64)
        case start(at: Int64)
        /// So many were missed, the last of them at that time.
        case missed(at: Int64, count: Int)
    }

    /// - Parameters:
    ///   - handled: up to when all that was due is started or known to be missed; milliseconds since 1970.
    ///   - announced: the newest that was announced.
    package func due(handled: Int64, announced: Int64?, now: Int64) -> Due {
        if let (at, count) = calendar.last(after: handled, upTo: now) {
            return now - at <= Self.graceMilliseconds ? .start(at: at) : .missed(at: at, count: count)
        }
        guard let announceMilliseconds, let at = calendar.next(after: now), at - now <= announceMilliseconds,
            announced.map({ at > $0 }) ?? true
        else { return .nothing }
        return .announce(at: at)
    }

    /// What is kept of it, where the clock was ahead when that was written and has been put right since; nil: it may stay.
    /// Else nothing would be due, or missed, until those times have come again.
    package func putRight(handled: Int64, announced: Int64?, now: Int64) -> (handled: Int64, announced: Int64?)? {
        let latest = now.addingSaturating(Self.mostAheadMilliseconds)
        let announces = latest.addingSaturating(announceMilliseconds ?? 0)
        guard handled > latest || announced.map({ $0 > announces }) ?? false else { return nil }
        return (min(handled, now), announced.flatMap { $0 > announces ? nil : $0 })
    }
}

/// The section `drills` of the configuration. Gateways look at none of it.
package struct DrillSettings: Sendable, Hashable {
    package var schedules: [DrillSchedule] = []

    package init() {}
}

extension CalendarDay {
    /// 0 is Monday.
    package var weekday: Int {
        // 1970 began on a Thursday.
        let shifted = (daysSince1970 + 3) % 7
        return Int(shifted < 0 ? shifted + 7 : shifted)
    }

    var monday: CalendarDay { advanced(byDays: -Int64(weekday)) }

    /// From 1.
    var dayOfMonth: Int { Int(description.suffix(2)) ?? 0 }
}
