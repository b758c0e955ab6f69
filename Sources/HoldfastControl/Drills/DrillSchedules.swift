import HoldfastAPI
import HoldfastCore
import Synchronization

/// What the newest generation says of drills.
struct PublishedDrills: Sendable {
    var number: UInt64
    /// Nil: its document cannot be read here.
    var snapshot: Snapshot?
}

extension Drills {
    /// Of the newest generation, compiled once. Nil: there is none, or it cannot be read here.
    func published() -> Snapshot? {
        guard let newest = snapshots.newest else { return nil }
        if let known = state.withLock({ $0.published }), known.number == newest.number { return known.snapshot }
        let found = PublishedDrills(number: newest.number, snapshot: try? snapshots.snapshot(of: newest))
        state.withLock { $0.published = found }
        return found.snapshot
    }

    private var scheduled: [DrillSchedule] { published()?.drills.schedules ?? [] }

    /// Starts what is due, announces what will be and notes what was missed; to be called every second.
    func keepSchedules(_ now: Rollouts.Times) async throws {
        for schedule in scheduled {
            guard var stored = state.withLock({ $0.schedules[schedule.name] }) else {
                // From when it is first seen on: what was due before nobody had asked for.
                try await keep(StoredSchedule(handledAt: now.wall), of: schedule.name)
                continue
            }
            if let right = schedule.putRight(
                handled: stored.handledAt, announced: stored.announcedAt, now: now.wall)
            {
                (stored.handledAt, stored.announcedAt) = right
                try await keep(stored, of: schedule.name)
            }
            switch schedule.due(handled: stored.handledAt, announced: stored.announcedAt, now: now.wall) {
            case .nothing: break
            case .announce(let at): try await announce(schedule, stored, at: at, now: now.wall)
            case .start(let at): try await start(schedule, stored, at: at, now)
            case .missed(let at, let count): try await miss(schedule, stored, at: at, count: count, now: now.wall)
            }
        }
    }

    private func announce(_ schedule: DrillSchedule, _ stored: StoredSchedule, at: Int64, now: Int64) async throws {
        var next = stored
        next.announcedAt = at
        try await keep(next, of: schedule.name)
        let time = TimeOfDay.text(milliseconds: at)
        events.add(
            EventLog.News(
                type: "drill.announced", subject: schedule.name,
                summary: "\(schedule.request.words) begins at \(time.prefix(16))Z by the schedule \(schedule.name)",
                details: ["plan": schedule.request.plan.rawValue, "at": time]), now: now)
    }

    /// It is on record as started before it starts: a process that dies in between does not start it twice.
    private func start(
        _ schedule: DrillSchedule, _ stored: StoredSchedule, at: Int64, _ now: Rollouts.Times
    ) async throws {
        var next = stored
        next.handledAt = at
        next.lastAt = at
        (next.lastOutcome, next.lastDrill, next.lastProblem) = (.started, nil, nil)
        try await keep(next, of: schedule.name)
        let starter = Starter(
            actor: .system, reason: "scheduled: \(schedule.name)",
            isAnnounced: schedule.announceMilliseconds != nil, schedule: schedule.name)
        do {
            next.lastDrill = try await start(schedule.request, starter, now).id
        } catch let problem as ProblemView {
            next.lastOutcome = .refused
            next.lastProblem = problem.words
            let event = AuditEvent(
                .system, "drills.refuse", schedule.name,
                ["reason": problem.words, "plan": schedule.request.plan.rawValue])
            try await audit.note(event, now: now.wall)
            events.add(
                EventLog.News(
                    type: "drill.refused", subject: schedule.name,
                    summary: "\(schedule.request.words) did not begin: \(problem.words)", severity: .warning,
                    details: ["plan": schedule.request.plan.rawValue]), now: now.wall)
        }
        try await keep(next, of: schedule.name)
    }

    private func miss(
        _ schedule: DrillSchedule, _ stored: StoredSchedule, at: Int64, count: Int, now: Int64
    ) async throws {
        var next = stored
        next.handledAt = at
        next.lastAt = at
        next.missed += count
        (next.lastOutcome, next.lastDrill) = (.missed, nil)
        next.lastProblem = "nobody was there to start it"
        let event = AuditEvent(
            .system, "drills.miss", schedule.name,
            ["at": TimeOfDay.text(milliseconds: at), "count": "\(count)", "plan": schedule.request.plan.rawValue])
        try await audit.note(event, now: now)
        try await keep(next, of: schedule.name)
        events.add(
            EventLog.News(
                type: "drill.missed", subject: schedule.name,
                summary:
                    "\(schedule.request.words) was due at \(TimeOfDay.text(milliseconds: at).prefix(16))Z, and nobody was there",
                severity: .warning, details: ["plan": schedule.request.plan.rawValue, "count": "\(count)"]), now: now)
    }

    private func keep(_ schedule: StoredSchedule, of name: String) async throws {
        try await audit.store.write { database in
            try DrillStore.write(schedule, of: name, in: database)
        } whenCommitted: { _ in
            self.state.withLock { $0.schedules[name] = schedule }
        }
    }

    /// In the document's order.
    func scheduleViews(now: Int64) -> [DrillScheduleView] {
        let stored = state.withLock { $0.schedules }
        return scheduled.map { schedule in
            let known = stored[schedule.name]
            var view = DrillScheduleView(
                name: schedule.name, plan: schedule.request.plan.rawValue, fault: schedule.request.fault.rawValue,
                missed: known?.missed ?? 0)
            view.route = schedule.request.route
            view.nextAt = schedule.calendar.next(after: now).map { TimeOfDay.text(milliseconds: $0) }
            view.announce = schedule.announceMilliseconds.map {
                ConfigurationUnits.durationText($0 * Span.millisecond)
            }
            view.lastAt = known?.lastAt.map { TimeOfDay.text(milliseconds: $0) }
            view.lastOutcome = known?.lastOutcome
            view.lastDrill = known?.lastDrill
            view.lastProblem = known?.lastProblem
            return view
        }
    }
}

extension DrillRequest {
    /// On a line.
    fileprivate var words: String {
        "\(plan.rawValue)\(name.map { " \($0)" } ?? "")\(route.map { " of \($0)" } ?? "")"
    }
}

extension ProblemView {
    /// On a line: what is wrong, and with which field.
    fileprivate var words: String {
        let fields = (fields ?? []).map { "\($0.field): \($0.message)" }
        return String((fields.isEmpty ? detail : fields.joined(separator: "; ")).prefix(400))
    }
}
