import Foundation
import Glibc
import Synchronization
import Testing

/// The primary dies in the middle of the work.
@Suite(.serialized) struct KillTests {
    private struct Tally: Sendable {
        var unary = 0
        var failedUnary: [String] = []
        var streams = 0
        /// Ended with an error event: cut by the kill, and said.
        var toldStreams = 0
        var truncatedStreams: [String] = []
        var byDeployment: [String: Int] = [:]

        mutating func count(_ reply: Reply, isStream: Bool) {
            if let deployment = reply["x-holdfast-deployment"] { byDeployment[deployment, default: 0] += 1 }
            if !isStream {
                unary += 1
                if reply.status != 200 || !reply.isComplete { failedUnary.append(reply.text) }
                return
            }
            streams += 1
            if reply.status == 200, reply.isComplete, reply.isDone { return }
            if reply.status == 200, reply.isComplete, reply.endsWithError {
                toldStreams += 1
            } else {
                truncatedStreams.append(reply.text)
            }
        }
    }

    private static let concurrency = 8
    private static let paced = ["--first-token", "20ms", "--token-gap", "10ms"]

    /// Eight clients with a mix of requests, each on a connection that it keeps, until told to stop.
    private final class Load: Sendable {
        private let isOver = Atomic(false)
        private let tally = Mutex(Tally())

        var result: Tally { tally.withLock { $0 } }

        func answers(of deployment: String) -> Int { result.byDeployment["\(deployment)/practice-large"] ?? 0 }

        func stop() { isOver.store(true, ordering: .relaxed) }

        func run(_ address: String) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<concurrency {
                    group.addTask { try await self.work(address, worker) }
                }
                try await group.waitForAll()
            }
        }

        private func work(_ address: String, _ worker: Int) async throws {
            var client = try Client(address)
            var number = worker
            while !isOver.load(ordering: .relaxed) {
                let isStream = number % 2 == 0
                try client.send(
                    "POST", "/v1/chat/completions", body: chatBody(stream: isStream, tokens: 5 + number % 20),
                    keepAlive: true)
                let reply = try await client.whole()
                tally.withLock { $0.count(reply, isStream: isStream) }
                if reply.end != .open || reply["connection"] == "close" { client = try Client(address) }
                number += 1
            }
        }
    }

    @Test func noUnaryRequestFailsNoStreamIsCutInSilenceAndTrafficReturns() async throws {
        try await Place.with { place in
            var primary = try await place.practice("primary", Self.paced)
            let secondary = try await place.practice("secondary", Self.paced)
            let gateway = try await place.gateway(
                Document(providers: [("primary", primary.address), ("secondary", secondary.address)]).text)
            let load = Load()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await load.run(gateway.address) }
                defer { load.stop() }
                try await eventually("work at the primary") { load.answers(of: "primary") >= 60 }
                #expect(load.answers(of: "secondary") == 0)
                primary.program.send(SIGKILL)
                try await primary.program.end()
                try await eventually("work at the secondary") { load.answers(of: "secondary") >= 60 }
                let state = try await gateway.wait(for: "the breaker opens") {
                    $0["deployments"][0]["breaker"].string != "closed"
                }
                #expect(state["ready"].bool == true)
                primary = try await place.practice("primary", listen: primary.address, Self.paced)
                let before = load.answers(of: "primary")
                let seconds = try await eventually("traffic returns to the primary", state: { gateway.program.log }) {
                    load.answers(of: "primary") > before
                }
                try await eventually("more than a probe returns") { load.answers(of: "primary") > before + 40 }
                load.stop()
                try await group.waitForAll()
                print("kill: first answer of the primary \(seconds) s after its restart")
            }
            let result = load.result
            print(
                "kill: \(result.unary) unary, \(result.failedUnary.count) failed; \(result.streams) streams, "
                    + "\(result.toldStreams) ended with an error event, \(result.truncatedStreams.count) in silence")
            #expect(result.failedUnary.isEmpty)
            #expect(result.truncatedStreams.isEmpty)
            // Only what was in flight at the kill may have been cut.
            #expect(result.toldStreams <= Self.concurrency)
            let events = gateway.program.events.compactMap { $0["message"].string }
            #expect(
                events.contains { $0.hasPrefix("breaker open") } && events.contains { $0.hasPrefix("breaker closed") })
        }
    }

    @Test func aPrimaryThatRefusesCostsMilliseconds() async throws {
        try await Place.with { place in
            let primary = try await place.practice("primary")
            let secondary = try await place.practice("secondary")
            let gateway = try await place.gateway(
                Document(providers: [("primary", primary.address), ("secondary", secondary.address)]).text)
            #expect(try await chat(gateway.address)["x-holdfast-deployment"] == "primary/practice-large")
            primary.program.send(SIGKILL)
            try await primary.program.end()
            for _ in 0..<4 {
                let reply = try await chat(gateway.address)
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply["x-holdfast-degraded"] == "failover")
            }
            try await eventually("the lines are written") { place.accessLines.count == 5 }
            let lost = place.accessLines.dropFirst().map { line in
                line["attempts"].array.filter { $0["failure"] != .null }.compactMap { $0["microseconds"].int }
                    .reduce(0, +)
            }
            print("failover: microseconds spent at a primary that refuses, before the secondary is asked: \(lost)")
            // A wait that somebody put there by mistake would be a second or more.
            #expect(lost.allSatisfy { $0 < 500_000 }, "\(place.read("access.log"))")
        }
    }
}
