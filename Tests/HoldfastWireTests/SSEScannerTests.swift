import HoldfastCore
import HoldfastWire
import Testing

/// Feeds `reads` one after another, discarding taken events as a driver does, and returns each event's data.
private func events(_ reads: [[UInt8]], lineBytes: Int = 1 << 20) throws -> (data: [String?], rest: [UInt8]) {
    var scanner = SSEScanner(lineBytes: lineBytes)
    var held: [UInt8] = []
    var found: [String?] = []
    for read in reads {
        held += read
        var taken = 0
        try withBytes(held) { raw in
            while let event = try scanner.nextEvent(in: raw, from: taken) {
                #expect(event.range.lowerBound == taken, "ranges must meet")
                taken = event.range.upperBound
                found.append(value(event, raw))
            }
        }
        held.removeFirst(taken)
    }
    withBytes(held) { raw in
        if let event = scanner.finalEvent(in: raw, from: 0) { found.append(value(event, raw).map { "final:" + $0 }) }
    }
    return (found, held)
}

private func value(_ event: SSEEvent, _ raw: UnsafeRawBufferPointer) -> String? {
    switch event.dataLines {
    case 0: return nil
    case 1: return String(decoding: raw[event.data], as: UTF8.self)
    default: return String(decoding: SSEScanner.joinedData(of: event, in: raw), as: UTF8.self)
    }
}

/// The specification's algorithm on whole text, slow and plain. Events without data are dropped.
private func reference(_ text: String) -> [String] {
    var scalars = Array(text.unicodeScalars)
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var index = 0
    while index < scalars.count {
        let scalar = scalars[index]
        if scalar == "\r" || scalar == "\n" {
            if scalar == "\r", index + 1 < scalars.count, scalars[index + 1] == "\n" { index += 1 }
            lines.append(String(line))
            line = String.UnicodeScalarView()
        } else {
            line.append(scalar)
        }
        index += 1
    }
    var found: [String] = []
    var data: [String] = []
    for line in lines {
        if line.unicodeScalars.isEmpty {
            if !data.isEmpty { found.append(data.joined(separator: "\n")) }
            data = []
        } else if line == "data" {
            data.append("")
        } else if line.hasPrefix("data:") {
            let value = line.dropFirst(5)
            data.append(String(value.first == " " ? value.dropFirst() : value))
        }
    }
    return found
}

@Suite struct SSEScannerTests {
    static let streams = [
        "data: a\n\ndata: b\n\n",
        "data:a\n\ndata:  two spaces\n\n",
        ": comment\n\ndata: x\n: inside\nid: 7\nretry: 5\nevent: message\nunknown\n\n",
        "data: 1\ndata: 2\ndata\ndata:\n\ndata: next\n\n",
        "\n\n\ndata: after blanks\n\n",
        "datax: no\ndat: no\n data: no\nDATA: no\ndata: yes\n\n",
        "data: {\"t\":\"é😀\"}\n\ndata: [DONE]\n\n",
        "\u{FEFF}data: marked\n\n",
        "data: a \u{FEFF}\n\n",
    ]

    private func endings(_ stream: String) -> [String] {
        ["\n", "\r\n", "\r"].map { ending in
            String(
                stream.unicodeScalars.flatMap { $0 == "\n" ? Array(ending.unicodeScalars) : [$0] }.map(Character.init))
        }
    }

    @Test(arguments: streams)
    func readsEveryEndingAtEverySplit(_ stream: String) throws {
        for text in endings(stream) {
            let bytes = Array(text.utf8)
            let expected = reference(text)
            #expect(!expected.isEmpty)
            for split in 0...bytes.count {
                let found = try events([Array(bytes[..<split]), Array(bytes[split...])])
                #expect(found.data.compactMap { $0 } == expected, "split at \(split) of \(text.debugDescription)")
                #expect(found.rest.isEmpty || found.rest == [ASCII.lineFeed])
            }
            let single = try events(bytes.map { [$0] })
            #expect(single.data.compactMap { $0 } == expected, "byte by byte: \(text.debugDescription)")
        }
    }

    @Test func mixedEndings() throws {
        let text = "data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\rdata: e\r\r\n"
        for split in 0...text.utf8.count {
            let bytes = Array(text.utf8)
            let found = try events([Array(bytes[..<split]), Array(bytes[split...])])
            #expect(found.data.compactMap { $0 } == ["a\nb\nc", "d", "e"], "split at \(split)")
        }
    }

    @Test func commentsAndNamedErrors() throws {
        try withBytes(": ping\n\nevent: error\ndata: x\n\nevent: message\ndata: y\n\n") { raw in
            var scanner = SSEScanner()
            let comment = try #require(try scanner.nextEvent(in: raw, from: 0))
            #expect(comment.dataLines == 0 && comment.range == 0..<8)
            let error = try #require(try scanner.nextEvent(in: raw, from: 8))
            #expect(error.isNamedError)
            #expect(try scanner.nextEvent(in: raw, from: error.range.upperBound)?.isNamedError == false)
        }
    }

    @Test func whatTheEndLeavesBehind() throws {
        #expect(try events([Array("data: a\n\ndata: [DONE]\n".utf8)]).data == ["a", "final:[DONE]"])
        #expect(try events([Array("data: [DO".utf8), Array("NE]".utf8)]).data == ["final:[DONE]"])
        #expect(try events([Array("data: a\r\n\r".utf8), Array("\n".utf8)]).data == ["a"])
        #expect(try events([Array("data: a\n\n".utf8)]).data == ["a"])
    }

    @Test func boundsALineAndAnEvent() throws {
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
        #expect(try events([line], lineBytes: 100).data == [nil])
        #expect(throws: SSEProblem.lineTooLong) { try events([line + line], lineBytes: 100) }
        #expect(throws: SSEProblem.lineTooLong) { try events((line + line).map { [$0] }, lineBytes: 100) }
        let lines = (0..<10).flatMap { _ in line + [ASCII.lineFeed] }
        #expect(throws: SSEProblem.eventTooLong) { try events([lines], lineBytes: 100) }
        // The bound is on what one event holds, not on what one read holds.
        let small = Array(String(repeating: "data: x\n\n", count: 200).utf8)
        #expect(try events([small], lineBytes: 100).data.count == 200)
    }

    /// Each byte is looked at once: a megabyte that arrives byte by byte inside one event ends in time.
    @Test func resumesWhereItStopped() throws {
        let bytes = Array("data: ".utf8) + [UInt8](repeating: UInt8(ascii: "y"), count: 1 << 19)
        try withBytes(bytes) { raw in
            var scanner = SSEScanner()
            for count in 1...raw.count {
                let part = UnsafeRawBufferPointer(rebasing: raw[..<count])
                let event = try scanner.nextEvent(in: part, from: 0)
                #expect(event == nil)
            }
        }
    }

    @Test func agreesWithTheReferenceOnDamagedStreams() throws {
        var random = SeededRandom(seed: 0x535345)
        for round in 0..<4_000 {
            let seed = Self.streams[round % Self.streams.count]
            let bytes = mutated(Array(endings(seed)[round % 3].utf8), using: &random)
            guard let text = String(validating: bytes, as: UTF8.self) else { continue }
            let split = random.index(below: bytes.count + 1)
            let found = try events([Array(bytes[..<split]), Array(bytes[split...])])
            let whole = found.data.compactMap { $0 }.filter { !$0.hasPrefix("final:") }
            #expect(whole == reference(text), "round \(round), split at \(split): \(text.debugDescription)")
        }
    }
}
