import Foundation
import Synchronization

/// One connection to the gateway or to a practice provider, with one request at a time.
final class Client: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var end = Reply.End.open
    }

    private let socket: Socket
    private let state = Mutex(State())

    init(_ address: String) throws {
        socket = try Socket.connect(to: address)
    }

    /// Begins a request; what came of an earlier one is forgotten.
    func send(
        _ method: String, _ path: String, body: String = "", headers: [String] = [], keepAlive: Bool = false
    ) throws {
        state.withLock { $0.bytes = [] }
        var lines = ["\(method) \(path) HTTP/1.1", "host: holdfast"] + headers
        if !body.isEmpty || method == "POST" {
            lines += ["content-type: application/json", "content-length: \(body.utf8.count)"]
        }
        if !keepAlive { lines.append("connection: close") }
        try socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// What has come so far.
    var reply: Reply {
        state.withLock { state in
            receive: while state.end == .open {
                switch socket.receive() {
                case .bytes(let bytes): state.bytes += bytes
                case .nothingYet: break receive
                case .closed: state.end = .closed
                case .reset: state.end = .reset
                }
            }
            return Reply(state.bytes, end: state.end)
        }
    }

    /// Waits for a state of the reply, or for the end of the connection.
    @discardableResult
    func wait(
        for what: String, within seconds: Double = 30, until condition: (Reply) -> Bool
    ) async throws -> Reply {
        var seen = reply
        try await eventually(what, within: seconds, state: { seen.text }) {
            seen = reply
            return condition(seen) || seen.end != .open
        }
        return seen
    }

    func whole(within seconds: Double = 30) async throws -> Reply {
        try await wait(for: "a whole answer", within: seconds) { $0.isComplete }
    }

    func close() {
        socket.close()
    }
}

/// One request on a connection of its own, answered whole.
func ask(
    _ address: String, _ method: String, _ path: String, body: String = "", headers: [String] = [],
    within seconds: Double = 30
) async throws -> Reply {
    let client = try Client(address)
    try client.send(method, path, body: body, headers: headers)
    return try await client.whole(within: seconds)
}

func chatBody(_ model: String = "assistant", stream: Bool = false, tokens: Int = 8) -> String {
    """
    {"model": "\(model)", "stream": \(stream), "max_tokens": \(tokens), \
    "messages": [{"role": "user", "content": "hello"}]}
    """
}

func chat(
    _ address: String, _ model: String = "assistant", stream: Bool = false, tokens: Int = 8, headers: [String] = [],
    within seconds: Double = 30
) async throws -> Reply {
    try await ask(
        address, "POST", "/v1/chat/completions", body: chatBody(model, stream: stream, tokens: tokens),
        headers: headers, within: seconds)
}
