import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT. The first one asks for a drain, the second one ends the process at once.
final class TerminationSignals: Sendable {
    private let arrival: Arrived
    private let sources: Mutex<[any DispatchSourceSignal]>

    /// - Parameter endAtOnce: called with the second signal's number, on a queue of its own; must end the process.
    init(endAtOnce: @escaping @Sendable (Int32) -> Void) {
        let arrival = Arrived()
        self.arrival = arrival
        let queue = DispatchQueue(label: "holdfast.signals")
        let made: [any DispatchSourceSignal] = [SIGTERM, SIGINT].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if !arrival.isFirst(number) { endAtOnce(number) }
            }
            source.activate()
            return source
        }
        sources = Mutex(made)
    }

    /// The first signal's number, for everybody who waits; nil where the task was cancelled before one came.
    func waitForFirst() async -> Int32? {
        await arrival.stream().first { _ in true }
    }
}

/// The first signal, and who waits for it: each with a stream of their own, since one that is cancelled ends its stream.
private final class Arrived: Sendable {
    private struct State: Sendable {
        var number: Int32?
        var waiting: [AsyncStream<Int32>.Continuation] = []
    }

    private let state = Mutex(State())

    /// False: another one came before.
    func isFirst(_ number: Int32) -> Bool {
        state.withLock { state in
            guard state.number == nil else { return false }
            state.number = number
            for continuation in state.waiting { continuation.yield(number) }
            state.waiting = []
            return true
        }
    }

    func stream() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(1))
        state.withLock { state in
            if let number = state.number { continuation.yield(number) } else { state.waiting.append(continuation) }
        }
        return stream
    }
}
