import Glibc
package import HoldfastAPI
package import HoldfastCore
package import HoldfastTelemetry
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// The data plane of one process: its listener, its event loops and the snapshot in force.
package final class GatewayServer: Sendable {
    /// How often a drain looks whether the last exchange has ended.
    static let drainCheck = Duration.milliseconds(20)
    static let acceptBacklog: Int32 = 1_024

    private let group: MultiThreadedEventLoopGroup
    private let loops: [NIOLoopBound<LoopServices>]
    private let listener: any Channel
    let operations: OperationsServer
    private let shared: GatewayShared
    private let status: GatewayStatus
    private let logger: Logger
    package let listenAddress: ListenAddress
    package let operationsAddress: ListenAddress

    private init(
        group: MultiThreadedEventLoopGroup, loops: [NIOLoopBound<LoopServices>], listener: any Channel,
        operations: OperationsServer, shared: GatewayShared, status: GatewayStatus
    ) {
        self.group = group
        self.loops = loops
        self.listener = listener
        self.operations = operations
        self.shared = shared
        self.status = status
        logger = shared.logger
        let host = status.inForce.snapshot.gateway.listen.host
        listenAddress = ListenAddress(host: host, port: listener.localAddress?.port ?? 0)
        operationsAddress = operations.address
    }

    /// Binds both listeners and serves. Nothing else needs to be alive.
    package static func start(_ loaded: LoadedConfiguration, logger: Logger) async throws -> GatewayServer {
        try await start(AdoptedSnapshot(file: loaded), logger: logger)
    }

    /// - Parameter telemetry: is run, and ended, by whoever made it.
    package static func start(
        _ first: AdoptedSnapshot, logger: Logger, telemetry: TelemetryExporter? = nil
    ) async throws -> GatewayServer {
        let settings = first.loaded.snapshot.gateway
        let inForce: InForce
        do {
            inForce = try InForce(first, previous: nil)
        } catch {
            throw GatewayStartFailure.tls("\(error)")
        }
        inForce.configureLimits()
        let loopCount = settings.eventLoops ?? System.coreCount
        let faults = FaultBoard()
        let shared = GatewayShared(
            resolver: NameResolver(faults: faults), faults: faults, accessLog: try AccessLog(settings.accessLog),
            logger: logger, telemetry: telemetry, loops: loopCount, receipts: settings.receipts)
        let status = GatewayStatus(inForce: inForce, source: first.source)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        var loops: [NIOLoopBound<LoopServices>] = []
        for (place, loop) in group.makeIterator().enumerated() {
            loops.append(
                try await loop.submit {
                    NIOLoopBound(
                        LoopServices(loop: loop, place: place, shared: shared, inForce: inForce), eventLoop: loop)
                }.get())
        }
        watchDates(shared: shared, status: status, loop: group.next())
        watchLoad(shared: shared, status: status, loop: group.next())
        try await watchDrills(first, shared: shared, status: status, loops: loops)
        do {
            let listener = try await bind(settings.listen, group: group, loops: loops)
            do {
                let operations = try await OperationsServer.start(settings.operations, shared: shared, status: status)
                return GatewayServer(
                    group: group, loops: loops, listener: listener, operations: operations, shared: shared,
                    status: status)
            } catch {
                try? await listener.close()
                throw error
            }
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// What happens on a date is said when it comes near, at the start and once a day. Ends with its loop.
    private static func watchDates(shared: GatewayShared, status: GatewayStatus, loop: any EventLoop) {
        status.inForce.logRetirements(today: shared.today.value, to: shared.logger)
        loop.scheduleRepeatedTask(initialDelay: dateInterval, delay: dateInterval) { _ in
            guard shared.today.advance() else { return }
            status.inForce.logRetirements(today: shared.today.value, to: shared.logger)
        }
    }

    private static func watchLoad(shared: GatewayShared, status: GatewayStatus, loop: any EventLoop) {
        let systemBound = ProcessMemory.boundBytes()
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: loadInterval) { _ in
            shared.load.observe(
                residentBytes: ProcessMemory.residentBytes() ?? 0,
                boundBytes: status.inForce.snapshot.gateway.limits.memoryBytes ?? systemBound,
                now: MonotonicClock.read(), logger: shared.logger)
        }
    }

    private static func watchDrills(
        _ first: AdoptedSnapshot, shared: GatewayShared, status: GatewayStatus, loops: [NIOLoopBound<LoopServices>]
    ) async throws {
        shared.faults.adopt(status.inForce, isLive: first.source == .control, now: MonotonicClock.read())
        guard let loop = loops.first?.eventLoop else { return }
        try await loop.submit {
            DrillRunner(shared: shared, status: status, loops: loops).start(on: loop)
        }.get()
    }

    private static let loadInterval = TimeAmount.milliseconds(100)

    /// How late a new day may be noticed.
    private static let dateInterval = TimeAmount.seconds(10)

    private static func bind(
        _ address: ListenAddress, group: MultiThreadedEventLoopGroup, loops: [NIOLoopBound<LoopServices>]
    ) async throws -> any Channel {
        let byLoop = Dictionary(
            zip(group.makeIterator().map { ObjectIdentifier($0) }, loops), uniquingKeysWith: { first, _ in first })
        do {
            return try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: acceptBacklog)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let services = byLoop[ObjectIdentifier(channel.eventLoop)]?.value else {
                            preconditionFailure("a client connection lives on one of this gateway's loops")
                        }
                        try addHandlers(to: channel, services: services)
                    }
                }
                .bind(host: address.host, port: address.port)
                .get()
        } catch {
            throw GatewayStartFailure.bind(key: "gateway.listen", address: address, error)
        }
    }

    /// - Parameter principal: who is at the other end; nil: a client, who has to show.
    static func addHandlers(
        to channel: any Channel, services: LoopServices, principal: Principal? = nil
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        if principal == nil, let tls = services.inForce.listenerTLS {
            try pipeline.addHandler(NIOSSLServerHandler(context: tls))
        }
        let limits = services.inForce.snapshot.gateway.limits
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headerFieldBytes
        decoder.maxHeaderListSize = limits.headerListBytes
        decoder.maxHeaderFieldCount = limits.headerFields
        let connection = ClientConnection(services: services, principal: principal, now: MonotonicClock.read())
        try pipeline.addHandler(ArrivalWatch(connection: connection))
        try pipeline.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoder)))
        try pipeline.addHandler(connection)
    }

    // MARK: - Configuration

    /// Puts a good change into force without dropping a connection: exchanges that run finish under the snapshot they
    /// began with.
    package func adopt(_ loaded: LoadedConfiguration) throws {
        try adopt(AdoptedSnapshot(file: loaded, generation: status.inForce.generation + 1))
    }

    package func adopt(_ adopted: AdoptedSnapshot) throws {
        let previous = status.inForce
        let next: InForce
        do {
            next = try InForce(adopted, previous: previous)
        } catch {
            throw GatewayStartFailure.tls("\(error)")
        }
        next.configureLimits()
        var needRestart = Self.settingsFixedAtStart(previous.snapshot.gateway, next.snapshot.gateway)
        if previous.snapshot.telemetry != next.snapshot.telemetry { needRestart.append("telemetry") }
        for services in loops {
            services.eventLoop.execute { services.value.adopt(next) }
        }
        // Once the loops are told: whoever reads what is in force is then served by it.
        status.adopt(next, source: adopted.source, needRestart: needRestart)
        shared.faults.adopt(next, isLive: adopted.source == .control, now: MonotonicClock.read())
        logger.notice(
            "configuration in force",
            metadata: [
                "generation": "\(next.generation)", "routes": "\(next.routes.count)",
                "overrides": "\(next.overrides.count)", "source": "\(adopted.source.rawValue)",
            ])
        next.logRerankings(from: previous, to: logger)
        next.logRetirements(today: shared.today.value, to: logger)
        if !needRestart.isEmpty {
            logger.warning(
                "some changes come into force with the next start only",
                metadata: ["fields": "\(needRestart.joined(separator: ", "))"])
        }
    }

    /// The last known good one keeps serving; the refusal stands in `/state` and in the metrics until a good one comes.
    package func refuse(_ problems: ConfigurationProblems) {
        logger.error(
            "configuration refused; the last known good one stays in force",
            metadata: [
                "file": "\(problems.file)", "problems": "\(problems.problems.count)",
                "problem": "\(problems.firstLine)", "generation": "\(status.inForce.generation)",
            ])
        status.refuse(problems)
    }

    /// What is in force is what the management plane means, and that was asked a moment ago.
    package func confirm() {
        status.confirm()
    }

    /// What was pulled stays out of force; nil: nothing is refused any more.
    package func refuse(pull refusal: PullRefusal?) {
        status.refuse(pull: refusal)
    }

    /// Answers say so from here on, since what they were decided by may be old.
    package func markConfiguration(isStale: Bool) {
        shared.isConfigurationStale.store(isStale, ordering: .relaxed)
    }

    package var source: AdoptedSnapshot.Source { status.source }

    /// The ids of the overrides in force.
    package var overridesInForce: [String] { status.inForce.overrides.map(\.id) }

    /// What it says of itself to the management plane.
    package func report(version: String) -> GatewayReportView {
        let (inForce, now) = (status.inForce, MonotonicClock.read())
        let troubles = TroubleReport.troubles(of: inForce, now: now)
        var report = GatewayReportView(
            version: version, generation: inForce.generation, source: status.source.rawValue, ready: status.isReady,
            exchangesInFlight: shared.exchanges.value, exchanges: inForce.counts.ended.value,
            failures: inForce.counts.failed.value,
            refused: status.pullRefusal.map { "\($0.message); \($0.mend)" }, shedding: shared.load.word,
            troubles: Array(troubles.prefix(TroubleView.most)),
            moreTroubles: troubles.count > TroubleView.most ? troubles.count - TroubleView.most : nil)
        let drills = shared.faults.watches(now: now).map { DrillObservationView($0, now: now) }
        if !drills.isEmpty { report.drills = drills }
        return report
    }

    /// What its report tells besides, where somebody looks on.
    func tell(_ report: inout GatewayReportView, since marks: ReceiptsReport.Marks) -> ReceiptsReport.Marks {
        let receipts = ReceiptsReport(
            shared: shared, names: status.inForce.names, operations: "\(operationsAddress)", since: marks)
        report.figures = FiguresReport.view(shared: shared, status: status, now: MonotonicClock.read())
        report.receipts = receipts.view
        return receipts.marks
    }

    /// There is something to tell of a drill second by second.
    var isDrilling: Bool { shared.faults.isOn }

    /// A drill keeps this gateway and the management plane apart.
    var isControlTakenOut: Bool {
        shared.faults.order(takingOut: .control, now: MonotonicClock.read()) != nil
    }

    /// A question was due that was not asked for that.
    func missedControl() { shared.faults.missed(.control, goesOn: true, now: MonotonicClock.read()) }

    private static func settingsFixedAtStart(_ old: GatewaySettings, _ new: GatewaySettings) -> [String] {
        var fields: [String] = []
        if old.listen != new.listen { fields.append("gateway.listen") }
        if old.operations != new.operations { fields.append("gateway.operations") }
        if old.eventLoops != new.eventLoops { fields.append("gateway.event_loops") }
        if old.receipts != new.receipts { fields.append("gateway.receipts") }
        if old.accessLog != new.accessLog { fields.append("gateway.access_log") }
        return fields
    }

    /// Every metric as it is now, as on `/metrics`.
    package func metrics() -> [Metric] {
        MetricsReport.metrics(shared: shared, status: status, now: MonotonicClock.read())
    }

    package var drainNanoseconds: Int64 { status.inForce.snapshot.gateway.drainNanoseconds }

    // MARK: - End

    /// Takes nothing new, lets what runs finish within the bound, and ends. Returns how many exchanges were cut off.
    package func stop() async -> Int {
        status.beginDraining()
        try? await listener.close()
        for services in loops {
            services.eventLoop.execute { services.value.drain() }
        }
        let end = MonotonicClock.read().advanced(byNanoseconds: drainNanoseconds)
        while shared.exchanges.value + shared.unflushed.value > 0, MonotonicClock.read() < end, !Task.isCancelled {
            try? await Task.sleep(for: Self.drainCheck)
        }
        let cutOff = shared.exchanges.value
        for services in loops {
            try? await services.eventLoop.submit { services.value.shutDown() }.get()
        }
        await operations.stop()
        try? await group.shutdownGracefully()
        shared.accessLog.close()
        shared.resolver.stop()
        return cutOff
    }
}

/// Why the gateway did not start, in words for whoever starts it.
package enum GatewayStartFailure: Error, CustomStringConvertible {
    case bind(key: String, address: ListenAddress, any Error)
    case tls(String)

    package var description: String {
        switch self {
        case .bind(let key, let address, let error):
            let reason =
                switch (error as? IOError)?.errnoCode {
                case EADDRINUSE: "the port is in use"
                case EACCES: "this user may not bind it"
                case EADDRNOTAVAIL: "the address is not one of this machine's"
                default: "\(error)"
                }
            return "cannot listen on \(address): \(reason)"
                + "\n  mend: free it, or set \(key) to another address (port 0 takes a free one)"
        case .tls(let reason):
            return "the TLS certificate, key or trust roots cannot be used: \(reason)"
                + "\n  mend: check gateway.tls and providers.*.trust_roots; they must be PEM, and key and certificate a pair"
        }
    }
}
