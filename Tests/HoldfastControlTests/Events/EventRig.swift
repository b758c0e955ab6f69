import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

private final class Heard: Sendable {
    private let items = Mutex<[EventStreamItem]>([])
    func add(_ item: EventStreamItem) { items.withLock { $0.append(item) } }
    var all: [EventStreamItem] { items.withLock { $0 } }
}

extension TestControl {
    /// Follows the stream until it has said what is waited for, or has ended.
    func follow(
        token: String? = nil, after place: UInt64? = nil, types: [String] = [], seconds: Int64 = 15,
        whenOpen: @escaping @Sendable () async throws -> Void = {},
        until: @escaping @Sendable (EventStreamItem) -> Bool
    ) async throws -> [EventStreamItem] {
        let client = ControlClient(base: "http://\(address)", token: Secret(token ?? admin))
        let streams = server.events.figures.streams
        let result: Result<[EventStreamItem], any Error>
        do {
            let found = try await withThrowingTaskGroup(of: [EventStreamItem]?.self) { tasks in
                tasks.addTask {
                    let items = Heard()
                    let (done, continuation) = AsyncStream.makeStream(of: Void.self)
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask {
                            var place = place
                            try? await client.followEvents(after: &place, types: types) { item in
                                items.add(item)
                                if until(item) { continuation.finish() }
                            }
                            continuation.finish()
                        }
                        for await _ in done {}
                        group.cancelAll()
                    }
                    return items.all
                }
                tasks.addTask {
                    try await eventually { server.events.figures.streams > streams }
                    try await whenOpen()
                    return nil
                }
                tasks.addTask {
                    try await Task.sleep(for: .seconds(seconds))
                    throw Late()
                }
                defer { tasks.cancelAll() }
                while let found = try await tasks.next() {
                    if let found { return found }
                }
                return []
            }
            result = .success(found)
        } catch {
            result = .failure(error)
        }
        await client.shutDown()
        return try result.get()
    }

    struct Late: Error {}

    func events(_ query: String = "", token: String? = nil) async throws -> EventPage {
        try await ask("GET", "/v1/events\(query)", token: token ?? admin).view(EventPage.self)
    }

    func override(_ kind: String, for span: String = "1h") async throws -> OverrideView {
        var effect = OverrideEffectView(kind: kind)
        effect.provider = "openai"
        let answer = try await ask(
            "POST", "/v1/overrides", token: admin,
            body: NewOverrideView(effect: effect, reason: "the ruling of today", for: span))
        return try answer.view(OverrideView.self)
    }

    func clear(_ override: OverrideView) async throws {
        let answer = try await ask(
            "POST", "/v1/overrides/\(override.id)/clear", token: admin, body: ReasonView(reason: "it is over"))
        #expect(answer.status == 200)
    }

    /// What a gateway says of itself.
    func report(
        token: String, generation: UInt64 = 1, refused: String? = nil, troubles: [TroubleView]? = []
    ) async throws -> Answer {
        try await pull(
            token: token,
            GatewayReportView(
                version: "test", generation: generation, source: "control", ready: true, exchangesInFlight: 0,
                exchanges: 0, failures: 0, refused: refused, shedding: "none", troubles: troubles))
    }
}

extension EventStreamItem {
    var event: EventView? { if case .event(let view) = self { view } else { nil } }
}

/// Waits for a state that something else reaches, with a bound.
func eventually(
    at location: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    for _ in 0..<1_500 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen in fifteen seconds", sourceLocation: location)
}
