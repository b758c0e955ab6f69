import AsyncHTTPClient
import Foundation
import NIOCore

/// What comes down a stream of events.
package enum EventStreamItem: Sendable, Equatable {
    case event(EventView)
    /// Events were lost between the last id and here: what was learnt from them may be out of date.
    case reset(EventStreamNotice)
    /// The management plane ends the stream, and says why.
    case end(EventStreamNotice)
}

extension ControlClient {
    /// Some of the newest events.
    ///
    /// - Parameter place: the last id that was seen; nil: the newest `limit` of them.
    package func events(
        after place: UInt64? = nil, types: [String] = [], limit: Int = 100
    ) async throws(ControlFailure) -> EventPage {
        try await get(Self.path(after: place, types, [("limit", "\(limit)")]), as: EventPage.self)
    }

    /// Follows the stream until the management plane or the network ends it. Whoever wants more calls it again.
    ///
    /// - Parameter place: nil: from now on. Holds afterwards, however it ended, where to go on.
    package func followEvents(
        after place: inout UInt64?, types: [String] = [], _ each: (EventStreamItem) async -> Void
    ) async throws(ControlFailure) {
        var reader = EventStreamReader(place: place)
        defer { place = reader.place }
        try await stream(Self.path(after: place, types, []), accepting: "text/event-stream") { bytes in
            for item in reader.read(bytes) { await each(item) }
        }
    }

    private static func path(after place: UInt64?, _ types: [String], _ more: [(String, String)]) -> String {
        var query = more
        if let place { query.append(("after", "\(place)")) }
        if !types.isEmpty { query.append(("types", types.joined(separator: ","))) }
        let text = query.map { "\($0.0)=\(encoded($0.1))" }.joined(separator: "&")
        return text.isEmpty ? "/v1/events" : "/v1/events?\(text)"
    }

    package func alerts() async throws(ControlFailure) -> Page<AlertView> {
        try await get("/v1/alerts", as: Page<AlertView>.self)
    }

    package func notifications() async throws(ControlFailure) -> Page<NotificationView> {
        try await get("/v1/notifications", as: Page<NotificationView>.self)
    }

    /// Sends the receiver a test. Throws where it did not take it.
    package func testNotification(_ name: String) async throws(ControlFailure) -> NotificationView {
        try await post("/v1/notifications/\(Self.encoded(name))/test", [String: String](), as: NotificationView.self)
    }
}

/// `text/event-stream` as our own management plane writes it: what it does not know is passed over.
struct EventStreamReader {
    /// A line that is longer than anything we write: whoever speaks there is somebody else.
    static let longestLine = 1 << 20

    private(set) var place: UInt64?
    private var line: [UInt8] = []
    private var type = ""
    private var data = ""
    private var isTooLong = false

    init(place: UInt64?) {
        self.place = place
    }

    mutating func read(_ bytes: some Sequence<UInt8>) -> [EventStreamItem] {
        var items: [EventStreamItem] = []
        for byte in bytes {
            guard byte != UInt8(ascii: "\n") else {
                if let item = take(String(decoding: line, as: UTF8.self)) { items.append(item) }
                line.removeAll(keepingCapacity: true)
                isTooLong = false
                continue
            }
            if line.count < Self.longestLine { line.append(byte) } else { isTooLong = true }
        }
        return items
    }

    private mutating func take(_ line: String) -> EventStreamItem? {
        guard !isTooLong else { return nil }
        if line.isEmpty {
            defer { (type, data) = ("", "") }
            return item
        }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts[0] {
        case "id": place = UInt64(value) ?? place
        case "event": type = value
        case "data": data += value
        default: break
        }
        return nil
    }

    private var item: EventStreamItem? {
        let json = Data(data.utf8)
        switch type {
        case "": return nil
        case "reset": return (try? APICoding.decode(EventStreamNotice.self, from: json)).map(EventStreamItem.reset)
        case "end": return (try? APICoding.decode(EventStreamNotice.self, from: json)).map(EventStreamItem.end)
        default: return (try? APICoding.decode(EventView.self, from: json)).map(EventStreamItem.event)
        }
    }
}
