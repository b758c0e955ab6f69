import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import NIOHTTP1
import Synchronization
import Testing

@testable import HoldfastControl

/// Alerts, from what is seen to what receivers are sent.
@Suite("Alerts and notifications", .serialized)
struct NotificationTests {
    private static let secret = "Bearer s3cret-of-the-receiver"

    /// - Parameter receivers: lines of `control.notifications`.
    private func publish(_ control: TestControl, _ receivers: String...) async throws {
        let lines = receivers.map { "    \($0)\n" }.joined()
        let answer = try await control.publish(TestControl.document + "\ncontrol:\n  notifications:\n\(lines)")
        #expect(answer.status == 201, "\(answer.problem.debugDescription)")
    }

    private func restrict(_ control: TestControl) async throws -> OverrideView {
        try await control.override("restrict")
    }

    private func receivers(_ control: TestControl) async throws -> [NotificationView] {
        let answer = try await control.ask("GET", "/v1/notifications", token: control.admin)
        #expect(!String(decoding: answer.body, as: UTF8.self).contains("s3cret"))
        return try answer.view(Page<NotificationView>.self).items
    }

    private func alerts(_ control: TestControl) async throws -> [AlertView] {
        try await control.ask("GET", "/v1/alerts", token: control.admin).view(Page<AlertView>.self).items
    }

    // MARK: - What is seen

    @Test("An open breaker is an alert once it has held, lists who says so, and a lying gateway is refused")
    func breaker() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let token = try await control.token(.node)
            let open = [TroubleView(subject: "openai/gpt", breaker: "open", suspension: nil)]
            try await eventually {
                _ = try await control.report(token: token, troubles: open)
                return try await !alerts(control).filter { $0.kind == "breaker" }.isEmpty
            }
            let alert = try #require(try await alerts(control).first { $0.kind == "breaker" })
            #expect(alert.subject == "openai/gpt")
            #expect(alert.gateways == ["node-0"])
            try await eventually {
                let types = try await control.events("?types=gateway.seen,breaker.opened").items.map(\.type)
                return types == ["gateway.seen", "breaker.opened"]
            }

            let many = Array(repeating: open[0], count: TroubleView.most + 1)
            let lies: [[TroubleView]] = [
                many, [TroubleView(subject: "a\u{1b}[2J/b", breaker: "open", suspension: nil)],
                [TroubleView(subject: String(repeating: "a", count: 5_000), breaker: nil, suspension: nil)],
                [TroubleView(subject: "a/b", breaker: "ajar", suspension: nil)],
            ]
            for lie in lies {
                let answer = try await control.report(token: token, troubles: lie)
                #expect(answer.status == 422)
                #expect(answer.problem?.fields?.first?.field == "troubles")
            }
            let long = String(repeating: "x\u{1b}[2J", count: 5_000)
            #expect(try await control.report(token: token, refused: long).status == 204)
            try await eventually { try await alerts(control).contains { $0.kind == "config-refused" } }
            let refused = try #require(try await alerts(control).first { $0.kind == "config-refused" })
            #expect(!refused.summary.unicodeScalars.contains { $0.value < 0x20 })
            #expect(refused.summary.unicodeScalars.count < 1_100)
        }
    }

    @Test("What fires is there after a restart, with its first time, and ends when it is over")
    func restart() async throws {
        let folder = try TestFolder()
        let kept = Mutex<(admin: String, override: OverrideView, alert: AlertView)?>(nil)
        try await TestControl.run(in: folder) { control in
            try await control.publish()
            let override = try await restrict(control)
            try await eventually { try await alerts(control).map(\.kind) == ["restriction"] }
            let alert = try await alerts(control)[0]
            kept.withLock { $0 = (control.admin, override, alert) }
        }
        let (admin, override, alert) = try #require(kept.withLock { $0 })
        try await TestControl.run(in: folder, admin: admin) { control in
            #expect(try await alerts(control) == [alert])
            try await control.clear(override)
            try await eventually { try await alerts(control).isEmpty }
            // One that is not there: it began before.
            try await eventually {
                let types = try await control.events("?types=restriction.began,restriction.ended").items.map(\.type)
                return types == ["restriction.ended"]
            }
        }
    }

    // MARK: - What is sent

    @Test("CloudEvents: one for each change, in structured mode, with ids that stay, to whom it concerns")
    func cloudEvents() async throws {
        try await StubReceiver.run({ $0 == 1 ? .status(503) : .status(200) }) { stub in
            let url = stub.url
            try await TestControl.run { control in
                try await publish(
                    control,
                    "events: {format: cloudevents, url: \"\(url)/hook\", authorization: \"\(Self.secret)\"}",
                    "others: {format: cloudevents, url: \"\(url)/others\", kinds: [backup-untested]}")
                let override = try await restrict(control)
                try await eventually { stub.requests.count == 2 }
                let (first, again) = (stub.requests[0], stub.requests[1])
                #expect(first.body == again.body, "what was refused once is sent again as it was")
                #expect(first.path == "/hook")
                #expect(first.headers.first(name: "content-type") == "application/cloudevents+json; charset=utf-8")
                #expect(first.headers.first(name: "authorization") == Self.secret)
                let event = first.object
                #expect(event["specversion"] as? String == "1.0")
                #expect(event["type"] as? String == "io.holdfast.restriction.began")
                #expect(event["subject"] as? String == override.id)
                #expect((event["source"] as? String)?.hasPrefix("urn:holdfast:control:") == true)
                let details = try #require(event["data"] as? [String: Any])
                #expect(details["status"] as? String == "firing")
                #expect((details["summary"] as? String)?.contains("the ruling of today") == true)

                try await control.clear(override)
                try await eventually { stub.requests.count == 3 }
                let over = stub.requests[2].object
                #expect(over["type"] as? String == "io.holdfast.restriction.ended")
                #expect(over["id"] as? String != event["id"] as? String)
                // The receiver has it before its answer is back.
                try await eventually { try await receivers(control).map(\.sent) == [2, 0] }
                let views = try await receivers(control)
                #expect(views.map(\.state) == [.working, .untested])
                #expect(views[0].failures == 1)
                #expect(views[0].address == url, "and not the path")
                #expect(stub.requests.count == 3, "the other one is told of backups alone")
            }
        }
    }

    @Test("What ended while a receiver was away is told after a restart, under the id of before, and then no more")
    func endedBeforeARestart() async throws {
        let folder = try TestFolder()
        let isUp = Mutex(false)
        let admin = Mutex("")
        try await StubReceiver.run({ _ in isUp.withLock { $0 } ? .status(200) : .status(503) }) { stub in
            let url = stub.url
            @Sendable func told() -> [String] { stub.requests.compactMap { $0.object["type"] as? String } }
            try await TestControl.run(in: folder) { control in
                try await publish(control, "events: {format: cloudevents, url: \"\(url)/hook\"}")
                let override = try await restrict(control)
                try await eventually { try await !alerts(control).isEmpty }
                try await control.clear(override)
                try await eventually { try await alerts(control).isEmpty }
                admin.withLock { $0 = control.admin }
            }
            isUp.withLock { $0 = true }
            let before = told().count
            for run in 0..<2 {
                try await TestControl.run(in: folder, admin: admin.withLock { $0 }) { control in
                    if run == 0 {
                        try await eventually { told().count > before }
                        #expect(told().dropFirst(before) == ["io.holdfast.restriction.ended"])
                        // Taken, and so kept no more.
                        try await eventually {
                            let kept = try await control.server.audit.store.read {
                                try String.fetchOne($0, sql: "SELECT value FROM facts WHERE name = 'alerts'")
                            }
                            return kept == "[]"
                        }
                    } else {
                        let override = try await restrict(control)
                        try await eventually { told().last == "io.holdfast.restriction.began" }
                        #expect(told().count == before + 2, "the old end is not told again")
                        try await control.clear(override)
                    }
                }
            }
        }
    }

    @Test("An Alertmanager is told again and again of what fires, and then that it is over")
    func alertmanager() async throws {
        try await StubReceiver.run { stub in
            let url = stub.url
            try await TestControl.run { control in
                try await publish(control, "am: {format: alertmanager, url: \"\(url)/prefix\", resend: 1s}")
                let override = try await restrict(control)
                try await eventually { stub.requests.count >= 3 }
                for request in stub.requests {
                    #expect(request.path == "/prefix/api/v2/alerts")
                    #expect(request.headers.first(name: "content-type") == "application/json")
                    let alert = try #require(request.list.first)
                    #expect(request.list.count == 1)
                    let labels = try #require(alert["labels"] as? [String: String])
                    #expect(labels["alertname"] == "HoldfastRestriction")
                    #expect(labels["severity"] == "warning")
                    #expect(labels["subject"] == override.id)
                    let (begin, end) = (alert["startsAt"] as? String ?? "", alert["endsAt"] as? String ?? "")
                    #expect(begin < end)
                    #expect(alert["generatorURL"] as? String == "http://\(control.address)/v1/alerts")
                }
                let starts = Set(stub.requests.compactMap { $0.list.first?["startsAt"] as? String })
                #expect(starts.count == 1)
                try await control.clear(override)
                try await eventually {
                    let end = stub.requests.last?.list.first?["endsAt"] as? String ?? "9"
                    return end <= TimeOfDay.text(milliseconds: WallClock.readMilliseconds())
                }
            }
        }
    }

    @Test("A webhook gets what an Alertmanager sends to webhooks")
    func webhook() async throws {
        try await StubReceiver.run { stub in
            let url = stub.url
            try await TestControl.run { control in
                try await publish(control, "hook: {format: webhook, url: \"\(url)\"}")
                let override = try await restrict(control)
                try await eventually { stub.requests.count == 1 }
                let firing = stub.requests[0].object
                #expect(
                    Set(firing.keys) == [
                        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
                        "commonAnnotations", "externalURL", "alerts",
                    ])
                #expect(firing["version"] as? String == "4")
                #expect(firing["status"] as? String == "firing")
                #expect(firing["receiver"] as? String == "hook")
                let alert = try #require((firing["alerts"] as? [[String: Any]])?.first)
                #expect(alert["endsAt"] as? String == "0001-01-01T00:00:00Z")
                #expect((alert["fingerprint"] as? String)?.count == 16)
                try await control.clear(override)
                try await eventually { stub.requests.count == 2 }
                let over = stub.requests[1].object
                #expect(over["status"] as? String == "resolved")
                let ended = try #require((over["alerts"] as? [[String: Any]])?.first)
                #expect(ended["fingerprint"] as? String == alert["fingerprint"] as? String)
            }
        }
    }

    @Test("A receiver that hangs, and one that redirects, keep nobody else from being told, and no change waits")
    func bad() async throws {
        try await StubReceiver.run({ _ in .silence }) { hanging in
            try await StubReceiver.run { trap in
                let aim = "\(trap.url)/s3cret"
                try await StubReceiver.run({ _ in .status(307, headers: [("location", aim)]) }) { redirecting in
                    try await StubReceiver.run { good in
                        let urls = [hanging.url, redirecting.url, good.url]
                        try await TestControl.run { control in
                            try await publish(
                                control, "a: {format: cloudevents, url: \"\(urls[0])\"}",
                                "b: {format: webhook, url: \"\(urls[1])\", authorization: \"\(Self.secret)\"}",
                                "c: {format: cloudevents, url: \"\(urls[2])\"}")
                            let override = try await restrict(control)
                            try await eventually { good.requests.count == 1 && hanging.requests.count == 1 }
                            try await control.clear(override)
                            try await eventually { good.requests.count == 2 }
                            try await eventually { try await receivers(control)[1].state == .failing }
                            #expect(try await receivers(control)[1].lastFailure?.contains("redirect") == true)
                            #expect(try await receivers(control)[0].waiting == 2)
                            #expect(trap.requests.isEmpty)
                        }
                    }
                }
            }
        }
    }

    @Test("A test says whether the receiver takes anything, and before it the receiver is untested")
    func test() async throws {
        try await StubReceiver.run({ $0 == 1 ? .status(200) : .status(500) }) { stub in
            let url = stub.url
            try await TestControl.run { control in
                try await publish(
                    control, "oncall: {format: webhook, url: \"\(url)\"}",
                    "gone: {format: webhook, url: \"${NOT_HERE}\"}")
                try await eventually { try await receivers(control).count == 2 }
                #expect(try await receivers(control).map(\.state) == [.untested, .unusable])
                let path = "/v1/notifications/oncall/test"
                let viewer = try await control.token(.viewer)
                #expect(try await control.ask("POST", path, token: viewer, body: [String: String]()).status == 403)
                let taken = try await control.ask("POST", path, token: control.admin, body: [String: String]())
                #expect(try taken.view(NotificationView.self).state == .working)
                let alert = try #require((stub.requests[0].object["alerts"] as? [[String: Any]])?.first)
                #expect((alert["labels"] as? [String: String])?["alertname"] == "HoldfastTest")
                let refused = try await control.ask("POST", path, token: control.admin, body: [String: String]())
                #expect(refused.status == 502)
                #expect(refused.problem?.detail == "it answered 500")
                #expect(try await receivers(control)[0].state == .failing)
                for (name, status) in [("gone", 409), ("nobody", 404)] {
                    let answer = try await control.ask(
                        "POST", "/v1/notifications/\(name)/test", token: control.admin, body: [String: String]())
                    #expect(answer.status == status)
                }
            }
        }
    }
}
