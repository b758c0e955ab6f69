import Testing

@testable import HoldfastCore

@Suite struct DrillsSectionTests {
    private static func compile(_ fields: [(String, ConfigurationNode)]) -> ConfigurationOutcome {
        let document: [(String, ConfigurationNode)] = [
            ("version", .text("1")),
            ("drills", .map([("schedules", .map([("weekly", .map(fields))]))])),
            ("providers", .map([("e", .map([("base_url", .text("https://e.example"))]))])),
            ("routes", .map([("all", .map([("candidates", .list(["e/m"]))]))])),
        ]
        let references = ConfigurationReferences(
            environment: { _ in nil }, file: { _ in .failed(reason: "is not there", mend: "none") })
        return ConfigurationCompiler.compile(.map(document), references: references)
    }

    private static let least: [(String, ConfigurationNode)] = [
        ("plan", .text("kill-primary")), ("route", .text("all")), ("at", .text("10:00")),
    ]

    @Test func everyFieldIsRead() throws {
        let outcome = Self.compile([
            ("plan", .text("kill-vendor")), ("name", .text("acme inc")), ("route", .text("all")),
            ("fault", .text("silence")), ("share", .text("10")), ("lease", .text("90s")), ("probes", .text("2")),
            ("target", .text("5s")), ("on", .list(["monday", "sunday"])), ("every_weeks", .text("2")),
            ("at", .text("23:59")), ("from", .text("2026-12-01")), ("except", .list(["2026-12-24"])),
            ("announce", .text("24h")),
        ])
        let found = try #require(outcome.snapshot?.drills.schedules.first, "\(outcome.problems)")
        #expect(found.name == "weekly" && found.announceMilliseconds == 86_400_000)
        #expect(found.request.plan == .killVendor && found.request.name == "acme inc" && found.request.route == "all")
        #expect(found.request.fault == .silence && found.request.sharePercent == 10)
        #expect(found.request.leaseMilliseconds == 90_000 && found.request.probesPerSecond == 2)
        #expect(found.request.recoveryTargetMilliseconds == 5_000 && !found.request.isSham)
        #expect(
            found.calendar
                == DrillCalendar(
                    .weekly([0, 6], everyWeeks: 2), minuteOfDay: 1_439,
                    from: CalendarDay(year: 2026, month: 12, day: 1),
                    except: [CalendarDay(year: 2026, month: 12, day: 24)]))
    }

    @Test func defaults() throws {
        let found = try #require(Self.compile(Self.least).snapshot?.drills.schedules.first)
        #expect(found.request == DrillRig.request(.killPrimary, route: "all"))
        #expect(found.calendar == DrillCalendar(.every(days: 1), minuteOfDay: 600))
        #expect(found.announceMilliseconds == nil)
        let sham = Self.compile(Self.least + [("fault", .text("sham"))])
        #expect(sham.snapshot?.drills.schedules.first?.request.isSham == true)
    }

    static let mistakes: [(fields: [(String, ConfigurationNode)], path: String, fragment: String)] = [
        ([("plan", .text("kill-local"))], ".at", "missing"),
        ([("at", .text("10:00"))], ".plan", "missing"),
        ([("plan", .text("kill-local")), ("at", .text("24:00"))], ".at", "time of the day"),
        ([("plan", .text("kill-local")), ("at", .text("9:00"))], ".at", "time of the day"),
        ([("plan", .text("tabletop")), ("at", .text("10:00"))], ".plan", "not known here"),
        ([("plan", .text("kill-primary")), ("at", .text("10:00"))], "", "needs a route"),
        ([("plan", .text("kill-vendor")), ("at", .text("10:00"))], "", "needs a name"),
        (least + [("name", .text("e"))], ".name", "says by itself"),
        (least + [("share", .text("0"))], ".share", "1 to 100"),
        (least + [("lease", .text("1h"))], ".lease", "out of bounds"),
        (least + [("on", .list(["mon"]))], ".on[0]", "not known here"),
        (least + [("on", .list(["monday"])), ("every_days", .text("2"))], ".every_days", "two calendars"),
        (least + [("every_weeks", .text("2"))], ".every_weeks", "without days of the week"),
        (least + [("except", .list(["2026-02-30"]))], ".except[0]", "not a date"),
        (least + [("weekday", .text("monday"))], ".weekday", "not a key"),
    ]

    @Test(arguments: mistakes.indices)
    func aMistakeIsNamed(place: Int) {
        let (fields, path, fragment) = Self.mistakes[place]
        let outcome = Self.compile(fields)
        #expect(outcome.snapshot == nil)
        #expect(outcome.problems.map(\.path) == ["drills.schedules.weekly\(path)"], "\(outcome.problems)")
        #expect(outcome.problems.first?.message.contains(fragment) == true, "\(outcome.problems)")
    }
}
