extension ConfigurationTable {
    static let drills = SectionRule(
        "drills", "Failures that are rehearsed. Gateways look at none of it.",
        [
            FieldRule(
                "schedules", .named(.id, drillSchedule), .optional("nothing starts by itself"),
                example: "{weekly: {plan: kill-primary, route: assistant, on: [monday], at: \"10:00\"}}",
                "Drills that start by themselves, by a name of your choice.",
                reason: "A failure that nobody expects is only harmless where somebody has decided on it.")
        ])

    static let drillSchedule = SectionRule(
        "drills.schedules.<id>",
        "One drill and its calendar, in UTC. What falls into a time in which the management plane was down is shown as missed, and not made up for.",
        [
            FieldRule(
                "plan",
                .choice(DrillPlan.allCases.filter { $0 != .tabletop }.map(\.rawValue)), .required,
                example: "kill-primary", "What fails: `holdfast drill plans` says what each of them is.",
                reason: "There is no failure that suits everybody."),
            FieldRule(
                "route", .name(.route), .optional("every route"), example: "assistant",
                "The route whose exchanges meet the fault; `kill-primary` and probes need one.",
                reason: "A provider that fails does so for every route."),
            FieldRule(
                "name", .text(longest: 265), .optional("the plan says what fails"), example: "openai",
                "Which deployment, provider, vendor or jurisdiction fails, where the plan is of one.",
                reason: "`kill-primary`, `kill-local`, `kill-resolver` and `kill-control` name nothing."),
            FieldRule(
                "fault", .choice(InjectedFault.allCases.map(\.rawValue)), .defaulted("refuse"), example: "silence",
                "How attempts fail. `sham`: not at all, and whatever is noticed then is a false alarm.",
                reason: "The plainest failure, and the one that costs clients least."),
            FieldRule(
                "share", .integer(1...100), .defaulted("100"), example: "10",
                "Of the exchanges, in percent, that meet the fault.",
                reason: "A provider that is gone is gone for all."),
            FieldRule(
                "lease",
                .duration(
                    FaultOrder.shortestLeaseMilliseconds * Span.millisecond...FaultOrder.longestLeaseMilliseconds
                        * Span.millisecond),
                .defaulted(
                    ConfigurationUnits.durationText(DrillRequest.usualLeaseMilliseconds * Span.millisecond)),
                example: "60s", "How long the fault lasts. Each gateway ends it by itself.",
                reason: "Long enough to see recovery held for a minute."),
            FieldRule(
                "probes", .integer(0...FaultOrder.mostProbesPerSecond), .defaulted("0"), example: "2",
                "Exchanges that each gateway makes by itself in a second, on `route`. They cost what exchanges cost.",
                reason: "Nothing is spent that nobody asked for; without traffic a drill is inconclusive."),
            FieldRule(
                "target",
                .duration(Span.millisecond...DrillRequest.longestTargetMilliseconds * Span.millisecond),
                .optional(
                    "what the map promises, else "
                        + ConfigurationUnits.durationText(DrillRequest.usualTargetMilliseconds * Span.millisecond)),
                example: "5s", "Recovery has to be there within this, or the drill has failed.",
                reason: "A promise on the map is what it has to hold; else less than people wait before they ask again."
            ),
            FieldRule(
                "on", .list(of: .choice(weekdays), count: 1...7), .optional("every day"), example: "[monday, thursday]",
                "Days of the week.", reason: "With `at` alone a drill is daily."),
            FieldRule(
                "every_weeks", .integer(1...52), .optional("every week"), example: "2",
                "Only in every so many weeks, counted from the week of `from`; with `on`.",
                reason: "Most calendars repeat weekly."),
            FieldRule(
                "every_days", .integer(1...366), .optional("every day"), example: "3",
                "Only every so many days, counted from `from`; without `on`.",
                reason: "With `at` alone a drill is daily."),
            FieldRule(
                "month_days", .list(of: .integer(1...31), count: 1...31), .optional("every day"), example: "[1, 15]",
                "Days of the month; without `on` and `every_days`. A month without that day is passed over.",
                reason: "With `at` alone a drill is daily."),
            FieldRule(
                "at", .timeOfDay, .required, example: "\"10:00\"", "The time of the day, in UTC.",
                reason: "Somebody should be there, and only you know when."),
            FieldRule(
                "from", .date, .optional("the first day of 2024, a Monday"), example: "2027-01-04",
                "The first day on which it may be due; intervals are counted from it.",
                reason: "Two people who write the same calendar get the same days."),
            FieldRule(
                "except", .list(of: .date, count: 1...366), .optional("no day"), example: "[2026-12-24, 2026-12-31]",
                "Days on which it is not due. What falls on one is not made up for.",
                reason: "Only you know when nothing may be tried."),
            FieldRule(
                "announce", .duration(Span.minute...7 * Span.day), .optional("it is not announced"), example: "24h",
                "Whoever listens for events is told so long before: `drill.announced`.",
                reason: "A drill that nobody expects shows how people notice, too."),
        ])

    /// In the order of `CalendarDay.weekday`.
    static let weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
}
