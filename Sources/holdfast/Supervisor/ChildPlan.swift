/// A child process as the supervisor starts it, again and again with the same words.
struct ChildPlan: Sendable, Hashable {
    /// The gateway stops first: it drains while the providers that feed its streams still run.
    enum Stage: Int, Sendable, CaseIterable {
        case gateway, provider, control
    }

    var name: String
    var stage: Stage
    /// The command and its options, without the executable.
    var arguments: [String]
    /// The child writes this file once it serves; the supervisor removes it before each start.
    var readyFile: String
    /// How long the child may drain after SIGTERM before it is killed.
    var drainNanoseconds: Int64
}
