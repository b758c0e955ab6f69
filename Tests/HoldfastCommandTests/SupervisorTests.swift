import Foundation
import Glibc
import HoldfastCore
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import holdfast

/// Real child processes: shells whose behaviour each test writes out.
@Suite struct SupervisorTests {
    /// A folder of its own for each test; shells leave their marks there.
    private final class Place: Sendable {
        let path: String
        private let text = Mutex("")

        init() throws {
            var random = SystemRandomNumberGenerator()
            path = NSTemporaryDirectory() + "holdfast-\(UInt64.random(in: .min ... .max, using: &random))"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        var logger: Logger {
            Logger(label: "test") { label in
                JSONLogHandler(label: label, form: .json) { line in self.text.withLock { $0 += line } }
            }
        }

        var log: String { text.withLock { $0 } }

        func read(_ name: String) -> String {
            FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) } ?? ""
        }

        func child(
            _ name: String, stage: ChildPlan.Stage = .gateway, drain: Int64 = 5 * Span.second, _ script: String
        ) -> ChildPlan {
            ChildPlan(
                name: name, stage: stage, arguments: ["-c", "cd '\(path)'\n" + script],
                readyFile: path + "/\(name).ready", drainNanoseconds: drain)
        }

        func supervisor(_ children: [ChildPlan]) throws -> Supervisor {
            try Supervisor(
                executable: "/bin/sh", children: children, standardOutput: .standardError, logger: logger)
        }

        /// Waits for a condition, with a bound that is far beyond what it takes.
        func wait(for what: String, until isTrue: () -> Bool) async throws {
            let clock = ContinuousClock()
            let deadline = clock.now + .seconds(20)
            while !isTrue() {
                if clock.now > deadline {
                    Issue.record("waited 20 s for: \(what). The log: \(log)")
                    throw CancellationError()
                }
                try await clock.sleep(for: .milliseconds(10))
            }
        }
    }

    /// Ready at once; ends on SIGTERM, and says so.
    private static let obedient = """
        trap 'echo "$NAME ended" >> marks; kill $!; exit 0' TERM
        sleep 60 & touch "$NAME.ready"; wait
        """

    @Test func theGatewayDrainsBeforeItsProviders() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([
            place.child("provider", stage: .provider, "NAME=provider\n" + Self.obedient),
            place.child("gateway", "NAME=gateway\n" + Self.obedient),
        ])
        async let code = supervisor.run()
        try await place.wait(for: "both to be ready") {
            ["gateway", "provider"].allSatisfy { access(place.path + "/\($0).ready", F_OK) == 0 }
        }
        supervisor.stop()
        #expect(await code == 0)
        #expect(place.read("marks") == "gateway ended\nprovider ended\n")
        #expect(place.log.contains("A process drained and ended"))
    }

    @Test func aChildThatDiesIsNamedAndStartedAgain() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([
            place.child("gateway", "echo x >> starts; echo $$ > pid\nNAME=gateway\n" + Self.obedient)
        ])
        async let code = supervisor.run()
        try await place.wait(for: "the first start") { access(place.path + "/gateway.ready", F_OK) == 0 }
        let pid = try #require(pid_t(place.read("pid").trimmingCharacters(in: .whitespacesAndNewlines)))
        kill(pid, SIGKILL)
        try await place.wait(for: "the second start") {
            place.read("starts") == "x\nx\n" && access(place.path + "/gateway.ready", F_OK) == 0
        }
        supervisor.stop()
        #expect(await code == 0)
        #expect(place.log.contains(#""delay_ms":250"#) && place.log.contains(#""signal":"SIGKILL""#))
    }

    @Test func aConfigurationThatIsNotValidIsFinalAndStopsTheRest() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([
            place.child("provider", stage: .provider, "NAME=provider\n" + Self.obedient),
            place.child("gateway", "until [ -e provider.ready ]; do sleep 0.01; done; exit 78"),
        ])
        #expect(await supervisor.run() == 78)
        #expect(place.read("marks") == "provider ended\n")
        #expect(place.log.contains(#""exit_code":78"#))
    }

    @Test func aChildThatIgnoresTheDrainIsKilledAtItsBound() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([
            place.child(
                "gateway", drain: 200 * Span.millisecond, "trap '' TERM; touch gateway.ready; while :; do sleep 1; done"
            )
        ])
        async let code = supervisor.run()
        try await place.wait(for: "the child to be ready") { access(place.path + "/gateway.ready", F_OK) == 0 }
        supervisor.stop()
        #expect(await code == 0)
        #expect(place.log.contains(#""signal":"SIGKILL""#))
    }

    @Test func aStopDuringTheDelayDoesNotWaitForIt() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([place.child("gateway", "echo x >> starts; exit 1")])
        async let code = supervisor.run()
        try await place.wait(for: "a delay of two seconds") { place.log.contains(#""delay_ms":2000"#) }
        supervisor.stop()
        #expect(await code == 0)
        // A fifth where this process did not run for the two seconds.
        #expect(["x\nx\nx\nx\n", "x\nx\nx\nx\nx\n"].contains(place.read("starts")))
    }

    @Test func whatCannotBeStartedIsSaid() async throws {
        let place = try Place()
        let supervisor = try Supervisor(
            executable: FilePath(place.path + "/absent"), children: [place.child("gateway", "")],
            standardOutput: .standardError, logger: place.logger)
        async let code = supervisor.run()
        try await place.wait(for: "the reason in the log") { place.log.contains(#""reason":"#) }
        supervisor.stop()
        #expect(await code == 0)
    }

    @Test func childrenSeeTheEndOfTheirParentOnTheirInput() async throws {
        let place = try Place()
        let supervisor = try place.supervisor([
            // The input stays open and silent while the parent lives: a read with a bound finds neither text nor end.
            place.child(
                "gateway",
                "echo $HOLDFAST_PARENT_PIPE > pipe; timeout 0.2 cat; echo $? > read; NAME=gateway\n" + Self.obedient)
        ])
        async let code = supervisor.run()
        try await place.wait(for: "the read to time out") { access(place.path + "/gateway.ready", F_OK) == 0 }
        supervisor.stop()
        #expect(await code == 0)
        #expect(place.read("pipe") == "0\n")
        #expect(place.read("read") == "124\n", "timeout(1) says 124 where the bound ended the read")
    }
}
