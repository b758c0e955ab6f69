import Foundation
import Glibc
import Synchronization

/// How a process ended.
enum ProgramExit: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
}

/// A process that a test started, usually the built binary.
final class Program: Sendable {
    let pid: pid_t
    let name: String
    private let outputPath: String
    private let errorPath: String
    private let exit = Mutex<ProgramExit?>(nil)

    /// `HOLDFAST_BIN`, else the binary that was built with these tests and lies beside them.
    static var executable: String {
        if let path = ProcessInfo.processInfo.environment["HOLDFAST_BIN"] { return path }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (own as NSString).deletingLastPathComponent + "/holdfast"
    }

    /// The test process holds the writing end: a child of a test run that was killed ends by itself.
    private static let lifeline: (reading: Int32, writing: Int32) = {
        var ends: [Int32] = [-1, -1]
        let status = pipe(&ends)
        precondition(status == 0, "a pipe can be had")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }()

    fileprivate init(
        _ name: String, executable: String, _ arguments: [String], environment: [String: String], folder: String,
        logs: String
    ) throws {
        self.name = name
        outputPath = logs + ".out"
        errorPath = logs + ".err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, Self.lifeline.reading, 0)
        for (descriptor, path) in [(Int32(1), outputPath), (2, errorPath)] {
            posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, as a service supervisor gives it, and no signal blocked or ignored by the test runner.
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        posix_spawnattr_setpgroup(&attributes, 0)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGHUP, SIGTERM, SIGINT] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // The shell goes to the folder and becomes the program, so the id stays the same.
        let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder]
        let words = (shell + [executable] + arguments).map { strdup($0) } + [nil]
        let variables =
            environment.merging(["HOLDFAST_PARENT_PIPE": "0"]) { $1 }.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + variables { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, shell[0], &actions, &attributes, words, variables)
        guard status == 0 else { throw SocketFailure(step: "start \(executable)", code: status) }
        self.pid = pid
    }

    var output: String { Self.read(outputPath) }
    var log: String { Self.read(errorPath) }
    var told: String {
        "\(name): exit \(String(describing: ended)); output: \(output.suffix(2_000)); log: \(log.suffix(4_000))"
    }

    /// The events of the operational log.
    var events: [JSON] {
        log.split(separator: "\n").compactMap { try? JSON(parsing: String($0)) }
    }

    /// Nil while it runs.
    var ended: ProgramExit? {
        exit.withLock { exit in
            if let exit { return exit }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            let signal = status & 0x7f
            exit = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
            return exit
        }
    }

    /// Nothing is sent once its end was seen: the id may be somebody else's by then.
    func send(_ signal: Int32) {
        if ended == nil { kill(pid, signal) }
    }

    @discardableResult
    func end(within seconds: Double = 30) async throws -> ProgramExit {
        var exit: ProgramExit?
        try await eventually("\(name) ends", within: seconds, state: { told }) {
            exit = ended
            return exit != nil
        }
        return exit ?? .exited(-1)
    }

    /// Resident memory.
    var residentKiB: Int {
        let status = Self.read("/proc/\(pid)/status")
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }

    var openDescriptors: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
    }

    private static func read(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// Whether a process with this id runs, zombies left out.
func isAlive(_ pid: Int) -> Bool {
    guard let status = FileManager.default.contents(atPath: "/proc/\(pid)/status") else { return false }
    return !String(decoding: status, as: UTF8.self).contains("State:\tZ")
}

/// A folder of its own and what runs in it; both are gone when the test ends, however it ends.
final class Place: Sendable {
    let path: String
    private let programs = Mutex<[Program]>([])

    private init() throws {
        var random = SystemRandomNumberGenerator()
        path = NSTemporaryDirectory() + "holdfast-\(String(random.next(), radix: 36))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    static func with(_ body: (Place) async throws -> Void) async throws {
        let place = try Place()
        do {
            try await body(place)
        } catch {
            await place.clean()
            throw error
        }
        await place.clean()
    }

    private func clean() async {
        let programs = self.programs.withLock { $0 }
        for program in programs { program.send(SIGKILL) }
        for program in programs { _ = try? await program.end() }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// No key of whoever runs the tests, and no folder of theirs.
    var environment: [String: String] {
        ["PATH": "/usr/bin:/bin", "HOME": path + "/home", "XDG_STATE_HOME": path + "/state"]
    }

    func start(
        _ name: String, executable: String = Program.executable, _ arguments: [String],
        environment: [String: String] = [:]
    ) throws -> Program {
        let count = programs.withLock { $0.count }
        let program = try Program(
            name, executable: executable, arguments, environment: self.environment.merging(environment) { $1 },
            folder: path, logs: "\(path)/\(count)-\(name)")
        programs.withLock { $0.append(program) }
        return program
    }

    /// Runs the binary to its end.
    func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> (code: Int32, program: Program)
    {
        let program = try start("holdfast", arguments, environment: environment)
        switch try await program.end() {
        case .exited(let code): return (code, program)
        case .signalled(let signal): return (128 + signal, program)
        }
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
        return file
    }

    func read(_ name: String) -> String {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
