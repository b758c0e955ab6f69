import Synchronization

/// What waits for the exporter: bounded in count and bytes, gathered into batches as it comes, so that whoever offers
/// holds the lock for an append and whoever sends for the removal of a few references.
///
/// Where it is full the newest is dropped: what is kept is then whole from its beginning, and nobody has to make room
/// while a client waits.
package final class BatchQueue<Element: Sendable>: Sendable {
    package struct Bounds: Sendable {
        package var count = 16_384
        package var bytes = 16 << 20
        /// The batch size that the specification of OpenTelemetry proposes.
        package var batchCount = 512
        /// Well below the few megabytes that collectors take at once, since an element is only estimated.
        package var batchBytes = 512 << 10

        package init() {}
    }

    private struct State {
        var sealed: [[Element]] = []
        var open: [Element] = []
        var openBytes = 0
        /// Of each of `sealed`.
        var sealedBytes: [Int] = []
        var count = 0
        var bytes = 0
    }

    private let bounds: Bounds
    private let state = Mutex(State())

    package init(bounds: Bounds = Bounds()) {
        precondition(bounds.batchCount > 0 && bounds.count > 0, "a queue that takes nothing is none: \(bounds)")
        self.bounds = bounds
    }

    /// Never waits for anything but the lock.
    ///
    /// - Parameter bytes: about what it takes when it is encoded.
    /// - Returns: false where it was dropped.
    package func offer(_ element: Element, bytes: Int) -> Bool {
        state.withLock { state in
            guard state.count < bounds.count, state.bytes + bytes <= bounds.bytes else { return false }
            state.open.append(element)
            state.openBytes += bytes
            state.count += 1
            state.bytes += bytes
            if state.open.count >= bounds.batchCount || state.openBytes >= bounds.batchBytes { seal(&state) }
            return true
        }
    }

    /// The oldest batch.
    ///
    /// - Parameter isDue: a batch that is not full will do.
    package func take(isDue: Bool) -> [Element]? {
        state.withLock { state in
            if state.sealed.isEmpty, isDue, !state.open.isEmpty { seal(&state) }
            guard !state.sealed.isEmpty else { return nil }
            let batch = state.sealed.removeFirst()
            state.count -= batch.count
            state.bytes -= state.sealedBytes.removeFirst()
            return batch
        }
    }

    package var count: Int { state.withLock { $0.count } }

    private func seal(_ state: inout State) {
        state.sealed.append(state.open)
        state.sealedBytes.append(state.openBytes)
        state.open = []
        state.openBytes = 0
    }
}
