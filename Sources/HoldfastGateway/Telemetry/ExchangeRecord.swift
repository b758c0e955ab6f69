import HoldfastCore
import HoldfastWire
import NIOCore
import Synchronization

extension ExchangeEnd {
    /// The word of the access log and of the metrics.
    var word: String {
        switch self {
        case .answered: "answered"
        case .clientGone: "client_gone"
        case .interrupted: "interrupted"
        case .refused(.upstreamAnswer): "refused_by_provider"
        case .refused(.everyCandidateFailed): "every_candidate_failed"
        case .refused(.noneAvailable): "none_available"
        case .refused(.noneLawful): "none_lawful"
        case .refused(.deadlinePassed): "deadline_passed"
        }
    }

    /// Somebody who could not mend it got no answer.
    var isFailure: Bool {
        switch self {
        case .answered, .clientGone, .refused(.upstreamAnswer): false
        case .interrupted, .refused: true
        }
    }
}

extension Exchange {
    /// The exchange is over: its figures and its line in the access log. No content, no header, no query.
    func record(_ end: ExchangeEnd, now: Instant) {
        let route = admitted.route
        let duration = now.nanoseconds(since: startedAt)
        let firstToken = committedAt.map { $0.nanoseconds(since: startedAt) }
        let usage = self.usage
        let isContinued = machine.continuation != nil && end == .answered
        let isFailover = degraded != nil && end == .answered
        let call = CallCounts.Pair(
            workload: workloadMark, deployment: end == .answered ? deployment?.mark : nil)
        admitted.inForce.counts.ended.add(1)
        if end.isFailure { admitted.inForce.counts.failed.add(1) }
        route.facts.withLock { facts in
            facts.ends[end.word, default: 0] += 1
            if end.isFailure { facts.failed += 1 }
            facts.calls.count(call)
            facts.recent.observe(nanoseconds: duration, now: now)
            if isFailover { facts.failovers += 1 }
            if isContinued { facts.continued += 1 }
            facts.duration.observe(nanoseconds: duration)
            if let firstToken {
                facts.timeToFirstToken.observe(nanoseconds: firstToken)
                facts.recentFirstToken.observe(nanoseconds: firstToken, now: now)
                if end == .answered, let tokens = usage?.completion, tokens > 1 {
                    facts.timePerOutputToken.observe(nanoseconds: (duration - firstToken) / Int64(tokens - 1))
                }
            }
            if let tokens = usage?.prompt { facts.inputTokens.observe(Double(tokens)) }
            if let tokens = usage?.completion { facts.outputTokens.observe(Double(tokens)) }
        }
        if let firstToken = machine.attempts.last?.firstTokenAt, let deployment, let last = machine.attempts.last {
            let wait = firstToken.nanoseconds(since: last.startedAt)
            deployment.state.withLock { $0.timeToFirstToken.observe(nanoseconds: wait) }
        }
        let receipt = receipt(end, duration: duration, firstToken: firstToken)
        // Before it is given away: where nobody wants it, it is then not even copied.
        if trace != nil { offerTrace(receipt, now: now) }
        services.receipts.add(receipt)
        if services.shared.faults.isOn { tellDrills(end, now: now) }
        services.log { line in
            writeLine(end, duration: duration, firstToken: firstToken, now: now, into: &line)
        }
    }

    private func writeLine(
        _ end: ExchangeEnd, duration: Int64, firstToken: Int64?, now: Instant, into line: inout ByteBuffer
    ) {
        line.writeStaticString("{\"time\":\"")
        line.writeString(services.timeText(now: now))
        line.writeStaticString("\",\"id\":\"")
        line.writeString(request.id)
        line.writeStaticString("\",\"route\":")
        line.writeJSON(admitted.route.nameLiteral)
        line.writeStaticString(",\"operation\":\"")
        line.writeString(admitted.scan.endpoint.operation)
        line.writeStaticString(
            admitted.scan.isStream ? "\",\"stream\":true,\"end\":\"" : "\",\"stream\":false,\"end\":\"")
        line.writeString(end.word)
        line.writeStaticString("\",\"status\":")
        line.writeDecimal(sentStatus)
        line.writeStaticString(",\"deployment\":")
        line.writeJSON(deployment?.idLiteral)
        line.writeStaticString(",\"attempts\":[")
        let attempts = allAttempts
        for place in attempts.indices { write(attempts[place], place, now: now, into: &line) }
        line.writeStaticString("],\"microseconds\":")
        line.writeDecimal(Int(duration / 1_000))
        if let firstToken {
            line.writeStaticString(",\"first_token_microseconds\":")
            line.writeDecimal(Int(firstToken / 1_000))
        }
        if let tokens = usage?.prompt {
            line.writeStaticString(",\"input_tokens\":")
            line.writeDecimal(tokens)
        }
        if let tokens = usage?.completion {
            line.writeStaticString(",\"output_tokens\":")
            line.writeDecimal(tokens)
        }
        if let usage, let cost = deployment?.deployment.price?.costMicros(usage) {
            line.writeStaticString(",\"cost_micros\":")
            line.writeJSONInteger(cost)
        }
        if let degraded {
            line.writeStaticString(",\"degraded\":\"")
            line.writeStaticString(degraded)
            line.writeStaticString("\"")
        }
        if services.shared.isConfigurationStale.load(ordering: .relaxed) {
            line.writeStaticString(",\"stale_config\":true")
        }
        writeCaller(into: &line)
        if request.headers.clientRetries > 0 {
            line.writeStaticString(",\"client_retries\":")
            line.writeDecimal(request.headers.clientRetries)
        }
        line.writeStaticString(",\"generation\":")
        line.writeDecimal(Int(clamping: admitted.inForce.generation))
        line.writeStaticString("}\n")
    }
}

extension Exchange {
    private func writeCaller(into line: inout ByteBuffer) {
        if let key = admitted.principal.key {
            line.writeStaticString(",\"key\":")
            line.writeJSON(key.idLiteral)
        }
        if let workload = admitted.principal.workload {
            line.writeStaticString(",\"workload\":")
            line.writeJSONString(workload.id)
        }
    }

    private func write(_ attempt: AttemptRecord, _ place: Int, now: Instant, into line: inout ByteBuffer) {
        line.writeStaticString(place == 0 ? "{\"deployment\":" : ",{\"deployment\":")
        line.writeJSON(admitted.route.candidates[attempt.candidate].idLiteral)
        line.writeStaticString(",\"microseconds\":")
        line.writeDecimal(Int((attempt.endedAt ?? now).nanoseconds(since: attempt.startedAt) / 1_000))
        line.writeStaticString(",\"failure\":")
        line.writeJSONString(attempt.failure?.rawValue)
        if let method = attempt.continuation {
            line.writeStaticString(",\"continues\":")
            line.writeJSONString(method.rawValue)
        }
        if let order = met?.order(of: attempt) {
            line.writeStaticString(",\"injected\":")
            line.writeJSONString(order)
        }
        if let leg = deadLegs.first(where: { $0.startedAt == attempt.startedAt }) {
            write(leg, of: admitted.route.candidates[attempt.candidate].deployment, into: &line)
        }
        line.writeStaticString("}")
    }

    /// Reported and estimated figures never share a field.
    private func write(_ leg: DeadLeg, of deployment: Deployment, into line: inout ByteBuffer) {
        let usage =
            leg.usage
            ?? TokenUsage(
                prompt: LimitNeed.tokens(bytes: admitted.scan.inputBytes), completion: leg.contentEvents)
        let prefix: StaticString = leg.usage == nil ? "estimated_" : ""
        func write(_ name: StaticString, _ value: Int64?) {
            guard let value else { return }
            line.writeStaticString(",\"")
            line.writeStaticString(prefix)
            line.writeStaticString(name)
            line.writeStaticString("\":")
            line.writeJSONInteger(value)
        }
        write("input_tokens", usage.prompt.map(Int64.init))
        write("output_tokens", usage.completion.map(Int64.init))
        write("cost_micros", deployment.price?.costMicros(usage))
    }
}

extension RequestScan {
    /// Where the client does not bound its answer: a page of text.
    private static let ordinaryAnswerTokens = 500

    /// What the request is expected to use, before anybody has counted.
    var need: TokenNeed {
        TokenNeed(
            inputTokens: LimitNeed.tokens(bytes: inputBytes),
            outputTokens: endpoint == .embeddings ? 0 : outputTokenBound ?? Self.ordinaryAnswerTokens)
    }
}

extension Price {
    /// Nil where a price that is needed, or how much was used, is unknown.
    func costMicros(_ usage: TokenUsage) -> Int64? {
        guard let prompt = usage.prompt, let completion = usage.completion else { return nil }
        return costMicros(inputTokens: prompt, cachedTokens: usage.cached ?? 0, outputTokens: completion)
    }
}

extension LoopServices {
    /// A request that got the answer to an earlier one.
    func logRepeat(_ word: String, status: Int, id: String) {
        let now = MonotonicClock.read()
        log { line in
            line.writeStaticString("{\"time\":\"")
            line.writeString(timeText(now: now))
            line.writeStaticString("\",\"id\":\"")
            line.writeString(id)
            line.writeStaticString("\",\"end\":")
            line.writeJSONString(word)
            line.writeStaticString(",\"status\":")
            line.writeDecimal(status)
            line.writeStaticString("}\n")
        }
    }

    /// A request that never became an exchange.
    func logRejection(_ error: ClientError, id: String) {
        let now = MonotonicClock.read()
        log { line in
            line.writeStaticString("{\"time\":\"")
            line.writeString(timeText(now: now))
            line.writeStaticString("\",\"id\":\"")
            line.writeString(id)
            line.writeStaticString("\",\"end\":\"rejected\",\"status\":")
            line.writeDecimal(error.status)
            line.writeStaticString(",\"code\":")
            line.writeJSONString(error.code)
            line.writeStaticString("}\n")
        }
    }
}
