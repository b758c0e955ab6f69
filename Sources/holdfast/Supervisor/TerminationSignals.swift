import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT. The first one asks for a drain, the second one ends the process at once.
final class TerminationSignals: Sendable {
    private let first: AsyncStream<Int32>
    private let sources: Mutex<[any DispatchSourceSignal]>

    /// - Parameter endAtOnce: called with the second signal's number, on a queue of its own; must end the process.
    init(endAtOnce: @escaping @Sendable (Int32) -> Void) {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(1))
        first = stream
        let gate = FirstSignal()
        let queue = DispatchQueue(label: "holdfast.signals")
        let made: [any DispatchSourceSignal] = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if gate.claim() {
                    continuation.yield(number)
                } else {
                    endAtOnce(number)
                }
            }
            source.activate()
            return source
        }
        sources = Mutex(made)
    }

    /// The first signal's number; nil where the task was cancelled before one came.
    func waitForFirst() async -> Int32? {
        await first.first { _ in true }
    }
}

/// True once.
private final class FirstSignal: Sendable {
    private let isClaimed = Atomic(false)

    func claim() -> Bool {
        isClaimed.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
    }
}
