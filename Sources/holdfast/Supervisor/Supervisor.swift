import Foundation
import Glibc
import HoldfastAPI
import HoldfastCore
import Logging
import Subprocess
import Synchronization
import SystemPackage

/// Runs child processes until told to stop: starts them, says when one ended and starts it again after the delay of
/// its `RestartPolicy`, and stops them stage by stage.
///
/// Every child is the leader of a process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone
/// and the children are asked to drain once, in order. Their standard input is a pipe that only this process can
/// write to; see `ParentWatch`.
struct Supervisor: Sendable {
    private let executable: FilePath
    private let children: [ChildPlan]
    private let standardOutput: FileDescriptor
    private let lifeline: Lifeline
    private let logger: Logger
    private let running = RunningProcesses()
    private let stops: [ChildPlan.Stage: StopSwitch]

    /// - Parameter standardOutput: where the children's standard output goes; it stays open.
    init(
        executable: FilePath, children: [ChildPlan], standardOutput: FileDescriptor, logger: Logger
    ) throws {
        self.executable = executable
        self.children = children
        self.standardOutput = standardOutput
        self.lifeline = try Lifeline()
        self.logger = logger
        stops = Dictionary(uniqueKeysWithValues: ChildPlan.Stage.allCases.map { ($0, StopSwitch()) })
    }

    /// Begins the drain: the gateway first. `run()` returns when the last child has ended.
    func stop() {
        stops[.gateway]?.trip()
    }

    /// Kills what runs, without waiting; for the second signal.
    func killAll() {
        running.killAll()
    }

    /// Returns when every child has ended: the code of the child that could not be started at all, else 0.
    func run() async -> Int32 {
        await withTaskGroup(of: (ChildPlan.Stage, Int32).self) { group in
            for child in children {
                guard let stop = stops[child.stage] else { continue }
                group.addTask { (child.stage, await supervise(child, until: stop)) }
            }
            var left = children.map(\.stage)
            var result: Int32 = 0
            while let (stage, code) = await group.next() {
                if let place = left.firstIndex(of: stage) { left.remove(at: place) }
                // No gateway needs the management plane to serve.
                if code != 0, stage != .control {
                    result = result == 0 ? code : result
                    stop()
                }
                // Where there is no gateway left to drain, nothing needs the others either.
                if !left.contains(.gateway) {
                    stops[.provider]?.trip()
                    stops[.control]?.trip()
                }
            }
            return result
        }
    }

    /// One child, until the switch is tripped or its policy gives up.
    private func supervise(_ child: ChildPlan, until stop: StopSwitch) async -> Int32 {
        await withTaskGroup(of: Int32?.self) { group in
            group.addTask {
                await stop.wait()
                return nil
            }
            group.addTask { await keepRunning(child) }
            var code: Int32 = 0
            // The first to end cancels the other: cancelling the child's task is what sends it SIGTERM.
            while let ended = await group.next() {
                if let ended { code = ended }
                group.cancelAll()
            }
            return code
        }
    }

    /// The exit code of a child that is not worth another start; 0 where it was stopped.
    private func keepRunning(_ child: ChildPlan) async -> Int32 {
        var policy = RestartPolicy()
        while !Task.isCancelled {
            let started = MonotonicClock.read()
            unlink(child.readyFile)
            let exit = await runOnce(child)
            if Task.isCancelled {
                logStopped(child, exit)
                return 0
            }
            let ran = MonotonicClock.read().nanoseconds(since: started)
            let served = access(child.readyFile, F_OK) == 0
            switch policy.decide(after: exit, ranNanoseconds: ran, served: served) {
            case .giveUp(let code):
                logger.error(
                    "A process could not start and will not by itself; ending",
                    metadata: Self.fields(of: exit, child))
                return code
            case .restart(let delay):
                var fields = Self.fields(of: exit, child)
                fields["delay_ms"] = .stringConvertible(delay / Span.millisecond)
                fields["ran_ms"] = .stringConvertible(ran / Span.millisecond)
                logger.warning("A process ended and is started again after a delay", metadata: fields)
                try? await Task.sleep(for: .nanoseconds(delay))
            }
        }
        return 0
    }

    private func runOnce(_ child: ChildPlan) async -> ChildExit {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(allowedDurationToNextStep: .nanoseconds(child.drainNanoseconds))
        ]
        do {
            let result = try await Subprocess.run(
                .path(executable), arguments: Arguments(child.arguments),
                environment: .inherit.updating([.init(stringLiteral: ParentWatch.variable): "\(STDIN_FILENO)"]),
                platformOptions: options,
                input: .fileDescriptor(lifeline.readingEnd, closeAfterSpawningProcess: false),
                output: .fileDescriptor(standardOutput, closeAfterSpawningProcess: false),
                error: .currentStandardError
            ) { execution in
                running.insert(execution.processIdentifier.value, as: child.name)
                logger.info(
                    "A process was started",
                    metadata: [
                        "process": "\(child.name)", "pid": .stringConvertible(execution.processIdentifier.value),
                    ])
            }
            running.remove(child.name)
            switch result.terminationStatus {
            case .exited(let code): return .exited(code)
            case .signaled(let number): return .signalled(number)
            }
        } catch {
            running.remove(child.name)
            return .notStarted(reason: "\(error)")
        }
    }

    private func logStopped(_ child: ChildPlan, _ exit: ChildExit) {
        if exit == .exited(0) {
            logger.info("A process drained and ended", metadata: Self.fields(of: exit, child))
        } else {
            logger.warning("A process was stopped and did not end cleanly", metadata: Self.fields(of: exit, child))
        }
    }

    static func fields(of exit: ChildExit, _ child: ChildPlan) -> Logger.Metadata {
        var fields: Logger.Metadata = ["process": "\(child.name)"]
        switch exit {
        case .exited(let code): fields["exit_code"] = .stringConvertible(code)
        case .signalled(let number):
            fields["signal"] = "\(SignalName.of(number))"
        case .notStarted(let reason): fields["reason"] = "\(reason)"
        }
        return fields
    }
}

/// The pipe whose writing end only this process holds.
private struct Lifeline: Sendable {
    let readingEnd: FileDescriptor
    private let writingEnd: FileDescriptor

    init() throws {
        (readingEnd, writingEnd) = try FileDescriptor.pipe()
        // A child that inherited the writing end would keep its siblings alive after the supervisor's death.
        for end in [readingEnd, writingEnd] {
            guard fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) == 0 else { throw Errno(rawValue: errno) }
        }
    }
}

/// Set once, waited for by many.
private final class StopSwitch: Sendable {
    private let state = Mutex(State())

    private struct State {
        var isTripped = false
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }

    func trip() {
        let waiting = state.withLock { state in
            state.isTripped = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Also returns when the task is cancelled.
    func wait() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isTripped || Task.isCancelled { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }
}

/// The processes alive now, for the one caller that cannot wait for a task: the second signal.
private final class RunningProcesses: Sendable {
    private let pids = Mutex<[String: pid_t]>([:])

    func insert(_ pid: pid_t, as name: String) {
        pids.withLock { $0[name] = pid }
    }

    func remove(_ name: String) {
        pids.withLock { _ = $0.removeValue(forKey: name) }
    }

    func killAll() {
        for pid in pids.withLock({ Array($0.values) }) { kill(pid, SIGKILL) }
    }
}
