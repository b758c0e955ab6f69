import HoldfastCore
import HoldfastWire
import NIOCore

/// The bytes of a stream between provider and client. Only whole events are forwarded: a provider that dies inside one
/// must not leave half of it before our error event.
struct StreamRelay {
    var scanner: SSEScanner
    /// Received and not forwarded: held back before the first token, or the start of an event.
    var pending = ByteBuffer()
    /// End of the last complete event, from the reader index of `pending`.
    var judged = 0
    /// Places within `0 ..< judged` that the client does not get as they are.
    private var edits: [Edit] = []
    var stripsUsage: Bool
    var sawFinish = false
    /// Events with content, which is about one for each token.
    private(set) var tokens = 0
    /// About what one read of a busy stream brings.
    static let readBytes = 16 << 10
    /// Appended to and not judged since.
    private(set) var hasNews = false
    /// Nil where nobody could continue the answer.
    var continuable: ContinuableText?
    /// Of an answer that the client gets whole: its events go nowhere else.
    var assembly: AnswerAssembly?

    private struct Edit {
        var range: Range<Int>
        /// Nil: left out.
        var replacement: ByteBuffer?
    }

    init(lineBytes: Int, stripsUsage: Bool) {
        scanner = SSEScanner(lineBytes: lineBytes)
        self.stripsUsage = stripsUsage
    }

    /// What a read brought, judged event by event up to the first that ends the stream.
    struct Verdict {
        enum Ending {
            case none, done, malformed, diverged
            case error(UpstreamErrorText)
            case tooLong
        }

        var hasEvents = false
        var hasToken = false
        /// Words came that the client has already, or may have.
        var hasRepeated = false
        var usage: TokenUsage?
        var ending = Ending.none
    }

    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            // Room for a whole read at once: growing event by event would copy it many times over.
            if pending.writableBytes < bytes.readableBytes {
                pending.reserveCapacity(minimumWritableBytes: max(bytes.readableBytes, Self.readBytes))
            }
            pending.writeImmutableBuffer(bytes)
        }
        hasNews = true
    }

    mutating func judge() -> Verdict {
        hasNews = false
        var verdict = Verdict()
        pending.withUnsafeReadableBytes { bytes in
            do {
                while let event = try scanner.nextEvent(in: bytes, from: judged) {
                    guard take(event, bytes, &verdict) else { return }
                }
            } catch {
                verdict.ending = .tooLong
            }
        }
        if assembly != nil || continuable?.isRepeating == true { discardJudged() }
        return verdict
    }

    /// The stream is over: what is left may be an event that lacks its blank line.
    mutating func judgeRest() -> Verdict {
        var verdict = Verdict()
        let length = pending.readableBytes
        pending.withUnsafeReadableBytes { bytes in
            if let event = scanner.finalEvent(in: bytes, from: judged) { _ = take(event, bytes, &verdict) }
        }
        // Give the client the blank line that ends the event, or drop half an event.
        if judged == length, length > 0, verdict.hasEvents {
            pending.writeStaticString("\n\n")
            judged += 2
        }
        return verdict
    }

    /// False where the event ends the stream.
    private mutating func take(
        _ event: SSEEvent, _ bytes: UnsafeRawBufferPointer, _ verdict: inout Verdict
    ) -> Bool {
        let facts = ChunkFacts.read(event, in: bytes)
        if facts.flags.contains(.error) {
            let text =
                event.dataLines > 1
                ? SSEScanner.joinedData(of: event, in: bytes).withUnsafeBytes { UpstreamErrorText.read($0) }
                : UpstreamErrorText.read(UnsafeRawBufferPointer(rebasing: bytes[facts.errorRange]))
            verdict.ending = .error(text ?? UpstreamErrorText())
            return false
        }
        if facts.flags.contains(.malformed) {
            verdict.ending = .malformed
            return false
        }
        let isProving = continuable?.isProving ?? false
        if isProving {
            guard follow(event, facts, bytes, &verdict) else {
                verdict.ending = .diverged
                return false
            }
        } else {
            continuable?.keep(facts, bytes)
        }
        do {
            try assembly?.take(event, in: bytes)
        } catch {
            verdict.ending = error == .tooLarge ? .tooLong : .malformed
            return false
        }
        judged = event.range.upperBound
        verdict.hasEvents = true
        if let usage = facts.usage { verdict.usage = usage }
        let stillProves = isProving && continuable?.isProving ?? false
        if stripsUsage, facts.flags.contains(.usageOnly), !stillProves { edits.append(Edit(range: event.range)) }
        if facts.flags.contains(.token) { tokens &+= 1 }
        if facts.flags.contains(.finish) { sawFinish = true }
        if facts.flags.meets(.tokenOrFinish), !stillProves { verdict.hasToken = true }
        if facts.flags.contains(.done) {
            verdict.ending = .done
            return false
        }
        return true
    }

    /// False where the event shows that this is another answer.
    private mutating func follow(
        _ event: SSEEvent, _ facts: ChunkFacts, _ bytes: UnsafeRawBufferPointer, _ verdict: inout Verdict
    ) -> Bool {
        guard let change = continuable?.prove(event, facts, bytes) else { return false }
        switch change {
        case .none: break
        case .holds:
            verdict.hasRepeated = true
        case .leavesOut(let events, let hasWords):
            edits += events.map { Edit(range: $0) }
            if hasWords { verdict.hasRepeated = true }
        case .replaces(let range, let text, let events):
            edits += events.map { Edit(range: $0) }
            edits.append(Edit(range: range, replacement: text))
        }
        return true
    }

    /// Takes what may be forwarded, in at most a few slices.
    mutating func takeJudged(_ emit: (ByteBuffer) -> Void) {
        var position = 0
        if edits.count > 1 { edits.sort { $0.range.lowerBound < $1.range.lowerBound } }
        for edit in edits {
            if let slice = pending.readSlice(length: edit.range.lowerBound - position), slice.readableBytes > 0 {
                emit(slice)
            }
            if let replacement = edit.replacement { emit(replacement) }
            pending.moveReaderIndex(forwardBy: edit.range.count)
            position = edit.range.upperBound
        }
        if let slice = pending.readSlice(length: judged - position), slice.readableBytes > 0 { emit(slice) }
        forgetJudged()
    }

    /// Nothing of it is new to the client.
    private mutating func discardJudged() {
        pending.moveReaderIndex(forwardBy: judged)
        forgetJudged()
    }

    private mutating func forgetJudged() {
        edits.removeAll(keepingCapacity: true)
        judged = 0
        // What is left is the start of one event: its own storage, so that the read it came in can be freed.
        pending = pending.readableBytes == 0 ? ByteBuffer() : pending.slice()
    }
}

extension Exchange {
    func relayAppended() {
        guard relay?.hasNews == true, let verdict = relay?.judge() else { return }
        apply(verdict, now: MonotonicClock.read())
    }

    /// The response ended. A stream is complete with its terminator, or after every choice has finished.
    func relayEnded(now: Instant) {
        guard let verdict = relay?.judgeRest() else { return }
        apply(verdict, now: now)
        guard !machine.isFinished, let relay, case .none = verdict.ending else { return }
        if relay.sawFinish {
            complete(addsTerminator: true, now: now)
        } else if machine.hasBegun {
            fail(UpstreamFault(.truncated, "the stream ended without its end"), retryAfter: nil, now: now)
        } else {
            fail(UpstreamFault(.empty, "a stream without an answer"), retryAfter: nil, now: now)
        }
    }

    private func apply(_ verdict: StreamRelay.Verdict, now: Instant) {
        if let usage = verdict.usage { self.usage = usage }
        if verdict.hasToken, hedge != nil || main != nil { win(now: now) }
        if verdict.hasRepeated, !verdict.hasToken {
            step(.chunkRepeated, now: now)
        } else if verdict.hasEvents {
            step(.chunkReceived(hasToken: verdict.hasToken), now: now)
        }
        if machine.isHolding, let relay, relay.assembly == nil, relay.judged > admitted.route.route.hold.bytes {
            step(.holdFilled, now: now)
        }
        if verdict.hasEvents, !machine.isFinished { connection.arm() }
        switch verdict.ending {
        case .none:
            if let relay, relay.pending.readableBytes > 1 << 20, !machine.hasBegun {
                drop()
                fail(UpstreamFault(.empty, "a megabyte without an answer in it"), retryAfter: nil, now: now)
            }
        case .diverged:
            drop()
            fail(UpstreamFault(.diverged, "not the answer that was begun"), retryAfter: nil, now: now)
        case .done:
            if machine.hasBegun {
                complete(addsTerminator: false, now: now)
            } else {
                drop()
                fail(UpstreamFault(.empty, "a stream without an answer"), retryAfter: nil, now: now)
            }
        case .malformed:
            breakOff("an event that is not JSON", now: now)
        case .tooLong:
            breakOff("an event beyond the limit", now: now)
        case .error(let text):
            let hadBegun = machine.hasBegun
            drop()
            if hadBegun {
                fail(UpstreamFault(.truncated, "an error inside the stream"), retryAfter: nil, now: now)
            } else {
                failByWords(text, now: now)
            }
        }
    }

    private func breakOff(_ detail: String, now: Instant) {
        if relay?.sawFinish == true, machine.hasBegun {
            completeUnterminated(now: now)
            return
        }
        let failure: FailureClass = machine.hasBegun ? .truncated : .empty
        drop()
        fail(UpstreamFault(failure, detail), retryAfter: nil, now: now)
    }

    /// The provider has said its last word and does not say that it was: a whole answer all the same.
    func completeUnterminated(now: Instant) {
        drop()
        complete(addsTerminator: true, now: now)
    }

    private func complete(addsTerminator: Bool, now: Instant) {
        if let assembly = relay?.assembly {
            completeWhole(assembly, now: now)
            return
        }
        if machine.isHolding { forwardHeld(now: now) }
        if addsTerminator { writeToClient(ByteBuffer(staticString: "data: [DONE]\n\n")) }
        leaveUpstream()
        reportUsage()
        step(.upstreamEnded, now: now)
    }

    /// The client asked for a whole answer, and the provider was asked for a stream.
    private func completeWhole(_ assembly: AnswerAssembly, now: Instant) {
        guard assembly.isComplete, let body = try? assembly.body() else {
            drop()
            fail(UpstreamFault(.truncated, "the stream ended before every choice had"), retryAfter: nil, now: now)
            return
        }
        answerWhole(body)
        leaveUpstream()
        reportUsage()
        step(.upstreamEnded, now: now)
    }

    /// The first call commits: the head leaves with the first content.
    func forwardHeld(now: Instant) {
        guard relay != nil else { return }
        if committedAt == nil { committedAt = now }
        sendStreamHeadOnce()
        if saidContinued < machine.attempts.count { sayWhoAnswers() }
        relay?.takeJudged { writeToClient($0) }
        if relay?.continuable?.moveUnsent(to: &sent) == false {
            relay?.continuable = nil
            sent = SentText()
            step(.becameUncontinuable, now: now)
        }
        pauseUpstreamIfNeeded()
    }

    /// What the head could not say any more. Comments reach whoever reads the bytes and no client library's caller.
    private func sayWhoAnswers() {
        saidContinued = machine.attempts.count
        guard let id = deployment?.deployment.id else { return }
        if let method = machine.continuation {
            let broken = machine.attempts.dropLast().last { $0.firstTokenAt != nil }
            let cause = broken?.failure?.rawValue ?? "a failure"
            writeComment("continued by \(id) (\(method.rawValue)) after \(cause)")
        } else if let headDeployment, headDeployment != id {
            writeComment("answered by \(id)")
        }
    }

    func sendHeartbeat() {
        // The run that the client waits for keeps it awake.
        guard main == nil else { return }
        sendStreamHeadOnce()
        writeComment("still waiting")
        connection.flush()
    }

    private func writeComment(_ text: String) {
        writeToClient(ByteBuffer(string: ": holdfast: \(text)\n\n"))
    }

    private func sendStreamHeadOnce() {
        guard sentStatus == 0 else { return }
        sendStreamHead()
        headDeployment = deployment?.deployment.id
    }

    private func sendStreamHead() {
        guard let context = connection.context else { return }
        sentStatus = 200
        var buffer = context.channel.allocator.buffer(capacity: 512)
        let keepAlive = request.keepAlive && !request.isHTTP10 && !services.isDraining
        ResponseHead.write(
            status: 200, contentType: "text/event-stream; charset=utf-8",
            length: request.isHTTP10 ? .untilClose : .chunked, keepAlive: keepAlive, into: &buffer
        ) { head in
            head.writeStaticString("cache-control: no-cache\r\nx-accel-buffering: no\r\n")
            writeHeaders(&head)
        }
        connection.write(buffer)
    }

    private func writeToClient(_ slice: ByteBuffer) {
        guard !request.isHTTP10 else {
            connection.write(slice)
            return
        }
        guard let context = connection.context else { return }
        let isSmall = slice.readableBytes <= SpliceRequest.contiguousBytes
        var buffer = context.channel.allocator.buffer(capacity: 16 + (isSmall ? slice.readableBytes : 0))
        if isSmall {
            HTTPChunk.write(slice, into: &buffer)
            connection.write(buffer)
        } else {
            HTTPChunk.writeHead(length: slice.readableBytes, into: &buffer)
            connection.write(buffer)
            connection.write(slice)
            connection.write(ByteBuffer(staticString: HTTPChunk.terminator))
        }
    }

    /// Ends the body of a stream whose head is sent, with an error event where it is not whole. Returns whether the
    /// connection can carry another request.
    func endStream(_ error: ClientError?) -> Bool {
        if let error {
            var event = ByteBuffer()
            OpenAIErrorEvent.write(message: error.message, type: error.type, code: error.code, into: &event)
            writeToClient(event)
        }
        if !request.isHTTP10 { connection.write(ByteBuffer(staticString: HTTPChunk.last)) }
        return !request.isHTTP10
    }
}

extension AnswerAssembly {
    fileprivate func body() throws(AssemblyProblem) -> ByteBuffer {
        var buffer = ByteBuffer()
        try write(into: &buffer)
        return buffer
    }
}
