extension Compilation {
    /// The longest list of schedules.
    static let mostDrillSchedules = 100

    /// What a drill names is looked for where it starts, and not here: it may have been taken out of the file since, which
    /// must not keep the rest of the file from being published, and is shown at the schedule.
    func readDrills() -> DrillSettings {
        var settings = DrillSettings()
        guard document.isWritten("drills") else { return settings }
        let reader = document.section("drills")
        let sections = reader.named("schedules")
        if sections.count > Self.mostDrillSchedules {
            reader.report(
                "schedules",
                Fault("there are \(sections.count) schedules", mend: "name at most \(Self.mostDrillSchedules)"))
        }
        settings.schedules = sections.compactMap { section in
            let request = drillRequest(section.reader)
            let calendar = drillCalendar(section.reader)
            let announce = section.reader.nanoseconds("announce")
            guard let request, let calendar else { return nil }
            return DrillSchedule(
                name: section.name, request: request, calendar: calendar,
                announceMilliseconds: announce.map { $0 / Span.millisecond })
        }
        return settings
    }

    private func drillRequest(_ reader: SectionReader) -> DrillRequest? {
        let (route, name) = (reader.text("route"), reader.text("name"))
        let fault = reader.text("fault").flatMap(InjectedFault.init(rawValue:))
        let (share, probes) = (reader.integer("share"), reader.integer("probes"))
        let (lease, target) = (reader.nanoseconds("lease"), reader.nanoseconds("target"))
        guard let plan = reader.text("plan").flatMap(DrillPlan.init(rawValue:)) else { return nil }
        var request = DrillRequest(plan)
        request.route = route
        request.name = name
        request.fault = fault ?? request.fault
        request.isSham = request.fault == .sham
        request.sharePercent = share ?? request.sharePercent
        request.probesPerSecond = probes ?? request.probesPerSecond
        request.leaseMilliseconds = lease.map { $0 / Span.millisecond } ?? request.leaseMilliseconds
        request.recoveryTargetMilliseconds = target.map { $0 / Span.millisecond } ?? request.recoveryTargetMilliseconds
        if plan == .killPrimary || request.probesPerSecond > 0, !reader.isWritten("route") {
            reader.reportSection(
                Fault("\(plan == .killPrimary ? plan.rawValue : "probes") needs a route", mend: "add route: NAME"))
        }
        if let noun = plan.noun, !reader.isWritten("name") {
            reader.reportSection(Fault("\(plan.rawValue) needs a name", mend: "add name: the \(noun) that is to fail"))
        } else if plan.noun == nil, reader.isWritten("name") {
            reader.report("name", Fault("\(plan.rawValue) says by itself what fails", mend: "remove the line"))
        }
        return request
    }

    private func drillCalendar(_ reader: SectionReader) -> DrillCalendar? {
        let weekdays = reader.texts("on").map { names in
            Set(names.compactMap { ConfigurationTable.weekdays.firstIndex(of: $0.value) })
        }
        let (everyWeeks, everyDays) = (reader.integer("every_weeks"), reader.integer("every_days"))
        let monthDays = reader.integers("month_days").map(Set.init)
        let except = (reader.texts("except") ?? []).compactMap { CalendarDay($0.value) }
        let from = reader.text("from").flatMap { CalendarDay($0) }
        let kinds = ["on", "every_days", "month_days"].filter(reader.isWritten)
        if kinds.count > 1 {
            reader.report(
                kinds[1], Fault("\(kinds[0]) and \(kinds[1]) are two calendars", mend: "keep one of them"))
        }
        if reader.isWritten("every_weeks"), !reader.isWritten("on") {
            reader.report(
                "every_weeks", Fault("every_weeks says nothing without days of the week", mend: "add on: [monday]"))
        }
        guard let minute = reader.integer("at") else { return nil }
        let days: DrillCalendar.Days =
            if let weekdays {
                .weekly(weekdays, everyWeeks: Int64(everyWeeks ?? 1))
            } else if let monthDays {
                .monthly(monthDays)
            } else {
                .every(days: Int64(everyDays ?? 1))
            }
        let calendar = DrillCalendar(
            days, minuteOfDay: Int64(minute), from: from ?? DrillCalendar.usualFrom, except: Set(except))
        // From a day that is in no file, so that what a document means does not change from one day to the next.
        let start = calendar.from.daysSince1970 * 86_400_000 - 1
        // Names of days that are wrong were reported, and are none.
        if weekdays?.isEmpty != true, calendar.next(after: start) == nil {
            reader.reportSection(
                Fault("there is no day on which this is ever due", mend: "look at month_days and except"))
        }
        return calendar
    }
}
