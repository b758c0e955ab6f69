import Foundation
package import HoldfastCore
package import NIOCore

/// A good answer to a chat or completions request, before it is known how it is sent.
package struct GeneratedAnswer: Sendable {
    package let id: String
    package let created: Int
    package let model: String
    /// What a stream sends one by one; together they are the whole answer.
    package let pieces: [String]
    package let promptTokens: Int

    private let endpoint: PracticeRequest.Endpoint
    private let toolName: String?
    private let finishReason: String
    private let includeUsage: Bool

    package init(
        _ request: PracticeRequest, provider: String, seed: UInt64, id: UInt64, created: Int
    ) {
        var random = SeededRandom(seed: AnswerText.fingerprint(request.promptText, seed: seed))
        let hex = String(id, radix: 16)
        self.id = (request.endpoint == .chat ? "chatcmpl-" : "cmpl-") + hex
        self.created = created
        model = request.model
        endpoint = request.endpoint
        promptTokens = request.promptTokens
        includeUsage = request.includeUsage
        switch request.output {
        case .text:
            toolName = nil
            finishReason = request.tokenLimit == nil ? "stop" : "length"
            let count = request.tokenLimit ?? AnswerText.standardTokens
            pieces = AnswerText.tokens(provider: provider, count: count, random: &random)
        case .json(let schema):
            toolName = nil
            finishReason = "stop"
            let value =
                schema.map(SchemaSample.value(for:)) ?? ["simulated": true, "provider": .string(provider)]
            pieces = AnswerText.fragments(of: value.line)
        case .tool(let name, let parameters):
            toolName = name
            finishReason = "tool_calls"
            let value = parameters.map(SchemaSample.value(for:)) ?? .object([])
            pieces = AnswerText.fragments(of: value.line)
        }
    }

    private var usage: JSONValue {
        [
            "prompt_tokens": .integer(promptTokens), "completion_tokens": .integer(pieces.count),
            "total_tokens": .integer(promptTokens + pieces.count),
        ]
    }

    private var callID: String { "call_" + id.drop { $0 != "-" }.dropFirst() }

    // MARK: Unary

    package var body: JSONValue {
        let text = pieces.joined()
        let choice: JSONValue =
            switch (endpoint, toolName) {
            case (.completions, _), (.embeddings, _):
                ["text": .string(text), "index": 0, "logprobs": nil, "finish_reason": .string(finishReason)]
            case (.chat, nil):
                [
                    "index": 0,
                    "message": ["role": "assistant", "content": .string(text), "refusal": nil],
                    "logprobs": nil, "finish_reason": .string(finishReason),
                ]
            case (.chat, let name?):
                [
                    "index": 0,
                    "message": [
                        "role": "assistant", "content": nil,
                        "tool_calls": [
                            [
                                "id": .string(callID), "type": "function",
                                "function": ["name": .string(name), "arguments": .string(text)],
                            ]
                        ],
                        "refusal": nil,
                    ],
                    "logprobs": nil, "finish_reason": .string(finishReason),
                ]
            }
        return [
            "id": .string(id), "object": endpoint == .chat ? "chat.completion" : "text_completion",
            "created": .integer(created), "model": .string(model), "choices": [choice], "usage": usage,
            "system_fingerprint": "fp_practice",
        ]
    }

    // MARK: Stream

    package var shape: AnswerShape {
        .stream(tokens: pieces.count, role: endpoint == .chat, usage: includeUsage)
    }

    /// The texts around the choices, made once per stream so that a token costs three copies.
    package struct EventFrame: Sendable {
        fileprivate let beforeChoices: String
        fileprivate let beforeToken: String
        fileprivate let afterToken: String
        fileprivate let afterChoices: String
    }

    package func eventFrame() -> EventFrame {
        let object = endpoint == .chat ? "chat.completion.chunk" : "text_completion"
        let before =
            "data: {\"id\":\"\(id)\",\"object\":\"\(object)\",\"created\":\(created),"
            + "\"model\":\"\(JSONValue.escaped(model))\",\"system_fingerprint\":\"fp_practice\",\"choices\":["
        let after = includeUsage ? "],\"usage\":null}\n\n" : "]}\n\n"
        let token: (String, String) =
            switch (endpoint, toolName) {
            case (.completions, _), (.embeddings, _):
                ("{\"text\":\"", "\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}")
            case (.chat, nil):
                ("{\"index\":0,\"delta\":{\"content\":\"", "\"},\"logprobs\":null,\"finish_reason\":null}")
            case (.chat, _?):
                (
                    "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"",
                    "\"}}]},\"logprobs\":null,\"finish_reason\":null}"
                )
            }
        return EventFrame(
            beforeChoices: before, beforeToken: before + token.0, afterToken: token.1 + after, afterChoices: after)
    }

    package func writeToken(_ index: Int, frame: EventFrame, into buffer: inout ByteBuffer) {
        buffer.writeString(frame.beforeToken)
        buffer.writeString(JSONValue.escaped(pieces[index]))
        buffer.writeString(frame.afterToken)
    }

    package func writeRole(frame: EventFrame, into buffer: inout ByteBuffer) {
        var delta: JSONValue = ["role": "assistant", "content": "", "refusal": nil]
        if let toolName {
            delta = [
                "role": "assistant", "content": nil,
                "tool_calls": [
                    [
                        "index": 0, "id": .string(callID), "type": "function",
                        "function": ["name": .string(toolName), "arguments": ""],
                    ]
                ],
            ]
        }
        write(choice: ["index": 0, "delta": delta, "logprobs": nil, "finish_reason": nil], frame, into: &buffer)
    }

    package func writeFinish(frame: EventFrame, into buffer: inout ByteBuffer) {
        let reason = JSONValue.string(finishReason)
        let choice: JSONValue =
            endpoint == .chat
            ? ["index": 0, "delta": [:], "logprobs": nil, "finish_reason": reason]
            : ["text": "", "index": 0, "logprobs": nil, "finish_reason": reason]
        write(choice: choice, frame, into: &buffer)
    }

    package func writeUsage(frame: EventFrame, into buffer: inout ByteBuffer) {
        buffer.writeString(frame.beforeChoices)
        buffer.writeString("],\"usage\":\(usage.line)}\n\n")
    }

    private func write(choice: JSONValue, _ frame: EventFrame, into buffer: inout ByteBuffer) {
        buffer.writeString(frame.beforeChoices)
        buffer.writeString(choice.line)
        buffer.writeString(frame.afterChoices)
    }
}

/// Bodies of the endpoints that do not generate text.
package enum PlainBodies {
    package static func embeddings(_ request: PracticeRequest, seed: UInt64) -> JSONValue {
        let items = request.inputs.enumerated().map { index, text -> JSONValue in
            let vector = EmbeddingVector.make(text: text, dimensions: request.dimensions, seed: seed)
            let value: JSONValue =
                request.base64 ? .string(base64(vector)) : .array(vector.map { .number(Double($0)) })
            return ["object": "embedding", "index": .integer(index), "embedding": value]
        }
        let tokens = JSONValue.integer(request.promptTokens)
        return [
            "object": "list", "data": .array(items), "model": .string(request.model),
            "usage": ["prompt_tokens": tokens, "total_tokens": tokens],
        ]
    }

    /// Little-endian 32-bit floats, as the official SDKs read them.
    private static func base64(_ vector: [Float]) -> String {
        var bytes = [UInt8]()
        bytes.reserveCapacity(vector.count * 4)
        for value in vector {
            let bits = value.bitPattern
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
            }
        }
        return Data(bytes).base64EncodedString()
    }

    package static func models(_ ids: [String], created: Int) -> JSONValue {
        ["object": "list", "data": .array(ids.map { model($0, created: created) })]
    }

    package static func model(_ id: String, created: Int) -> JSONValue {
        ["id": .string(id), "object": "model", "created": .integer(created), "owned_by": "practice"]
    }

    /// The same answer with nothing in it.
    package static func emptied(_ body: JSONValue) -> JSONValue {
        guard case .object(let members) = body else { return body }
        return .object(
            members.map { member in
                member.name == "choices" || member.name == "data"
                    ? JSONMember(name: member.name, value: []) : member
            })
    }
}
