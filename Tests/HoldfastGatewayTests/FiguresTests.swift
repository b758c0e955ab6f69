import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import NIOCore
import NIOPosix
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What a gateway tells of what goes through it, and that a real management plane shows it.
    struct FiguresTests {
        private func figures(_ gateway: GatewayServer) throws -> FiguresView {
            var report = gateway.report(version: "test")
            _ = gateway.tell(&report, since: ReceiptsReport.Marks())
            return try #require(report.figures)
        }

        /// A client has its answer a moment before the exchange is on record.
        private func figures(_ gateway: GatewayServer, of exchanges: Int) async throws -> FiguresView {
            try await eventually("\(exchanges) are on record") {
                try figures(gateway).calls.reduce(0) { $0 + $1.count } == exchanges
            }
            return try figures(gateway)
        }

        @Test func `figures are of routes, deployments, calls and endpoints as they are`() async throws {
            try await withPair {
                $0.tail = TestKeys.sections
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, _ in
                let app = [TestKeys.bearer(TestKeys.app)]
                for _ in 0..<3 { _ = try await gateway.ask(chat(headers: app)) }
                _ = try await gateway.ask(chat(stream: true, headers: [TestKeys.bearer(TestKeys.narrow)]))
                _ = try await gateway.ask(chat("backup/practice-large", headers: app))
                try await primary.setFault(.refuse)
                _ = try await gateway.ask(chat(headers: app))
                let found = try await figures(gateway, of: 6)
                #expect(found.routes.map(\.name) == ["assistant"] && found.leftOut == nil)
                let route = try #require(found.routes.first)
                #expect(route.candidates == ["primary/practice-large", "backup/practice-large"])
                #expect(route.ended == 5 && route.failed == 0 && route.failovers == 1 && route.inFlight == 0)
                #expect(try #require(route.medianMilliseconds) <= #require(route.p99Milliseconds))
                #expect(route.medianFirstTokenMilliseconds != nil && route.p99FirstTokenMilliseconds != nil)

                #expect(found.deployments.map(\.id) == route.candidates)
                let deployment = try #require(found.deployments.first)
                #expect(deployment.breaker == "closed" && deployment.attempts >= 5 && deployment.failures >= 1)
                #expect(deployment.vendor == "primary" && !deployment.owned && deployment.warmth == "warm")

                let meant = [
                    ("assistant", "everything", "backup/practice-large", 1),
                    ("assistant", "everything", "primary/practice-large", 3),
                    ("assistant", "some", "primary/practice-large", 1),
                    ("backup/practice-large", "everything", "backup/practice-large", 1),
                ].map { FiguresView.Call(workload: $1, route: $0, deployment: $2, count: $3) }
                #expect(found.calls == meant)
                #expect(found.endpoints.map(\.provider) == ["primary", "backup"])
                #expect(found.endpoints.allSatisfy { $0.host == "127.0.0.1" && $0.addresses == ["127.0.0.1"] })
                #expect(found.nameServers == NameServers.read())
            }
        }

        @Test func `what runs is in flight, and what nobody answered is nobody's`() async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.refuse)
                async let reply = gateway.ask(chat())
                try await eventually("it is in flight") {
                    try figures(gateway).routes.first.map { $0.inFlight == 1 && $0.ended == 0 } ?? false
                }
                #expect(try await reply.status >= 500)
                let found = try await figures(gateway, of: 1)
                #expect(found.routes.first?.inFlight == 0 && found.routes.first?.failed == 1)
                #expect(
                    found.calls == [FiguresView.Call(workload: nil, route: "assistant", deployment: nil, count: 1)])
            }
        }

        @Test func `counts outlive a snapshot whose places are others`() async throws {
            try await withPractice { primary in
                try await withPractice { backup in
                    let setup = Setup(primary.port, backup.port)
                    try await withGateway(setup) { gateway in
                        _ = try await gateway.ask(chat())
                        var turned = setup
                        turned.providers.reverse()
                        try gateway.adopt(try turned.load())
                        _ = try await gateway.ask(chat())
                        let found = try await figures(gateway, of: 2).calls
                        #expect(found.map(\.deployment) == ["backup/practice-large", "primary/practice-large"])
                        #expect(found.map(\.count) == [1, 1])
                    }
                }
            }
        }

        @Test func `calls beyond what fits are one row, and none is lost`() {
            let names = KnownNames()
            var (many, few) = (CallCounts(), CallCounts())
            for number in 0...CallCounts.most {
                let mark = names.mark(of: "p/d\(number)")
                many.count(CallCounts.Pair(workload: nil, deployment: mark))
                if number < 3 { for _ in 0..<9 { few.count(CallCounts.Pair(workload: mark, deployment: mark)) } }
            }
            let alone = FiguresReport.calls(of: [("few", few)], names)
            #expect(alone.count == 3 && alone.map(\.count) == [9, 9, 9])
            let found = FiguresReport.calls(of: [("many", many), ("few", few)], names)
            #expect(found.count == FiguresView.mostCalls)
            #expect(found.reduce(0) { $0 + $1.count } == CallCounts.most + 1 + 27)
            #expect(found.filter { $0.route == "few" } == alone, "those with the fewest exchanges give way")
            // One that the route itself does not tell apart, and those that the report has no room for.
            let rest = found.filter { $0.deployment == NameTable.rest }
            #expect(rest.map(\.route) == ["*"] && rest.map(\.count) == [5] && rest.map(\.workload) == ["*"])
        }

        @Test func `addresses are those that were found last, and nobody is asked for them`() throws {
            let resolver = NameResolver { _, _ in throw NameFailure(reason: "nobody may be asked") }
            defer { resolver.stop() }
            #expect(resolver.known(host: "a.test", port: 443).isEmpty)
            #expect(resolver.known(host: "192.0.2.1", port: 443).map(\.ipAddress) == ["192.0.2.1"])
            #expect(resolver.known(host: "::1", port: 443).map(\.ipAddress) == ["::1"])
        }

        @Test func `name servers are those of the file, and unknown where it cannot be read`() async throws {
            try await withFolder { folder in
                let path = folder.appendingPathComponent("resolv.conf").path
                #expect(NameServers.read(path) == [])
                try Data("nameserver 192.0.2.53\n".utf8).write(to: URL(fileURLWithPath: path))
                #expect(NameServers.read(path) == ["192.0.2.53"])
            }
        }

        @Test func `a report of a large file stays far below what the management plane reads`() async throws {
            let routes = (0..<50).map { route in
                let candidates = (0..<10).map { "p\($0)/a-model-with-a-usual-name-\(route)" }
                return "  route-\(route): {candidates: [\(candidates.joined(separator: ", "))]}"
            }
            let providers = (0..<10).map { "  p\($0): {base_url: \"http://127.0.0.1:9/v1\", network: private}" }
            let text =
                ["version: 1", "gateway: {listen: \"127.0.0.1:0\", operations: \"127.0.0.1:0\", checks: false}"]
                + ["providers:"] + providers + ["routes:"] + routes
            let loaded = try ConfigurationFile.compile(
                text: text.joined(separator: "\n"), name: "holdfast.yaml", directory: "/", environment: [:])
            try await withGateway(AdoptedSnapshot(file: loaded)) { gateway in
                var report = gateway.report(version: "test")
                let bare = APICoding.encode(report).count
                _ = gateway.tell(&report, since: ReceiptsReport.Marks())
                #expect(report.figures?.routes.count == 50 && report.figures?.deployments.count == 500)
                let bytes = APICoding.encode(report).count
                #expect(bare < 300 && (100_000..<200_000).contains(bytes), "\(bare) and \(bytes) bytes")
            }
        }

        // MARK: - Receipts

        private func told(
            _ gateway: GatewayServer, since marks: ReceiptsReport.Marks = ReceiptsReport.Marks()
        ) throws -> (view: ReceiptsView, marks: ReceiptsReport.Marks) {
            var report = gateway.report(version: "test")
            let next = gateway.tell(&report, since: marks)
            return (try #require(report.receipts), next)
        }

        private func remembered(_ gateway: GatewayServer, _ id: String?) async throws {
            let path = "/state/exchanges/\(id ?? "none")"
            try await eventually("it is on record") { try await gateway.operations(path).status == 200 }
        }

        @Test func `each exchange is told once, the newest first, and what is left out is counted`() async throws {
            try await withPair {
                $0.gateway = ", receipts: 4"
                $0.tail = TestKeys.sections
            } _: { gateway, _, _ in
                let headers = [TestKeys.bearer(TestKeys.narrow)]
                var ids: [String] = []
                for _ in 0..<2 { ids.append(try await gateway.ask(chat(headers: headers))["x-request-id"] ?? "none") }
                try await remembered(gateway, ids.last)
                let first = try told(gateway)
                #expect(first.view.items.map(\.id) == ids.reversed() && first.view.leftOut == 0)
                #expect(first.view.items.allSatisfy { $0.workload == "some" })
                #expect(first.view.operations == "\(gateway.operationsAddress)")
                let nothing = try told(gateway, since: first.marks)
                #expect(nothing.view.items.isEmpty && nothing.view.leftOut == 0)
                // Six end, and four are remembered.
                for _ in 0..<6 { ids.append(try await gateway.ask(chat(headers: headers))["x-request-id"] ?? "none") }
                try await remembered(gateway, ids.last)
                let second = try told(gateway, since: first.marks)
                #expect(second.view.items.map(\.id) == ids.suffix(4).reversed() && second.view.leftOut == 2)
            }
        }

        @Test func `of many, those that failed are told first`() async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, _ in
                try await primary.setFault(.refuse)
                let failedOver = try await gateway.ask(chat())["x-request-id"]
                await primary.clearFaults()
                var last: String?
                for _ in 0..<ReceiptsView.most + 10 { last = try await gateway.ask(chat())["x-request-id"] }
                try await remembered(gateway, last)
                let found = try told(gateway).view
                #expect(found.items.count == ReceiptsView.most && found.leftOut == 11)
                #expect(found.items.last?.id == failedOver && found.items.last?.degraded == "failover")
            }
        }

        // MARK: - With a management plane

        @Test func `whoever looks on sees what goes through, and what became of an exchange`() async throws {
            try await withFolder { folder in
                try await withPractice { primary in
                    let setup = Setup(primary.port)
                    try await Plane.run(in: folder) { plane in
                        try await plane.publish(setup.text)
                        let pull = plane.pull()
                        let taken = try #require(await pull.first())
                        let first = taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt)
                        try await withPulling(pull, from: first, taken) { gateway in
                            try await eventually("the first report has figures, though nobody looked on") {
                                try await plane.admin.figures().gateways.first?.figures?.routes.first?.ended == 0
                            }
                            let reply = try await gateway.ask(chat())
                            let id = try #require(reply["x-request-id"])
                            try await eventually("the exchange is in the figures of a watched gateway") {
                                let found = try await plane.admin.figures().gateways.first
                                guard let age = found?.figuresAgeMilliseconds, age < 10_000 else { return false }
                                return found?.figures?.calls.first?.count == 1
                            }
                            try await eventually("its receipt is there") {
                                try await plane.admin.exchanges(most: 10).items.map(\.receipt.id) == [id]
                            }
                            let shown = try await plane.admin.exchange(id)
                            #expect(shown.receipt.attempts.map(\.deployment) == ["primary/practice-large"])
                            let own = try await gateway.operations("/state/exchanges/\(id)")
                            #expect(own.body == StateReport.json(shown.receipt) + "\n", "as the gateway itself says it")
                        }
                    }
                }
            }
        }

        @Test func `figures that are refused keep nothing from the gateway`() async throws {
            let problem = ProblemView("invalid", "Not valid", status: 422, detail: "figures.routes", mend: "update")
            let refusal = String(decoding: APICoding.encode(problem), as: UTF8.self)
            let script: ScriptedServer.Script = { request in
                let wantsMore = "\(ControlClient.watchedHeader): true\r\n"
                guard request.body.contains("\"figures\"") else {
                    return [.send("HTTP/1.1 204 No Content\r\n\(wantsMore)\r\n")]
                }
                let head = "HTTP/1.1 422 Unprocessable\r\ncontent-type: \(ProblemView.mediaType)\r\n"
                return [.send(head + "content-length: \(refusal.utf8.count)\r\n\r\n\(refusal)")]
            }
            try await withFolder { folder in
                try await withPractice { primary in
                    try await withScripted(script) { control in
                        let client = ControlClient(base: "http://127.0.0.1:\(control.port)", token: Secret("none"))
                        let pull = SnapshotPull(
                            SnapshotPull.Settings(
                                client: client, key: Curve25519.Signing.PrivateKey().publicKey,
                                ring: SnapshotRing(data: folder.path), environment: [:], directory: folder.path,
                                version: "test"), logger: Plane.quiet)
                        let first = AdoptedSnapshot(file: try Setup(primary.port).load(), generation: 0)
                        try await withPulling(pull, from: first, nil) { _ in
                            try await eventually("it asks on, without them") { control.log.requests.count >= 2 }
                        }
                        let withFigures = control.log.requests.map { $0.body.contains("\"figures\"") }
                        #expect(withFigures.first == true && !withFigures.dropFirst().contains(true))
                        await client.shutDown()
                    }
                }
            }
        }
    }
}
