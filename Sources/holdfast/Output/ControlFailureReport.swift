import HoldfastAPI

/// A refusal of the management plane, for people and for scripts.
extension ControlFailure {
    /// - Parameter invalid: what "not valid" means to the command: a configuration has an exit code of its own.
    func exitStatus(invalid: ExitStatus = .invalid) -> ExitStatus {
        switch self {
        case .unreachable, .unreadable: return .unavailable
        case .refused(let problem):
            switch problem.status {
            case 401, 403: return .noPermission
            case 400, 413, 415, 422: return invalid
            // Too many at once, the store is full, a defect over there: nothing here will mend it.
            case 408, 421, 429, 500...: return .unavailable
            default: return .failure
            }
        }
    }

    var report: Report {
        var report = Report()
        guard case .refused(let problem) = self else {
            report.line("holdfast: \(description)")
            report.line("mend: \(mend)", indent: 2)
            return report
        }
        let fields = problem.fields ?? []
        // With fields the detail says them all once more, in one long line.
        report.line("holdfast: \(fields.isEmpty ? problem.detail : problem.title)")
        for field in fields {
            report.line("\(field.field): \(field.message)", indent: 2)
            report.line("mend: \(field.mend)", indent: 4)
        }
        if fields.isEmpty { report.line("mend: \(problem.mend)", indent: 2) }
        if let wait = problem.retryAfter { report.line("again in: \(wait) s", indent: 2) }
        if problem.status >= 500, let request = problem.instance { report.line("request: \(request)", indent: 2) }
        return report
    }
}
