/// What the day on which a provider takes a model away means today. A date is known long before; nobody should learn of
/// it from the first failed exchange.
///
/// Once retired it is handled like a model that is gone: whoever replaces it is asked in its place. Days are UTC, and a
/// provider may switch off some hours later in its own time zone; to stop a little early costs nothing where a
/// replacement stands.
///
/// What it does not know: whether the provider has moved its date. The file says when, and is mended there.
package enum Retirement: Sendable, Hashable {
    /// Without a date, or with one that is far off.
    case none
    /// 1 … `announcedDays`: today the model still answers.
    case announced(daysLeft: Int64)
    /// Since midnight of its day.
    case retired

    /// A quarter of a year: a new model is to be tried out against the old one, and whoever does so plans in quarters.
    /// Providers give notice of two months to a year.
    package static let announcedDays: Int64 = 90
    /// A month: what is not begun by now becomes a hurry.
    package static let warningDays: Int64 = 30
    /// A week: the last one with the right people at work on each day of it.
    package static let urgentDays: Int64 = 7

    package init(retires: CalendarDay?, today: CalendarDay) {
        guard let retires else {
            self = .none
            return
        }
        switch retires.days(since: today) {
        case ...0: self = .retired
        case let left where left <= Self.announcedDays: self = .announced(daysLeft: left)
        default: self = .none
        }
    }

    /// The first day it is announced: from then on, answers carry it as their `Deprecation` and the day itself as their
    /// `Sunset`.
    package static func announced(from retires: CalendarDay) -> CalendarDay {
        retires.advanced(byDays: -announcedDays)
    }

    /// How loud to say it.
    package enum Severity: Int, Sendable, Hashable, Comparable, CaseIterable {
        case notice, warning, urgent

        package static func < (left: Severity, right: Severity) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    /// Nil where there is nothing to say.
    package var severity: Severity? {
        switch self {
        case .none: nil
        case .announced(let left) where left > Self.warningDays: .notice
        case .announced(let left) where left > Self.urgentDays: .warning
        case .announced, .retired: .urgent
        }
    }
}
