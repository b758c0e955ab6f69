/// Exit codes of every command, after sysexits(3), so that scripts and service supervisors can tell them apart.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// The thing checked is not right, and the report says what.
    case failure = 1
    /// It cannot be said whether it is right: absence is never success, and here it is no failure either.
    case inconclusive = 2
    /// The command line cannot be understood.
    case usage = 64
    /// What was asked for is not valid; nothing was changed.
    case invalid = 65
    /// An input file cannot be read.
    case noInput = 66
    /// An address or a service the command needs is not to be had, such as a port in use.
    case unavailable = 69
    /// A defect of ours.
    case software = 70
    /// A file cannot be written.
    case cannotCreate = 73
    /// No valid token, or one that may not do this.
    case noPermission = 77
    /// The configuration is not valid; nothing was started.
    case configuration = 78
}
