import Foundation
import FoundationNetworking
import Glibc
import Testing

/// `holdfast up` as people run it: the built binary, its child processes, real signals.
///
/// One at a time: each run takes the usual ports or their neighbours.
@Suite(.serialized, .enabled(if: LocalPorts.areQuiet, "a model server listens on a usual port of this machine"))
struct UpTests {
    @Test func itAnswersFailsOverAndStopsCleanly() async throws {
        let up = try UpProcess()
        let report = try await up.report()
        #expect(report.simulated)
        #expect(report.processes.map(\.name) == ["primary", "secondary", "local", "gateway", "control"])

        let first = try await up.ask(report)
        #expect(first.status == 200)
        #expect(first.deployment == "primary/practice-large")

        try await up.post(report.primary + "/practice/faults", #"{"fault": "refuse", "for": "60s"}"#)
        let second = try await up.ask(report)
        #expect(second.status == 200)
        #expect(second.deployment == "secondary/practice-large")
        #expect(second.degraded?.contains("failover") == true)

        let mode = try FileManager.default.attributesOfItem(atPath: report.configuration_file)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(report.configuration_file.hasPrefix(up.directory))

        up.signal(SIGTERM)
        try await up.waitForEnd()
        #expect(up.exitCode == 0)
        try await up.waitUntilGone(report.processes.map(\.pid))
        #expect(up.log.contains("A process drained and ended"))
    }

    @Test func aKilledGatewayComesBack() async throws {
        let up = try UpProcess()
        let report = try await up.report()
        let killed = try #require(report.processes.first { $0.name == "gateway" }).pid
        kill(killed, SIGKILL)
        try await up.wait(for: "a new gateway") {
            up.readyPID(of: "gateway").map { $0 != killed } ?? false
        }
        #expect(try await up.ask(report).status == 200)
        #expect(up.log.contains(#""signal":"SIGKILL""#) && up.log.contains(#""delay_ms":250"#))
        up.signal(SIGINT)
        try await up.waitForEnd()
        #expect(up.exitCode == 0)
    }

    @Test func aKilledSupervisorLeavesNothingBehind() async throws {
        let up = try UpProcess()
        let report = try await up.report()
        up.signal(SIGKILL)
        try await up.waitForEnd()
        try await up.waitUntilGone(report.processes.map(\.pid))
    }

    @Test func aSecondSignalDoesNotWaitForAStream() async throws {
        let up = try UpProcess()
        let report = try await up.report()
        try await up.post(report.primary + "/practice/faults", #"{"fault": "slow_tokens", "gap": "10s", "for": "5m"}"#)
        let stream = try up.openStream(report)
        defer { stream.terminate() }
        try await up.wait(for: "the first bytes of a stream") { !up.read("stream").isEmpty }
        up.signal(SIGTERM)
        try await up.wait(for: "the drain") { up.log.contains("Draining") }
        #expect(up.isRunning)
        up.signal(SIGTERM)
        try await up.waitForEnd()
        #expect(up.exitCode == 128 + SIGTERM)
        try await up.waitUntilGone(report.processes.map(\.pid))
    }

    @Test func oneDataDirectoryServesOne() async throws {
        let up = try UpProcess()
        _ = try await up.report()
        let other = try UpProcess(sharing: up)
        try await other.waitForEnd()
        #expect(other.exitCode == 69)
        #expect(other.log.contains("another `holdfast up` uses this data directory") && other.log.contains("mend:"))
        up.signal(SIGTERM)
        try await up.waitForEnd()
    }

    @Test(
        arguments: [
            ("version: 1\nroutes: {}\nnonsense: 1\n", Int32(78), "holdfast.yaml:3:1"),
            (nil, 66, "holdfast.yaml"),
            (Self.document(listen: "192.0.2.1:80"), 78, "mend:"),
            (Self.document(listen: "127.0.0.254:18080"), 69, "mend:"),
        ] as [(String?, Int32, String)])
    func aConfigurationThatCannotServeEndsTheStart(text: String?, code: Int32, said: String) async throws {
        let taken = try code == 69 ? LocalPorts.take(host: "127.0.0.254", port: 18_080) : nil
        defer { if let taken { close(taken) } }
        let up = try UpProcess(configuration: text, names: true)
        try await up.waitForEnd()
        #expect(up.exitCode == code, "\(up.log)")
        #expect(up.log.contains(said), "\(up.log)")
    }

    private static func document(listen: String) -> String {
        """
        version: 1
        gateway: {listen: "\(listen)", operations: "127.0.0.1:0"}
        providers:
          local: {dialect: openai, base_url: "http://127.0.0.1:9/v1", network: private}
        routes:
          assistant: {candidates: [local/any]}
        """
    }
}

/// One run of `holdfast up` in a folder of its own.
private final class UpProcess {
    struct Report: Decodable {
        struct Part: Decodable {
            var name: String
            var pid: pid_t
            var listen: String
        }
        var base_url: String
        var simulated: Bool
        var configuration_file: String
        var processes: [Part]

        var primary: String { "http://" + (processes.first { $0.name == "primary" }?.listen ?? "absent") }
    }

    struct Answer {
        var status: Int
        var deployment: String?
        var degraded: String?
    }

    let directory: String
    private let process = Process()
    private let isOwner: Bool

    /// - Parameter configuration: the text of `holdfast.yaml`; where `names` is set, it is named on the command line
    ///   whether it is there or not.
    init(configuration: String? = nil, names: Bool = false, sharing other: UpProcess? = nil) throws {
        var random = SystemRandomNumberGenerator()
        let fresh = NSTemporaryDirectory() + "holdfast-up-\(UInt64.random(in: .min ... .max, using: &random))"
        isOwner = other == nil
        directory = other?.directory ?? fresh
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if let configuration {
            try configuration.write(toFile: directory + "/holdfast.yaml", atomically: true, encoding: .utf8)
        }
        let suffix = isOwner ? "" : ".2"
        logPath = directory + "/stderr" + suffix
        reportPath = directory + "/stdout" + suffix
        for path in [logPath, reportPath] { try Data().write(to: URL(fileURLWithPath: path)) }
        process.executableURL = try Self.binary()
        process.arguments =
            ["up", "--data", directory, "--json"] + (names ? ["--config", directory + "/holdfast.yaml"] : [])
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        // None of this machine's provider keys.
        process.environment = [
            "HOME": directory, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: reportPath)
        process.standardError = FileHandle(forWritingAtPath: logPath)
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        if isOwner { try? FileManager.default.removeItem(atPath: directory) }
    }

    private let logPath: String
    private let reportPath: String

    var log: String { text(logPath) }
    var isRunning: Bool { process.isRunning }
    var exitCode: Int32 { process.terminationStatus }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    func read(_ name: String) -> String {
        text(directory + "/" + name)
    }

    func readyPID(of name: String) -> pid_t? {
        struct Ready: Decodable { var pid: pid_t }
        return try? JSONDecoder().decode(Ready.self, from: Data(read("run/\(name).json").utf8)).pid
    }

    func report() async throws -> Report {
        var report: Report?
        try await wait(for: "the report") {
            report = try? JSONDecoder().decode(Report.self, from: Data(text(reportPath).utf8))
            return report != nil
        }
        return try #require(report)
    }

    func ask(_ report: Report) async throws -> Answer {
        let (_, response) = try await send(
            report.base_url + "/chat/completions",
            #"{"model": "assistant", "max_tokens": 3, "messages": [{"role": "user", "content": "Say hello."}]}"#)
        return Answer(
            status: response.statusCode, deployment: response.value(forHTTPHeaderField: "x-holdfast-deployment"),
            degraded: response.value(forHTTPHeaderField: "x-holdfast-degraded"))
    }

    func post(_ url: String, _ body: String) async throws {
        let (text, response) = try await send(url, body)
        #expect((200..<300).contains(response.statusCode), "\(url): \(String(decoding: text, as: UTF8.self))")
    }

    private func send(_ url: String, _ body: String) async throws -> (Data, HTTPURLResponse) {
        var request = URLRequest(url: try #require(URL(string: url)))
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "content-type")
        request.httpBody = Data(body.utf8)
        request.timeoutInterval = 30
        let (text, response) = try await URLSession.shared.data(for: request)
        return (text, try #require(response as? HTTPURLResponse))
    }

    /// A client that reads a stream into the file `stream`, until it is terminated.
    func openStream(_ report: Report) throws -> Process {
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        client.arguments = [
            "curl", "-sN", report.base_url + "/chat/completions", "-H", "content-type: application/json", "-o",
            directory + "/stream", "-d",
            #"{"model": "assistant", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}"#,
        ]
        try client.run()
        return client
    }

    func waitForEnd() async throws {
        try await wait(for: "the end of the process") { !process.isRunning }
    }

    func waitUntilGone(_ pids: [pid_t]) async throws {
        try await wait(for: "the end of the processes \(pids)") { pids.allSatisfy(Self.isGone) }
    }

    /// With a bound far beyond what it takes.
    func wait(for what: String, until isTrue: () throws -> Bool) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(45)
        while try !isTrue() {
            if clock.now > deadline {
                Issue.record("waited 45 s for \(what). Standard error: \(log)\nStandard output: \(text(reportPath))")
                throw CancellationError()
            }
            try await clock.sleep(for: .milliseconds(20))
        }
    }

    /// Ended, or waiting to be reaped by whoever adopted it.
    private static func isGone(_ pid: pid_t) -> Bool {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        return String(decoding: stat, as: UTF8.self).split(separator: ")").last?.hasPrefix(" Z") == true
    }

    /// The binary stands beside the tests' own.
    private static func binary() throws -> URL {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let binary = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("holdfast")
        try #require(FileManager.default.isExecutableFile(atPath: binary.path), "no built binary at \(binary.path)")
        return binary
    }

    private func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

private enum LocalPorts {
    /// Nothing but a Holdfast gateway may answer on the usual ports: with a model server there, `up` uses it.
    static var areQuiet: Bool {
        [11_434, 8_000, 1_234].allSatisfy { port in
            guard let socket = try? take(host: "127.0.0.1", port: UInt16(port)) else { return false }
            close(socket)
            return true
        }
    }

    /// A listening socket.
    static func take(host: String, port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var isOn: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(descriptor, 1) == 0 else {
            let reason = errno
            close(descriptor)
            throw POSIXError(POSIXErrorCode(rawValue: reason) ?? .EIO)
        }
        return descriptor
    }
}
