import ArgumentParser
import NIOCore

/// Where requests go and what they say; the same options for every client command.
struct Target: ParsableArguments {
    @Option(help: "Port on 127.0.0.1.")
    var port: Int

    @Option(help: "Client key, sent as a bearer token.")
    var key = "none"

    @Option(help: "Model name in the requests.")
    var model: String

    @Option(help: "Send the model names NAME-0 … NAME-(N-1) in turn instead of one.")
    var models = 1

    @Option(help: "Size of a request's body in bytes.")
    var bodyBytes = 1_024

    /// Whole requests, head and body, made once.
    func requests(isStream: Bool) -> [ByteBuffer] {
        (0..<max(models, 1)).map { index in
            let body = body(model: models > 1 ? "\(model)-\(index)" : model, isStream: isStream)
            return ByteBuffer(
                string: "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\n"
                    + "authorization: Bearer \(key)\r\ncontent-type: application/json\r\n"
                    + "accept: \(isStream ? "text/event-stream" : "application/json")\r\nuser-agent: holdfast-load\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
        }
    }

    private func body(model: String, isStream: Bool) -> String {
        let stream = isStream ? #""stream":true,"stream_options":{"include_usage":true},"# : ""
        let start =
            #"{"model":"\#(model)",\#(stream)"temperature":0.2,"max_tokens":256,"#
            + #""messages":[{"role":"system","content":"You watch the anchors."},{"role":"user","content":""#
        let end = #""}]}"#
        let sentence = "Which anchor holds when the wind turns north and the tide runs out? "
        let room = max(bodyBytes - start.utf8.count - end.utf8.count, 0)
        let text = String(repeating: sentence, count: room / sentence.utf8.count + 1).prefix(room)
        return start + text + end
    }
}
