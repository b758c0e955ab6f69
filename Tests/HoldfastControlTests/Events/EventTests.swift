import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HoldfastControl

/// Live events, over the wire.
@Suite("Events", .serialized)
struct EventTests {
    @Test("Every change is an event, and its id leads on from there without a gap and without anything twice")
    func resume() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let first = try await control.events()
            #expect(first.items.map(\.type).last == "generation.published")
            #expect(first.items.last?.subject == "1")
            #expect(first.items.last?.by == "first-admin")
            let place = try #require(UInt64(first.next))
            let made = try await control.override("drain")
            try await control.clear(made)
            let found = try await control.follow(
                after: place,
                whenOpen: { _ = try await control.override("drain", for: "300ms") },
                until: { $0.event?.type == "override.expired" })
            let events = found.compactMap(\.event).filter { $0.type.hasPrefix("override.") }
            #expect(
                events.map(\.type) == ["override.created", "override.cleared", "override.created", "override.expired"])
            #expect(events.map(\.subject).prefix(2) == [made.id, made.id])
            #expect(events.map(\.id) == events.map(\.id).sorted() && Set(events.map(\.id)).count == 4)
            #expect(found.count == found.compactMap(\.event).count, "no reset")
            let page = try await control.events("?after=\(place)")
            #expect(Array(page.items.filter { $0.type.hasPrefix("override.") }.prefix(4)) == events)
            #expect(!page.gap)
        }
    }

    @Test("Only what is asked for comes")
    func types() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let found = try await control.follow(
                after: 0, types: ["override.cleared"],
                whenOpen: { try await control.clear(try await control.override("drain")) },
                until: { $0.event != nil })
            #expect(found.last?.event?.type == "override.cleared")
            let page = try await control.events("?types=override.created,override.cleared")
            #expect(page.items.map(\.type) == ["override.created", "override.cleared"])
            #expect(try await control.ask("GET", "/v1/events?types=", token: control.admin).status == 422)
            #expect(try await control.ask("GET", "/v1/events?after=soon", token: control.admin).status == 422)
        }
    }

    @Test("After a restart ids go on rising, and whoever comes with an old one is told to load again")
    func restart() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        let place = Mutex<UInt64>(0)
        try await TestControl.run(in: folder) { control in
            admin.withLock { $0 = control.admin }
            try await control.publish()
            let next = try #require(UInt64(try await control.events().next))
            place.withLock { $0 = next }
        }
        try await TestControl.run(in: folder, admin: admin.withLock { $0 }) { control in
            let old = place.withLock { $0 }
            let found = try await control.follow(
                after: old, whenOpen: { _ = try await control.override("drain") }, until: { $0.event != nil })
            guard case .reset(let notice)? = found.first else {
                Issue.record("no reset: \(found)")
                return
            }
            #expect(!notice.mend.isEmpty)
            let event = try #require(found.last?.event)
            #expect(event.type == "override.created")
            #expect(event.id > old)
            let page = try await control.events("?after=\(old)")
            #expect(page.gap)
        }
    }

    @Test("What fell out of the log, and what was never in it, is a gap")
    func gaps() {
        let log = EventLog(first: 100)
        #expect(!log.entries(after: 99, limit: 1).hasGap)
        #expect(log.entries(after: 98, limit: 1).hasGap)
        #expect(log.entries(after: 100, limit: 1).hasGap, "it has not happened yet")
        for number in 0..<EventLog.most + 2 {
            log.add(EventLog.News(type: "a.b", subject: "\(number)", summary: ""), now: 0)
        }
        #expect(log.entries(after: 100, limit: 1).hasGap)
        let slice = log.entries(after: 101, limit: 2)
        #expect(!slice.hasGap)
        #expect(slice.entries.map(\.view.id) == [102, 103])
        #expect(log.entries(after: nil, limit: 10_000).entries.count == EventLog.most)
        #expect(log.entries(after: log.newest, limit: 1).entries.isEmpty)
    }

    @Test("A database that is put back to what it was leads to no id that was seen before")
    func rising() async throws {
        let folder = try TestFolder()
        let (store, _) = try await folder.openLog()
        let now = WallClock.readMilliseconds()
        let first = try await EventLog.open(store, now: now).newest
        let second = try await EventLog.open(store, now: now - 86_400_000).newest
        #expect(second > first, "the clock went back a day")
        try await store.write { try $0.execute(sql: "DELETE FROM facts WHERE name = 'events'") }
        let third = try await EventLog.open(store, now: now + 10_000).newest
        #expect(third > second, "the store went back, and the clock on")
        #expect(third < 1 << 53)
    }

    @Test("There is room for so many streams, and the next is told so")
    func bound() async throws {
        try await TestControl.run { control in
            let streams = (0..<EventLog.mostStreams).compactMap { _ in control.server.events.openStream() }
            #expect(streams.count == EventLog.mostStreams)
            let answer = try await control.ask(
                "GET", "/v1/events", token: control.admin, headers: ["accept": "text/event-stream"])
            #expect(answer.status == 503)
            #expect(answer.headers["content-type"] == ProblemView.mediaType)
            #expect(answer.problem?.mend.isEmpty == false)
            #expect(answer.headers["retry-after"] != nil)
            for stream in streams { control.server.events.close(stream, isCutOff: false) }
            _ = try await control.follow(
                after: control.server.events.newest,
                whenOpen: {
                    control.server.events.add(EventLog.News(type: "a.b", subject: "", summary: ""), now: 0)
                }, until: { $0.event != nil })
            // Whoever went away gives the room back.
            try await eventually { control.server.events.figures.streams == 0 }
        }
    }

    @Test("Whoever was gone before the answer began gives the room back too")
    func neverWritten() throws {
        let log = EventLog(first: 1)
        for _ in 0..<3 * EventLog.mostStreams {
            let stream = try #require(log.openStream())
            _ = EventStream(
                log: log, stream: stream, after: nil, types: nil, connection: .none, isPermitted: { _ in true })
        }
        #expect(log.figures.streams == 0)
    }

    @Test("A stream ends within five seconds of its token")
    func revoked() async throws {
        try await TestControl.run { control in
            let token = try await control.token(.viewer)
            let found = try await control.follow(
                token: token, seconds: 5,
                whenOpen: {
                    let answer = try await control.ask("POST", "/v1/tokens/viewer-0/revoke", token: control.admin)
                    #expect(answer.status == 204)
                }, until: { _ in false })
            guard case .end(let notice)? = found.last else {
                Issue.record("no end: \(found)")
                return
            }
            #expect(notice.reason == "not_permitted")
            try await eventually { control.server.events.figures.streams == 0 }
        }
    }

    @Test("Who holds which token is for those alone who may list them")
    func hidden() async throws {
        try await TestControl.run { control in
            let viewer = try await control.token(.viewer)
            _ = try await control.token(.node)
            let all = try await control.events().items.map(\.type)
            #expect(all.contains("token.created"))
            let seen = try await control.events("", token: viewer).items.map(\.type)
            #expect(!seen.contains { $0.hasPrefix("token.") })
            let found = try await control.follow(
                token: viewer, after: nil,
                whenOpen: {
                    _ = try await control.token(.operator_)
                    try await control.publish()
                }, until: { $0.event?.type == "generation.published" })
            #expect(found.compactMap(\.event).map(\.type) == ["generation.published"])
        }
    }

    @Test("A reader that takes nothing is cut off once the log has gone past it, and counted")
    func slow() async throws {
        try await TestControl.run { control in
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let channel = try await ClientBootstrap(group: group)
                .channelOption(.socketOption(.so_rcvbuf), value: 4_096)
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: control.address.port).get()
            let request =
                "GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n"
                + "authorization: Bearer \(control.admin)\r\n\r\n"
            try await channel.writeAndFlush(ByteBuffer(string: request))
            let log = control.server.events
            try await eventually { log.figures.streams == 1 }
            let details = Dictionary(
                uniqueKeysWithValues: (0..<EventLog.mostDetails).map {
                    ("\($0)", String(repeating: "x", count: EventLog.longestText))
                })
            var number = 0
            try await eventually {
                for _ in 0..<200 {
                    number += 1
                    log.add(EventLog.News(type: "a.b", subject: "\(number)", summary: "", details: details), now: 0)
                }
                return log.figures.cutOff == 1
            }
            try await eventually { log.figures.streams == 0 }
            let answer = try await control.ask("GET", "/v1/status", token: control.admin)
            #expect(answer.status == 200)
            try? await channel.close()
            try await group.shutdownGracefully()
        }
    }
}
