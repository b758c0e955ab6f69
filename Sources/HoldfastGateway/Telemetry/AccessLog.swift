import Foundation
import HoldfastCore
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Synchronization

/// One line of JSON for each exchange. Loops fill buffers of their own; a thread of its own writes them, so that a slow
/// disk or a full pipe costs lines and never an answer.
final class AccessLog: Sendable {
    /// Buffers that wait for the writer; beyond that lines are dropped and counted.
    static let longestQueue = 256
    static let bufferBytes = 64 << 10
    /// How long the end of the process waits for a writer that nobody reads from.
    static let closeNanoseconds = 1 * Span.second

    private struct Queue {
        var buffers: [ByteBuffer] = []
        var isClosed = false
    }

    private let queue = ConditionLock(value: 0)
    private let state = Mutex(Queue())
    private let dropped = Atomic<Int>(0)
    private let failures = Atomic<Int>(0)
    private let destination: AccessLogDestination
    private let done = DispatchSemaphore(value: 0)

    /// - Throws: `AccessLogFailure` where the file cannot be opened.
    init(_ destination: AccessLogDestination) throws(AccessLogFailure) {
        self.destination = destination
        switch destination {
        case .off: return
        case .standardOutput: start(descriptor: 1)
        case .file(let path): start(descriptor: try Self.open(path))
        }
    }

    var isOn: Bool { destination != .off }
    var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// Never blocks. `lines` is the number of lines in `buffer`.
    func submit(_ buffer: ByteBuffer, lines: Int) {
        let isTaken = state.withLock { queue in
            guard !queue.isClosed, queue.buffers.count < Self.longestQueue else { return false }
            queue.buffers.append(buffer)
            return true
        }
        if isTaken {
            queue.lock()
            queue.unlock(withValue: 1)
        } else {
            dropped.add(lines, ordering: .relaxed)
        }
    }

    /// Writes what is queued and ends the thread. A pipe whose reader hangs is left behind with what it did not take.
    func close() {
        guard isOn else { return }
        state.withLock { $0.isClosed = true }
        queue.lock()
        queue.unlock(withValue: 1)
        _ = MonotonicClock.wait(for: done, nanoseconds: Self.closeNanoseconds)
    }

    private func start(descriptor: Int32) {
        let thread = Thread { [self] in
            run(descriptor: descriptor)
            done.signal()
        }
        thread.name = "access-log"
        thread.start()
    }

    private func run(descriptor: Int32) {
        while true {
            queue.lock(whenValue: 1)
            queue.unlock(withValue: 0)
            let (buffers, isClosed) = state.withLock { queue in
                let buffers = queue.buffers
                queue.buffers = []
                return (buffers, queue.isClosed)
            }
            for buffer in buffers { write(buffer, to: descriptor) }
            if isClosed, state.withLock({ $0.buffers.isEmpty }) { return }
        }
    }

    private func write(_ buffer: ByteBuffer, to descriptor: Int32) {
        buffer.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, start + written, bytes.count - written)
                if count < 0 {
                    if errno == EINTR { continue }
                    // A full disk: the rest of this buffer is lost, counted, and the next one is tried.
                    dropped.add(bytes[written...].count { $0 == UInt8(ascii: "\n") }, ordering: .relaxed)
                    return
                }
                written += count
            }
        }
    }

    private static func open(_ path: String) throws(AccessLogFailure) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw AccessLogFailure(path: path, reason: String(cString: strerror(errno)))
        }
        return descriptor
    }
}

package struct AccessLogFailure: Error, CustomStringConvertible {
    package var path: String
    package var reason: String

    package var description: String {
        "cannot open the access log \(path): \(reason). Mend gateway.access_log, or its folder's permissions."
    }
}

/// The lines of one event loop on their way to the writer.
struct AccessLogBuffer {
    private var buffer = ByteBuffer()
    private var lines = 0

    /// Whether it should be handed over soon.
    var isEmpty: Bool { lines == 0 }

    mutating func append(to log: AccessLog, _ write: (inout ByteBuffer) -> Void) {
        write(&buffer)
        lines += 1
        if buffer.readableBytes >= AccessLog.bufferBytes { flush(to: log) }
    }

    mutating func flush(to log: AccessLog) {
        guard lines > 0 else { return }
        log.submit(buffer, lines: lines)
        buffer = ByteBuffer()
        lines = 0
    }
}
