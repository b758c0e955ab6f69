package import HoldfastCore
package import Logging
import Synchronization

/// Something that becomes spans on the exporter's side, so that whoever ends it does not wait for that.
package protocol TraceRecord: Sendable {
    /// About what its spans take when they are encoded.
    var bytes: Int { get }
    func spans() -> [TraceSpan]
}

/// Sends traces, metrics and logs to one collector, over OTLP/HTTP. Offering costs a short lock and never waits; what a
/// collector does not take is dropped and counted, and costs nobody anything else.
///
/// Each signal has a queue and a loop of its own: a collector without a pipeline for one of them answers 404 to it and
/// takes the others, and a flood of spans must not keep the one log record back that explains it.
package final class TelemetryExporter: Sendable {
    /// How often the queues are looked at.
    static let tick = Duration.milliseconds(100)
    /// How long a batch that does not fill up waits.
    static let batchAgeNanoseconds = 2 * Span.second
    /// Of the end of the process.
    package static let flushNanoseconds = 3 * Span.second

    package let settings: TelemetrySettings
    private let encoding: OTLPEncoding
    private let version: String
    private let startedAtNanoseconds = TelemetryClock.unixNanoseconds()
    let traces: BatchQueue<any TraceRecord>?
    let logs: BatchQueue<LogRecord>?
    private let counts = ExportCounts()
    private let isEnding = Atomic<Bool>(false)
    /// Counted for each exchange at full load, and so without the lock of the other counts.
    private let overRate = Atomic<Int>(0)
    /// Never one that comes back here.
    private let logger: Logger

    /// - Parameter logger: where the exporter says what becomes of it; must not be one of `tapping`.
    package init(
        _ settings: TelemetrySettings, resource: TelemetryResource, logger: Logger,
        traceBounds: BatchQueue<any TraceRecord>.Bounds = .init(), logBounds: BatchQueue<LogRecord>.Bounds = .init()
    ) {
        self.settings = settings
        encoding = OTLPEncoding(resource: resource)
        version = resource.version
        self.logger = logger
        traces = settings.traces ? BatchQueue(bounds: traceBounds) : nil
        logs = settings.logs ? BatchQueue(bounds: logBounds) : nil
    }

    // MARK: - Offering

    /// Whether spans are wanted at all.
    package var takesTraces: Bool { traces != nil }
    package var takesLogs: Bool { logs != nil }

    package func offer(_ record: any TraceRecord) {
        guard let traces, !traces.offer(record, bytes: record.bytes) else { return }
        counts.drop(.traces, .queueFull, 1)
    }

    /// A trace that was not made, because there were more than `tracesPerSecond`.
    package func countOverRate() { overRate.wrappingAdd(1, ordering: .relaxed) }

    package func offer(_ record: LogRecord) {
        guard let logs, !logs.offer(record, bytes: record.bytes) else { return }
        counts.drop(.logs, .queueFull, 1)
    }

    package func figures(of signal: TelemetrySignal) -> ExportFigures {
        var figures = counts.figures(of: signal)
        let overRate = overRate.load(ordering: .relaxed)
        if signal == .traces, overRate > 0 { figures.dropped[.overRate] = overRate }
        return figures
    }

    // MARK: - Sending

    /// Sends until `finish` was called and what is queued is sent, or its bound has passed. Once.
    ///
    /// - Parameter metrics: all of them, as they are now.
    package func run(metrics: @escaping @Sendable () -> [Metric]) async {
        let client = CollectorClient(settings, version: version)
        await withTaskGroup(of: Bool.self) { tasks in
            var loops = 0
            if let traces {
                loops += 1
                tasks.addTask { [encoding] in
                    await self.drain(traces, .traces, client) { encoding.request($0.flatMap { $0.spans() }) }
                    return true
                }
            }
            if let logs {
                loops += 1
                tasks.addTask { [encoding] in
                    await self.drain(logs, .logs, client) { encoding.request($0) }
                    return true
                }
            }
            if settings.metrics {
                loops += 1
                tasks.addTask {
                    await self.report(metrics, client)
                    return true
                }
            }
            tasks.addTask {
                await self.waitForFlushBound()
                return false
            }
            while loops > 0, let isLoop = await tasks.next() {
                if isLoop { loops -= 1 } else { tasks.cancelAll() }
            }
            tasks.cancelAll()
        }
        await client.shutDown()
        // What nobody will send any more is counted, so that the numbers add up to what was offered.
        while let left = traces?.take(isDue: true) { counts.drop(.traces, .shutdown, left.count) }
        while let left = logs?.take(isDue: true) { counts.drop(.logs, .shutdown, left.count) }
    }

    /// Nothing will be offered any more: `run` sends what there is and returns.
    package func finish() { isEnding.store(true, ordering: .releasing) }

    private var ends: Bool { isEnding.load(ordering: .acquiring) }

    private func waitForFlushBound() async {
        while !ends {
            guard (try? await Task.sleep(for: Self.tick)) != nil else { return }
        }
        try? await Task.sleep(for: .nanoseconds(Self.flushNanoseconds))
    }

    private func drain<Element: Sendable>(
        _ queue: BatchQueue<Element>, _ signal: TelemetrySignal, _ client: CollectorClient,
        encode: @Sendable ([Element]) -> [UInt8]
    ) async {
        var random = Self.makeRandom()
        var due = TelemetryClock.read().advanced(byNanoseconds: Self.batchAgeNanoseconds)
        while !Task.isCancelled {
            // Read before the queue: what was offered before the end was said is then found.
            let isLast = ends
            let isDue = isLast || TelemetryClock.read() >= due
            if isDue { due = TelemetryClock.read().advanced(byNanoseconds: Self.batchAgeNanoseconds) }
            if let batch = queue.take(isDue: isDue) {
                let retry = ExportRetry(startedAt: TelemetryClock.read())
                await send(encode(batch), count: batch.count, signal, client, retry, &random)
            } else if isLast {
                return
            } else {
                try? await Task.sleep(for: Self.tick)
            }
        }
    }

    private func report(_ metrics: @Sendable () -> [Metric], _ client: CollectorClient) async {
        var random = Self.makeRandom()
        var isLast = false
        while !isLast, !Task.isCancelled {
            isLast = await wait(nanoseconds: settings.intervalNanoseconds)
            guard !Task.isCancelled else { return }
            let body = encoding.request(
                metrics(), startNanoseconds: startedAtNanoseconds, atNanoseconds: TelemetryClock.unixNanoseconds())
            // The next report says all that this one does.
            let bound = min(settings.intervalNanoseconds, ExportRetry.longestNanoseconds)
            let retry = ExportRetry(startedAt: TelemetryClock.read(), boundNanoseconds: bound)
            await send(body, count: 1, .metrics, client, retry, &random)
        }
    }

    private func send(
        _ body: [UInt8], count: Int, _ signal: TelemetrySignal, _ client: CollectorClient, _ first: ExportRetry,
        _ random: inout SeededRandom
    ) async {
        var retry = first
        while true {
            let outcome = await client.post(body, to: signal)
            say(outcome, signal)
            let isEnding = ends || Task.isCancelled
            switch retry.decide(outcome, isEnding: isEnding, now: TelemetryClock.read(), random: &random) {
            case .done(let rejected):
                counts.send(signal, count)
                counts.drop(signal, .rejected, rejected)
                return
            case .drop(let reason):
                counts.drop(signal, reason, count)
                return
            case .again(let nanoseconds):
                _ = await wait(nanoseconds: nanoseconds)
            }
        }
    }

    /// True where the end was said meanwhile; the rest of the wait is then not waited for.
    private func wait(nanoseconds: Int64) async -> Bool {
        let until = TelemetryClock.read().advanced(byNanoseconds: nanoseconds)
        while !ends, TelemetryClock.read() < until, (try? await Task.sleep(for: Self.tick)) != nil {}
        return ends
    }

    /// Once for each change, however many batches it concerns.
    private func say(_ outcome: ExportOutcome, _ signal: TelemetrySignal) {
        var facts: Logger.Metadata = ["name": "\(signal.rawValue)", "address": "\(settings.endpoint)"]
        switch outcome {
        case .taken:
            guard counts.note(signal, isFailing: false) else { return }
            logger.notice("telemetry is taken again", metadata: facts)
        case .refused(let status, _):
            counts.fail(signal)
            guard counts.note(signal, isFailing: true) else { return }
            facts["reason"] = "status \(status)"
            logger.warning("telemetry is not taken; nothing else is concerned", metadata: facts)
        case .unreachable(let reason):
            counts.fail(signal)
            guard counts.note(signal, isFailing: true) else { return }
            facts["reason"] = "\(reason)"
            logger.warning("telemetry is not taken; nothing else is concerned", metadata: facts)
        }
    }

    private static func makeRandom() -> SeededRandom {
        var system = SystemRandomNumberGenerator()
        return SeededRandom(seed: system.next())
    }
}
