import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

/// What a response came to, with its body joined: the same however the bytes were split.
private struct Outcome: Equatable {
    var status = 0
    var body = ""
    var keepAlive: Bool?
    var problem: HTTPResponseProblem?
}

private func parse(_ reads: [[UInt8]], closes: Bool = false, limits: HTTPResponseLimits = .init()) -> Outcome {
    var parser = HTTPResponseParser(limits: limits)
    var outcome = Outcome()
    var body: [UInt8] = []
    func take(_ part: HTTPResponseParser.Part) {
        switch part {
        case .head(let head): outcome.status = head.status
        case .body(let slice):
            #expect(slice.readableBytes > 0)
            body += slice.readableBytesView
        case .end(let keepAlive): outcome.keepAlive = keepAlive
        }
    }
    parser.begin()
    do throws(HTTPResponseProblem) {
        for read in reads {
            parser.feed(ByteBuffer(bytes: read))
            while outcome.keepAlive == nil, let part = try parser.next() { take(part) }
        }
        if closes, outcome.keepAlive == nil, let part = try parser.inputClosed() { take(part) }
    } catch {
        outcome.problem = error
    }
    outcome.body = String(decoding: body, as: UTF8.self)
    return outcome
}

private func parse(_ text: String, closes: Bool = false) -> Outcome {
    parse([Array(text.utf8)], closes: closes)
}

private let ok = "HTTP/1.1 200 OK\r\n"

@Suite struct HTTPResponseParserTests {
    static let whole: [(String, String, Bool)] = [
        ("\(ok)Content-Length: 5\r\n\r\nhello", "hello", true),
        ("\(ok)content-length: 0\r\n\r\n", "", true),
        ("\(ok)content-length:\t5 \r\ncontent-length: 5\r\n\r\nhello", "hello", true),
        ("\(ok)content-length: 2\r\nConnection: Foo, Close\r\n\r\nhi", "hi", false),
        ("\(ok)Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", "hello!", true),
        ("\(ok)transfer-encoding: chunked\r\n\r\n00a\r\n0123456789\r\n0 \r\nx: y\r\nz: \r\n\r\n", "0123456789", true),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
        ("HTTP/1.1 304\r\ncontent-length: 9\r\n\r\n", "", true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n\(ok)content-length: 1\r\n\r\nx", "x",
            true
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", "hi", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi", "hi", true),
    ]

    @Test(arguments: whole)
    func readsTheSameAtEverySplit(_ text: String, _ body: String, _ keepAlive: Bool) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            let outcome = parse([Array(bytes[..<split]), Array(bytes[split...])])
            #expect(
                outcome.body == body && outcome.keepAlive == keepAlive && outcome.problem == nil, "split at \(split)")
        }
        let single = parse(bytes.map { [$0] })
        #expect(single.body == body && single.keepAlive == keepAlive)
    }

    @Test(arguments: whole)
    func everyPrefixIsUnfinishedAndACloseSaysSo(_ text: String, _ body: String, _ keepAlive: Bool) {
        let bytes = Array(text.utf8)
        for length in 0..<bytes.count {
            #expect(parse([Array(bytes[..<length])]).keepAlive == nil)
            let closed = parse([Array(bytes[..<length])], closes: true)
            #expect(closed.keepAlive == nil)
            #expect([.closedBeforeHead, .closedInHead, .closedInBody].contains(closed.problem), "cut at \(length)")
        }
    }

    static let badHeads: [(String, HTTPResponseProblem)] = [
        ("HTTP/2 200\r\n\r\n", .badStatusLine), ("HTTP/1.2 200 OK\r\n\r\n", .badStatusLine),
        ("<html>", .badStatusLine), ("\r\n\(ok)", .badStatusLine), ("HTTP/1.1 20 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", .badStatusLine), ("HTTP/1.1  200 OK\r\n\r\n", .badStatusLine),
        ("HTTP/1.1 099 X\r\n\r\n", .badStatusLine), ("HTTP/1.1 600 X\r\n\r\n", .badStatusLine),
        ("\u{16}\u{3}\u{1}", .badStatusLine), ("HTTP/1.1 101 Upgrade\r\n\r\n", .unexpectedUpgrade),
        ("HTTP/1.1 200 OK\ncontent-length: 0\n\n", .badLineEnd), ("\(ok)a: b\n\r\n", .badLineEnd),
        ("\(ok)a: b\rc: d\r\n\r\n", .badLineEnd), ("\(ok)a: b\r\n\n", .badLineEnd),
        ("\(ok)a: b\r\n c\r\n\r\n", .foldedField), ("\(ok)a : b\r\n\r\n", .badField), ("\(ok): b\r\n\r\n", .badField),
        ("\(ok)no colon\r\n\r\n", .badField), ("\(ok)a: b\u{0}\r\n\r\n", .badField), ("\(ok)é: b\r\n\r\n", .badField),
        ("\(ok)content-length: +5\r\n\r\n", .badContentLength), ("\(ok)content-length: -1\r\n\r\n", .badContentLength),
        ("\(ok)content-length: 0x5\r\n\r\n", .badContentLength), ("\(ok)content-length:\r\n\r\n", .badContentLength),
        ("\(ok)content-length: 5, 5\r\n\r\n", .badContentLength),
        ("\(ok)content-length: 99999999999999999999\r\n\r\n", .badContentLength),
        ("\(ok)content-length: 5\r\ncontent-length: 6\r\n\r\n", .conflictingLengths),
        ("\(ok)content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", .conflictingLengths),
        ("\(ok)transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", .conflictingLengths),
        ("\(ok)transfer-encoding: gzip, chunked\r\n\r\n", .unsupportedTransferEncoding),
        ("\(ok)transfer-encoding: identity\r\n\r\n", .unsupportedTransferEncoding),
        ("\(ok)transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", .unsupportedTransferEncoding),
        ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", .unsupportedTransferEncoding),
    ]

    @Test(arguments: badHeads)
    func refusesHeads(_ text: String, _ problem: HTTPResponseProblem) {
        let bytes = Array(text.utf8)
        #expect(parse(text).problem == problem)
        #expect(parse(bytes.map { [$0] }).problem == problem, "byte by byte")
    }

    static let badChunks: [(String, HTTPResponseProblem)] = [
        ("\r\n", .badChunk), ("x\r\n", .badChunk), ("-1\r\n", .badChunk), ("+1\r\n", .badChunk),
        ("1\nx", .badLineEnd), ("1\rx", .badLineEnd), ("1\r\nxy", .badChunk), ("1\r\nx\n", .badChunk),
        ("1\r\nx\rz", .badLineEnd), ("1;a\n", .badLineEnd), ("1;\(String(repeating: "e", count: 300))", .badChunk),
        ("1234567890123456\r\n", .badChunk), ("0\r\nx: y\n", .badLineEnd), ("0\r\n\rx", .badLineEnd),
        ("0\r\n\(String(repeating: "t", count: 70_000))", .trailersTooLarge),
    ]

    @Test(arguments: badChunks)
    func refusesChunks(_ chunks: String, _ problem: HTTPResponseProblem) {
        let text = "\(ok)transfer-encoding: chunked\r\n\r\n" + chunks
        #expect(parse(text).problem == problem)
        if chunks.utf8.count < 100 { #expect(parse(Array(text.utf8).map { [$0] }).problem == problem) }
    }

    @Test func boundsTheHead() {
        let long = "\(ok)a: " + String(repeating: "x", count: 65 << 10)
        #expect(parse(long).problem == .headTooLarge)
        #expect(parse(long + "\r\n\r\n").problem == .headTooLarge)
        let fields = (0..<100).map { "f\($0): x\r\n" }.joined()
        #expect(parse(ok + fields + "\r\n", closes: true).problem == nil)
        #expect(parse(ok + fields + "g: x\r\n\r\n").problem == .tooManyFields)
        #expect(parse(String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 9)).problem == .tooManyInterimHeads)
    }

    @Test func theConnectionMayBeTheEnd() {
        let outcome = parse("\(ok)content-type: text/plain\r\n\r\nall of it", closes: true)
        #expect(outcome == Outcome(status: 200, body: "all of it", keepAlive: false))
        #expect(parse("\(ok)\r\nall").keepAlive == nil)
    }

    @Test func bytesBehindTheEndSpoilTheConnection() throws {
        #expect(parse("\(ok)content-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n").keepAlive == false)
        #expect(parse("HTTP/1.1 204 N\r\n\r\nx").keepAlive == false)
        var parser = HTTPResponseParser()
        #expect(parser.isIdle)
        parser.feed(ByteBuffer(string: "HTTP/1.1 408 Timeout\r\n"))
        #expect(!parser.isIdle)
        #expect(throws: HTTPResponseProblem.unsolicitedBytes) { try parser.next() }
        #expect(!parser.isIdle)
    }

    @Test func oneConnectionServesManyResponses() throws {
        var parser = HTTPResponseParser()
        for round in 0..<3 {
            #expect(parser.isIdle)
            parser.begin()
            #expect(!parser.hasReceived)
            parser.feed(ByteBuffer(string: "\(ok)content-length: 1\r\nx-round: \(round)\r\n\r\nx"))
            guard case .head(let head) = try parser.next() else { throw parser.isIdle ? Missing.head : Missing.head }
            #expect(head.value(of: "x-round") == "\(round)")
            guard case .body = try parser.next() else { throw Missing.body }
            guard case .end(true) = try parser.next() else { throw Missing.end }
            #expect(try parser.next() == nil)
        }
        parser.begin()
        #expect(throws: HTTPResponseProblem.closedBeforeHead) { try parser.inputClosed() }
    }

    private enum Missing: Error { case head, body, end }

    @Test func theHeadAnswersQuestions() throws {
        var parser = HTTPResponseParser()
        parser.begin()
        parser.feed(
            ByteBuffer(
                string: "HTTP/1.1 429 Slow\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nRetry-After:  7 \r\n"
                    + "Content-Encoding: gzip\r\nRetry: no\r\nX-Empty:\r\nContent-Length: 3\r\n\r\n"))
        guard case .head(let head) = try parser.next() else { throw Missing.head }
        #expect(head.status == 429 && head.isEventStream && !head.isJSON && head.isEncoded && head.contentLength == 3)
        #expect(head.value(of: "retry-after") == "7")
        #expect(head.value(of: "x-empty") == "")
        #expect(head.value(of: "retry-afte") == nil)
        #expect(RetryAfter.nanoseconds(of: head, wallClockSeconds: 0) == 7 * Span.second)
        var names: [String] = []
        head.forEachField { name, _ in names.append(name) }
        #expect(names == ["Content-Type", "Retry-After", "Content-Encoding", "Retry", "X-Empty", "Content-Length"])
    }

    @Test(arguments: [
        ("application/json", true), ("application/json; charset=utf-8", true), ("Application/JSON", true),
        ("application/problem+json", true), ("text/html", false), ("application/jsonl", false), ("", false),
    ])
    func knowsJSON(_ type: String, _ isJSON: Bool) throws {
        var parser = HTTPResponseParser()
        parser.begin()
        parser.feed(ByteBuffer(string: "\(ok)content-type: \(type)\r\ncontent-encoding: identity\r\n\r\n"))
        guard case .head(let head) = try parser.next() else { throw Missing.head }
        #expect(head.isJSON == isJSON && !head.isEncoded)
    }

    /// Damaged responses must neither crash nor depend on how they were split.
    @Test func damageIsJudgedTheSameAtAnySplit() {
        var random = SeededRandom(seed: 0x48545450)
        for round in 0..<4_000 {
            let bytes = mutated(Array(Self.whole[round % Self.whole.count].0.utf8), using: &random)
            let one = parse([bytes], closes: true)
            let split = random.index(below: bytes.count + 1)
            let two = parse([Array(bytes[..<split]), Array(bytes[split...])], closes: true)
            // Bytes behind the end can only be seen in the read that holds it.
            #expect(
                one.status == two.status && one.body == two.body && one.problem == two.problem
                    && (one.keepAlive == nil) == (two.keepAlive == nil), "round \(round), split at \(split)")
        }
    }
}
