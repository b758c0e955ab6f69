import HoldfastCore
import Synchronization

/// Names of workloads and deployments as marks. One table for the life of a process; snapshots hand it on. Marks are given
/// when a snapshot is built, and no exchange ever waits here.
final class KnownNames: Sendable {
    private let table = Mutex(NameTable())

    func mark(of name: String) -> NameMark { table.withLock { $0.mark(of: name) } }

    func name(of mark: NameMark) -> String { table.withLock { $0.name(of: mark) } }
}
