import HoldfastCore
import HoldfastWire
import NIOCore
import Synchronization

extension Exchange {
    func finish(_ end: ExchangeEnd, now: Instant) {
        drop()
        if isBeaten { return }
        if let main {
            // The second run has failed: the first one goes on, and knows what was said.
            main.beatenAttempts = machine.attempts
            main.hedge = nil
            main.machine.learn(from: machine)
            // What was said of the request itself is the last word, in the words in which it was said.
            if end.isLastWord { main.refusal = refusal }
            return
        }
        if let hedge, case .refused = end, !end.isLastWord {
            handOver(to: hedge)
            return
        }
        if end.isLastWord { win(now: now) }
        services.shared.exchanges.add(-1)
        admitted.principal.key?.leave()
        var keepAlive = request.keepAlive && !services.isDraining
        // The head of a stream has left: whatever is said now is said inside it.
        let isOpen = sentStatus != 0
        if end != .answered { buryLeg() }
        switch end {
        case .clientGone: break
        case .answered where isStream:
            keepAlive = endStream(nil) && keepAlive
        case .refused(let refused) where isOpen:
            keepAlive = endStream(.refused(refused, route: admitted.route.route.name)) && keepAlive
        case .answered:
            sentStatus = 200
            connection.writeWhole(status: 200, body: gathered, keepAlive: keepAlive, extra: writeHeaders)
        case .interrupted:
            keepAlive = endStream(ClientError.interrupted) && keepAlive
        case .refused(let refused):
            sendRefusal(refused, keepAlive: keepAlive)
        }
        record(end, now: now)
        // Only now: whoever has the last bytes of a stream finds it counted, and its receipt.
        if isOpen, end != .clientGone { connection.flush() }
        if let ticket { settle(ticket, end, now: now) }
        if case .refused = end, !isOpen { return }
        if end != .clientGone { connection.finishAnswer(keepAlive: keepAlive) }
    }

    /// Whoever asked the same under the same name gets the same, now or when it comes again.
    private func settle(_ ticket: UInt64, _ end: ExchangeEnd, now: Instant) {
        services.shared.idempotency.finish(
            ticket, isStream ? nil : storedAnswer(end), isKept: end == .answered, now: now)
    }

    private func storedAnswer(_ end: ExchangeEnd) -> StoredAnswer {
        var answer = StoredAnswer(status: 200, body: gathered, head: ByteBuffer())
        switch end {
        case .answered:
            // Its own storage: a slice would keep alive whatever else was read with it.
            answer.body = ByteBuffer(bytes: gathered.readableBytesView)
        case .refused(.upstreamAnswer) where refusal?.body != nil:
            answer.status = refusal?.status ?? 502
            answer.body = refusal?.body ?? ByteBuffer()
            answer.head.writeStaticString("x-should-retry: false\r\n")
        case .refused, .interrupted, .clientGone:
            var error = ClientError.interrupted
            if case .refused(let refused) = end { error = .refused(refused, route: admitted.route.route.name) }
            answer.status = error.status
            answer.body = ByteBuffer()
            error.write(into: &answer.body)
            error.writeHeaders(into: &answer.head)
        }
        writeFacts(&answer.head)
        return answer
    }

    private func sendRefusal(_ refused: ExchangeRefusal, keepAlive: Bool) {
        if case .upstreamAnswer = refused, let refusal, let body = refusal.body {
            sentStatus = refusal.status
            connection.writeWhole(status: refusal.status, body: body, keepAlive: keepAlive) { head in
                head.writeStaticString("x-should-retry: false\r\n")
                writeHeaders(&head)
            }
            connection.finishAnswer(keepAlive: keepAlive)
            return
        }
        let error = ClientError.refused(refused, route: admitted.route.route.name)
        sentStatus = error.status
        connection.respond(error, id: request.id, keepAlive: keepAlive) { writeFacts(&$0) }
    }

    func writeHeaders(_ head: inout ByteBuffer) {
        head.writeRequestID(request.id)
        writeFacts(&head)
    }

    /// Who answered and how.
    private func writeFacts(_ head: inout ByteBuffer) {
        if let deployment {
            head.writeImmutableBuffer(deployment.header)
            deployment.writeRetirement(today: services.shared.today, into: &head)
        }
        head.writeStaticString("x-holdfast-attempts: ")
        head.writeDecimal(machine.attempts.count + beatenAttempts.count)
        head.writeStaticString("\r\nx-holdfast-generation: ")
        head.writeDecimal(Int(clamping: admitted.inForce.generation))
        head.writeStaticString("\r\n")
        let isStale = services.shared.isConfigurationStale.load(ordering: .relaxed)
        guard degraded != nil || isStale else { return }
        head.writeStaticString("x-holdfast-degraded: ")
        if let degraded { head.writeStaticString(degraded) }
        if isStale { head.writeStaticString(degraded == nil ? "stale-config" : ", stale-config") }
        head.writeStaticString("\r\n")
    }

    /// Why the answer is not what the route would give on a good day.
    var degraded: StaticString? {
        if wonAsHedge { return machine.usedLastResort ? "hedge, last-resort" : "hedge" }
        switch (machine.isFailover, machine.usedLastResort) {
        case (false, false): return nil
        case (true, false): return "failover"
        case (false, true): return "last-resort"
        case (true, true): return "failover, last-resort"
        }
    }
}
