import HoldfastAPI
import HoldfastCore

/// How a child process ended.
enum ChildExit: Sendable, Hashable {
    case exited(Int32)
    case signalled(Int32)
    /// The system would not start it.
    case notStarted(reason: String)

    /// As shells put it: 128 and the signal's number for a process ended by a signal.
    var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let number): 128 &+ number
        case .notStarted: ExitStatus.software.rawValue
        }
    }
}

/// Whether and when a child process that ended is started again.
///
/// The delay doubles with each end that follows a short run and begins anew after a long one: a process that dies
/// at once must not cost the machine its time, and one that ran well for a while deserves a quick return. There is
/// no jitter: the few children of one supervisor do not compete for anything while they wait.
struct RestartPolicy: Sendable {
    enum Decision: Sendable, Hashable {
        case restart(afterNanoseconds: Int64)
        /// Starting again would end the same way.
        case giveUp(exitCode: Int32)
    }

    static let firstDelayNanoseconds = 250 * Span.millisecond
    static let longestDelayNanoseconds = 10 * Span.second
    /// A run of this length counts as healthy.
    static let healthyNanoseconds = Span.minute

    private var nextDelayNanoseconds = Self.firstDelayNanoseconds
    /// Whether any run so far came to the point of serving.
    private var hasServed = false

    init() {}

    /// - Parameters:
    ///   - ranNanoseconds: from the start of the process to its end.
    ///   - served: the process came to the point of serving in this run.
    mutating func decide(after exit: ChildExit, ranNanoseconds: Int64, served: Bool) -> Decision {
        hasServed = hasServed || served
        if !hasServed, case .exited(let code) = exit, Self.needsAPerson(code) {
            return .giveUp(exitCode: code)
        }
        if ranNanoseconds >= Self.healthyNanoseconds {
            nextDelayNanoseconds = Self.firstDelayNanoseconds
        }
        let delay = nextDelayNanoseconds
        nextDelayNanoseconds = min(delay * 2, Self.longestDelayNanoseconds)
        return .restart(afterNanoseconds: delay)
    }

    /// A first start that fails for the command line, a file, an address or the configuration fails again until a
    /// person mends it. After a successful start the same codes are worth another try: the file may be half edited,
    /// the port held by a process that is about to end.
    private static func needsAPerson(_ code: Int32) -> Bool {
        switch ExitStatus(rawValue: code) {
        case .usage, .noInput, .unavailable, .cannotCreate, .configuration: true
        case .success, .failure, .inconclusive, .invalid, .noPermission, .software, nil: false
        }
    }
}
