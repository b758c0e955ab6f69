import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

/// A random whole answer, and a random way to say it in events.
private struct AnswerScript {
    /// A member of a delta, and the values that its pieces have, in order.
    private struct Strand {
        var name: String
        var pieces: [String]
    }

    private static let characters: [Character] = Array("ab \"\\/\n\t\u{7F}é€😀👩‍🚀{}[]:,0")

    private var random: SeededRandom
    /// Per choice: strands that advance independently of one another, each in its own order.
    private var strands: [[Strand]] = []
    private var ends: [String] = []
    private(set) var expected = JSONTree.null
    private let isCompletion: Bool

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        isCompletion = random.index(below: 4) == 0
        var choices: [JSONTree] = []
        for index in 0...random.index(below: 3) {
            strands.append([])
            var choice = try isCompletion ? textChoice(index) : chatChoice(index)
            let reason = ["stop", "length", "tool_calls", "odd"][random.index(below: 4)]
            ends.append(reason)
            choice["finish_reason"] = .string(reason)
            choice["index"] = .number("\(index)")
            choices.append(.object(choice))
        }
        expected = .object([
            "object": .string(isCompletion ? "text_completion" : "chat.completion"), "id": .string("c"),
            "created": .number("17"), "choices": .list(choices), "usage": try JSONTree(Self.usage),
        ])
    }

    private static let usage = #"{"prompt_tokens":7,"completion_tokens":1.0,"x":{"y":[]}}"#

    var endpoint: Endpoint { isCompletion ? .completions : .chatCompletions }

    private mutating func chance(_ of: Int) -> Bool { random.index(below: of) == 0 }

    private mutating func textChoice(_ index: Int) throws -> [String: JSONTree] {
        ["text": try strand("text", in: index)]
    }

    private mutating func chatChoice(_ index: Int) throws -> [String: JSONTree] {
        var message: [String: JSONTree] = ["role": .string("assistant"), "content": .null]
        for name in ["content", "reasoning_content", "refusal", "unknown"] where chance(2) {
            message[name] = try strand(name, in: index)
        }
        if chance(2) { message["tool_calls"] = try toolCalls(in: index) }
        if chance(3) { message["annotations"] = try list("annotations", in: index) }
        var choice: [String: JSONTree] = ["message": .object(message)]
        if chance(3) {
            choice["logprobs"] = .object(["content": try list("logprobs", in: index)])
        }
        return choice
    }

    /// A text whose pieces a strand holds; returns the whole.
    private mutating func strand(_ name: String, in choice: Int) throws -> JSONTree {
        let pieces = text()
        strands[choice].append(Strand(name: name, pieces: pieces.map { "\"\($0)\"" }))
        return try JSONTree("\"\(pieces.joined())\"")
    }

    private mutating func list(_ name: String, in choice: Int) throws -> JSONTree {
        let elements = (0...random.index(below: 6)).map { #"{"n":\#($0)}"# }
        let cut = random.index(below: elements.count)
        let pieces = [elements[..<cut], [], elements[cut...]].map { "[\($0.joined(separator: " , "))]" }
        strands[choice].append(Strand(name: name, pieces: pieces))
        return try JSONTree("[\(elements.joined(separator: ","))]")
    }

    private mutating func toolCalls(in choice: Int) throws -> JSONTree {
        var calls: [JSONTree] = []
        for index in 0...random.index(below: 3) {
            let pieces = text()
            let repeatsName = chance(2)
            var values = [#"[{"index":\#(index),"id":"i\#(index)","type":"function","function":{"name":"f"}}]"#]
            for piece in pieces {
                let name = repeatsName ? #""name":"f","# : ""
                values.append(#"[{"function":{\#(name)"arguments":"\#(piece)"},"index":\#(index)}]"#)
            }
            strands[choice].append(Strand(name: "tool_calls", pieces: values))
            let function: [String: JSONTree] = [
                "name": .string("f"), "arguments": try JSONTree("\"\(pieces.joined())\""),
            ]
            calls.append(
                .object([
                    "id": .string("i\(index)"), "type": .string("function"), "function": .object(function),
                ]))
        }
        return .list(calls)
    }

    /// The contents of string literals that make one text when put together, cut between any two UTF-16 units where
    /// they are escaped.
    private mutating func text() -> [String] {
        var pieces = [""]
        for _ in 0..<random.index(below: 24) {
            let character = Self.characters[random.index(below: Self.characters.count)]
            for atom in atoms(of: character) {
                if chance(3) { pieces.append("") }
                pieces[pieces.count - 1] += atom
            }
        }
        return pieces
    }

    private mutating func atoms(of character: Character) -> [String] {
        if chance(3) || character == "\n" || character == "\t" {
            return String(character).utf16.map { unit in
                let digits = String(unit, radix: 16, uppercase: unit % 2 == 0)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return character == "\"" || character == "\\" ? ["\\\(character)"] : [String(character)]
    }

    // MARK: Events

    mutating func stream() -> String {
        var events: [String] = []
        if chance(3) { events.append(#"{"id":"","created":0,"choices":[]}"#) }
        while strands.contains(where: { !$0.isEmpty }) {
            let said = ends.indices.filter { _ in random.index(below: 3) > 0 }
            events.append(event(said.shuffled(using: &random).map { piece(of: $0) }))
        }
        for (index, reason) in ends.enumerated() {
            let end = #"{"index":\#(index),"delta":{},"finish_reason":"\#(reason)"}"#
            events.append(event([end]))
            if chance(2) { events.append(event([#"{"index":\#(index),"finish_reason":null}"#])) }
        }
        events.append(#"{"id":"c","created":17,"choices":[],"usage":\#(Self.usage)}"#)
        if !chance(3) { events.append("[DONE]") }
        return events.map { framed($0) }.joined()
    }

    private mutating func event(_ choices: [String]) -> String {
        let members = [#""id":"c""#, #""created":17"#, #""choices":[\#(choices.joined(separator: ","))]"#]
        return "{\(members.shuffled(using: &random).joined(separator: ","))}"
    }

    /// The next pieces of some strands of a choice.
    private mutating func piece(of index: Int) -> String {
        var inside: [String: String] = [:]
        var beside: [String] = []
        for at in strands[index].indices where chance(2) {
            let name = strands[index][at].name
            guard inside[name] == nil, !strands[index][at].pieces.isEmpty else { continue }
            let piece = strands[index][at].pieces.removeFirst()
            switch name {
            case "text": beside.append(#""text":\#(piece)"#)
            case "logprobs": beside.append(#""logprobs":{"content":\#(piece)}"#)
            default: inside[name] = #""\#(name)":\#(piece)"#
            }
        }
        strands[index].removeAll { $0.pieces.isEmpty }
        var delta = inside.keys.sorted().compactMap { inside[$0] }
        if chance(4) { delta.append(#""role":"assistant""#) }
        if !isCompletion { beside.append("\"delta\":{\(delta.shuffled(using: &random).joined(separator: ","))}") }
        beside.append(#""index":\#(index)"#)
        return "{\(beside.shuffled(using: &random).joined(separator: ","))}"
    }

    /// In one data line or in two, with a comment here and there.
    private mutating func framed(_ event: String) -> String {
        let comment = chance(5) ? ": ping\n\n" : ""
        guard event != "[DONE]", chance(5) else { return "\(comment)data: \(event)\n\n" }
        return "\(comment)data: {\ndata: \(event.dropFirst())\n\n"
    }
}

@Suite struct AnswerAssemblyPropertyTests {
    @Test func putsTogetherWhatWasCut() throws {
        for seed in UInt64(0)..<600 {
            var script = try AnswerScript(seed: seed)
            let stream = script.stream()
            var assembly = AnswerAssembly(endpoint: script.endpoint, bytes: 1 << 16)
            try feed(stream, to: &assembly)
            var buffer = ByteBuffer()
            try assembly.write(into: &buffer)
            #expect(try JSONTree(text(buffer)) == script.expected, "seed \(seed): \(stream)")
        }
    }

    /// Damage may change an answer, since one text is as legal as another. What is written is JSON all the same, holds
    /// no more than it may, and comes only where it is said to be whole.
    @Test func staysWithinItsBoundsOnDamagedStreams() throws {
        var random = SeededRandom(seed: 0xA55E)
        var written = 0
        for seed in UInt64(0)..<2_000 {
            var script = try AnswerScript(seed: seed % 100)
            let damaged = mutated(Array(script.stream().utf8), using: &random)
            let limit = 600 + random.index(below: 8_000)
            var assembly = AnswerAssembly(endpoint: script.endpoint, bytes: limit)
            let problem = Self.problem(damaged, &assembly)
            var buffer = ByteBuffer()
            guard assembly.isComplete else {
                #expect(throws: problem ?? .unfinished) { try assembly.write(into: &buffer) }
                #expect(buffer.readableBytes == 0)
                continue
            }
            try assembly.write(into: &buffer)
            written += 1
            #expect(buffer.readableBytes <= limit, "seed \(seed)")
            let isJSON = buffer.withUnsafeReadableBytes { bytes in
                var json = JSONScanner(bytes, limits: .upstream)
                return (try? json.skipValue()) != nil && (try? json.finish()) != nil
            }
            #expect(isJSON, "seed \(seed): \(text(buffer))")
        }
        #expect(written > 200)
    }

    private static func problem(_ stream: [UInt8], _ assembly: inout AnswerAssembly) -> AssemblyProblem? {
        var scanner = SSEScanner()
        return withBytes(stream) { bytes in
            var taken = 0
            while let event = try? scanner.nextEvent(in: bytes, from: taken) {
                do {
                    try assembly.take(event, in: bytes)
                } catch {
                    return error as? AssemblyProblem
                }
                taken = event.range.upperBound
            }
            return nil
        }
    }
}
