import HoldfastCore
import HoldfastTelemetry
import HoldfastWire
import NIOCore

/// The place of an exchange in a trace. Of an exchange whose traces nobody wants there is none, and nothing is done.
struct ExchangeTrace: Sendable {
    /// Of the exchange's own span.
    private(set) var context: TraceContext
    /// The client's span; nil: the trace begins here.
    let parent: UInt64?
    /// As the client sent it. It is only recorded: what other systems keep in it is nothing for providers to read.
    let state: String?

    /// A client's trace is continued, whether it is sampled or not; otherwise the exchange's id is the trace's as well,
    /// so that either finds the other.
    ///
    /// - Parameter budgets: nil: all are sampled.
    init(_ request: IncomingRequest, random: inout SeededRandom, budgets: inout TraceBudgets?) {
        let headers = request.headers
        if let text = headers.traceparent, let client = TraceContext(traceparent: text) {
            context = client.child(&random)
            parent = client.span
            state = headers.tracestate
        } else {
            var own = request.idNumber.trace.child(&random)
            own.isSampled = budgets?.ordinary.take(now: request.arrivedAt) ?? true
            context = own
            parent = nil
            state = nil
        }
    }

    /// The same, for whoever keeps it all the same.
    var sampled: ExchangeTrace {
        var trace = self
        trace.context.isSampled = true
        return trace
    }

    /// Of an attempt's span. It is derived from when and where the attempt was begun, which no other attempt of the
    /// exchange shares, so that nothing has to be kept until its span is made.
    func attempt(_ attempt: AttemptRecord) -> TraceContext {
        let mark = UInt64(bitPattern: attempt.startedAt.nanoseconds) << 6 | UInt64(attempt.candidate)
        var random = SeededRandom(seed: context.span ^ mark)
        return context.child(&random)
    }
}

/// What one event loop may hand over. What did not go as wished has a budget of its own, so that the traces that are
/// looked for most are there at any load.
struct TraceBudgets {
    var ordinary: TraceBudget
    var notable: TraceBudget

    /// Nil: nobody wants traces.
    init?(_ shared: GatewayShared) {
        guard let settings = shared.traces?.settings else { return nil }
        ordinary = TraceBudget(perSecond: settings.tracesPerSecond, shares: shared.receipts.count)
        notable = ordinary
    }
}

/// What is known of a finished exchange, on its way to the exporter, where it becomes spans.
struct ExchangeTraceRecord: TraceRecord {
    var receipt: Receipt
    var trace: ExchangeTrace
    /// Who answered, or was asked last.
    var deployment: DeploymentInForce?
    var key: String?
    var workload: String?

    /// Names and values as they are encoded; measured, with room for long names.
    var bytes: Int {
        1_024 + 512 * (receipt.laterAttempts.count + (receipt.firstAttempt == nil ? 0 : 1))
            + 128 * receipt.exclusions.count
    }

    func spans() -> [TraceSpan] {
        let attempts = [receipt.firstAttempt].compactMap { $0 } + receipt.laterAttempts
        return [exchangeSpan(attempts: attempts.count)]
            + attempts.enumerated().map { attemptSpan($0.element, number: $0.offset + 1) }
    }

    // MARK: - Times

    private var endNanoseconds: Int64 { receipt.endedAtMilliseconds * Span.millisecond }

    /// The record has one wall-clock time, that of the end; all others are counted from it.
    private func unixNanoseconds(_ instant: Instant) -> Int64 {
        endNanoseconds - receipt.durationNanoseconds + instant.nanoseconds(since: receipt.startedAt)
    }

    // MARK: - The exchange

    private func exchangeSpan(attempts: Int) -> TraceSpan {
        let operation = receipt.endpoint.operation
        var span = TraceSpan(
            trace.context, parent: trace.parent, name: "\(operation) \(receipt.route.route.name)", kind: .server,
            startNanoseconds: endNanoseconds - receipt.durationNanoseconds, endNanoseconds: endNanoseconds)
        span.hasRemoteParent = trace.parent != nil
        span.state = trace.state.flatMap { TraceState($0) }
        span.attributes = [
            Attribute(SpanNames.operation, operation), Attribute(SpanNames.requestModel, receipt.route.route.name),
            Attribute(SpanNames.exchange, receipt.id.text), Attribute(SpanNames.end, receipt.end.word),
            Attribute(SpanNames.status, receipt.status), Attribute(SpanNames.attempts, attempts),
            Attribute(SpanNames.generation, Int(clamping: receipt.generation)),
            Attribute(SpanNames.criticality, receipt.criticality.rawValue),
            Attribute(SpanNames.stream, .boolean(receipt.isStream)),
        ]
        span.attributes += answerAttributes + callerAttributes
        if let error = receipt.end.errorType { span.attributes.append(Attribute(SpanNames.errorType, error)) }
        if receipt.end.isError(status: receipt.status) { span.status = .error(receipt.end.word) }
        span.events = receipt.exclusions.map { exclusion in
            TraceSpan.Event(
                SpanNames.passedOver, atNanoseconds: unixNanoseconds(exclusion.at),
                attributes: [
                    Attribute(
                        SpanNames.deployment, receipt.route.candidates[exclusion.candidate].deployment.id),
                    Attribute(SpanNames.reason, exclusion.reason.word),
                ])
        }
        return span
    }

    private var answerAttributes: [Attribute] {
        var attributes: [Attribute] = []
        if let deployment {
            attributes.append(Attribute(SpanNames.deployment, deployment.deployment.id))
            attributes.append(Attribute(SpanNames.provider, deployment.provider.vendor))
            if receipt.end == .answered {
                attributes.append(Attribute(SpanNames.responseModel, deployment.deployment.model))
            }
        }
        if let usage = receipt.usage {
            for (name, tokens) in [
                (SpanNames.inputTokens, usage.prompt), (SpanNames.outputTokens, usage.completion),
                (SpanNames.cachedTokens, usage.cached),
            ] {
                if let tokens { attributes.append(Attribute(name, tokens)) }
            }
            if let cost = deployment?.deployment.price?.costMicros(usage) {
                attributes.append(Attribute(SpanNames.costMicros, .integer(cost)))
            }
        }
        if let wait = receipt.firstTokenNanoseconds {
            attributes.append(Attribute(SpanNames.firstToken, .double(Double(wait) / 1e9)))
        }
        if let degraded = receipt.degraded { attributes.append(Attribute(SpanNames.degraded, "\(degraded)")) }
        return attributes
    }

    private var callerAttributes: [Attribute] {
        [(SpanNames.key, key), (SpanNames.workload, workload)].compactMap { name, id in id.map { Attribute(name, $0) } }
    }

    // MARK: - An attempt

    private func attemptSpan(_ attempt: AttemptRecord, number: Int) -> TraceSpan {
        let candidate = receipt.route.candidates[attempt.candidate]
        let (operation, model) = (receipt.endpoint.operation, candidate.deployment.model)
        var span = TraceSpan(
            trace.attempt(attempt), parent: trace.context.span, name: "\(operation) \(model)", kind: .client,
            startNanoseconds: unixNanoseconds(attempt.startedAt),
            endNanoseconds: attempt.endedAt.map(unixNanoseconds) ?? endNanoseconds)
        span.attributes = [
            Attribute(SpanNames.operation, operation), Attribute(SpanNames.provider, candidate.provider.vendor),
            Attribute(SpanNames.requestModel, model), Attribute(SpanNames.address, candidate.provider.baseURL.host),
            Attribute(SpanNames.port, candidate.provider.baseURL.port),
            Attribute(SpanNames.deployment, candidate.deployment.id), Attribute(SpanNames.attempt, number),
        ]
        if let first = attempt.firstTokenAt {
            let wait = first.nanoseconds(since: attempt.startedAt)
            span.attributes.append(Attribute(SpanNames.firstToken, .double(Double(wait) / 1e9)))
        }
        if let method = attempt.continuation {
            span.attributes.append(Attribute(SpanNames.continues, method.rawValue))
        }
        if let order = receipt.injected?.order(of: attempt) {
            span.attributes.append(Attribute(SpanNames.injected, order))
        }
        if let failure = attempt.failure {
            span.attributes.append(Attribute(SpanNames.errorType, failure.rawValue))
            // Given up because the client left, or the other run was faster: nobody's error.
            if failure != .neutral { span.status = .error(failure.rawValue) }
        }
        return span
    }
}

/// Every name in one place. Those of `gen_ai` are still moving; ours begin with `holdfast`.
private enum SpanNames {
    static let operation = "gen_ai.operation.name"
    static let provider = "gen_ai.provider.name"
    static let requestModel = "gen_ai.request.model"
    static let responseModel = "gen_ai.response.model"
    static let inputTokens = "gen_ai.usage.input_tokens"
    static let outputTokens = "gen_ai.usage.output_tokens"
    static let cachedTokens = "gen_ai.usage.cache_read.input_tokens"
    static let errorType = "error.type"
    static let address = "server.address"
    static let port = "server.port"
    static let status = "http.response.status_code"
    static let exchange = "holdfast.exchange"
    static let end = "holdfast.end"
    static let deployment = "holdfast.deployment"
    static let attempts = "holdfast.attempts"
    static let attempt = "holdfast.attempt"
    static let continues = "holdfast.continues"
    static let injected = "holdfast.injected"
    static let generation = "holdfast.generation"
    static let criticality = "holdfast.criticality"
    static let stream = "holdfast.stream"
    static let degraded = "holdfast.degraded"
    static let firstToken = "holdfast.time_to_first_token_seconds"
    static let costMicros = "holdfast.cost_micros"
    static let key = "holdfast.key"
    static let workload = "holdfast.workload"
    static let passedOver = "holdfast.candidate_passed_over"
    static let reason = "holdfast.reason"
}

extension ExchangeEnd {
    /// The class of the failure, or what ended it instead of an answer.
    fileprivate var errorType: String? {
        switch self {
        case .answered: nil
        case .interrupted(let failure), .refused(.upstreamAnswer(let failure)),
            .refused(.everyCandidateFailed(let failure)):
            failure.rawValue
        case .clientGone, .refused: word
        }
    }

    /// For a span of a server, what the caller did wrong is no error, and neither is that it left.
    fileprivate func isError(status: Int) -> Bool {
        switch self {
        case .answered, .clientGone: false
        // Also inside a stream whose head has said otherwise already.
        case .interrupted, .refused(.everyCandidateFailed), .refused(.noneAvailable), .refused(.deadlinePassed): true
        case .refused(.upstreamAnswer), .refused(.noneLawful): status >= 500
        }
    }
}

extension ExchangeID {
    /// The trace that the exchange begins.
    fileprivate var trace: TraceContext {
        TraceContext(traceHigh: high, traceLow: high | low == 0 ? 1 : low, span: 1, isSampled: true)
    }
}

extension Exchange {
    /// What is written is the span of the attempt in flight: the provider's spans hang below it.
    func writeTraceparent(_ head: inout ByteBuffer) {
        guard let trace, let attempt = machine.attempts.last else { return }
        head.writeStaticString("\r\ntraceparent: ")
        head.writeString(trace.attempt(attempt).traceparent)
    }

    /// What was not sampled when it began, and did not go as wished: its provider's spans are missing then, ours are not.
    private func isKeptUnsampled(_ trace: ExchangeTrace, _ receipt: Receipt, now: Instant) -> Bool {
        let isNotable = receipt.end != .answered || !receipt.laterAttempts.isEmpty || receipt.degraded != nil
        return isNotable && trace.parent == nil && services.traceBudgets?.notable.take(now: now) == true
    }

    /// Hands a finished exchange to the exporter, which drops it where it cannot keep up.
    func offerTrace(_ receipt: Receipt, now: Instant) {
        guard let trace, let telemetry = services.shared.traces else { return }
        guard trace.context.isSampled || isKeptUnsampled(trace, receipt, now: now) else {
            // A client that does not keep its trace has not lost it.
            if trace.parent == nil { telemetry.countOverRate() }
            return
        }
        telemetry.offer(
            ExchangeTraceRecord(
                receipt: receipt, trace: trace.sampled, deployment: deployment, key: admitted.principal.key?.key.id,
                workload: admitted.principal.workload?.id))
    }
}
