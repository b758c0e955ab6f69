import HoldfastCore
import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A provider that fails on purpose: one process, or one part of a test, is one provider.
package final class PracticeServer: Sendable {
    private let core: PracticeCore
    private let listener: PracticeListener
    private let control: (any Channel)?

    private init(core: PracticeCore, listener: PracticeListener, control: (any Channel)?) {
        self.core = core
        self.listener = listener
        self.control = control
    }

    /// Binds and serves. Throws what NIO throws where an address is not to be had.
    package static func start(
        options: PracticeOptions, group: any EventLoopGroup
    ) async throws -> PracticeServer {
        let core = PracticeCore(options: options)
        let listener = PracticeListener(core: core, group: group)
        try await listener.open()
        var control: (any Channel)?
        if let address = options.control {
            do {
                control = try await PracticeListener.bootstrap(group, core: core, role: .control) {
                    listener.reconcile()
                }.bind(host: address.host, port: address.port).get()
            } catch {
                await listener.stop()
                throw error
            }
        }
        return PracticeServer(core: core, listener: listener, control: control)
    }

    /// The port in use, also where port 0 was asked for; it stays the same under `refuse`.
    package var port: Int { listener.port }
    package var controlPort: Int? { control?.localAddress?.port }

    /// Sets a fault; under `refuse` it returns when the listener is closed.
    @discardableResult
    package func setFault(
        _ fault: Fault, forNanoseconds span: Int64 = Span.minute, share: Double = 1, models: [String] = []
    ) async throws -> FaultLease {
        let lease = try core.addFault(fault, forNanoseconds: span, share: share, models: models)
        await listener.settle()
        return lease
    }

    /// Ends all faults; returns when the listener is open again.
    package func clearFaults() async {
        _ = core.endAllFaults()
        await listener.settle()
    }

    package func faults() -> [FaultLease] { core.faults() }

    package func requests() -> RequestReport { core.report() }

    /// Takes nothing new, lets answers finish for at most the span, then ends what is left.
    package func stop(drainNanoseconds: Int64 = 0) async {
        try? await control?.close()
        await listener.stop()
        let open = core.stopTaking()
        guard let loop = open.first?.eventLoop else { return }
        let order = drainNanoseconds > 0 ? ConnectionOrder.drain : .reset
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(order) }
        let limit = loop.scheduleTask(in: .nanoseconds(drainNanoseconds)) {
            for channel in open { channel.pipeline.fireUserInboundEventTriggered(ConnectionOrder.reset) }
        }
        try? await EventLoopFuture.andAllComplete(open.map(\.closeFuture), on: loop).get()
        limit.cancel()
    }
}

/// The provider's listening socket, which `refuse` closes and the end of its lease opens again. All changes run one
/// after the other on one event loop, and each looks at what is wanted by then rather than at what was asked.
final class PracticeListener: Sendable {
    /// While another process holds the port, the next try comes after this.
    private static let retryNanoseconds = 100 * Span.millisecond

    private struct State {
        var channel: (any Channel)?
        var address: ListenAddress
        var stopped = false
        var chain: EventLoopFuture<Void>
        var timer: Scheduled<Void>?
    }

    private let core: PracticeCore
    private let group: any EventLoopGroup
    private let home: any EventLoop
    private let state: NIOLoopBoundBox<State>
    private let boundPort: Mutex<Int>

    init(core: PracticeCore, group: any EventLoopGroup) {
        self.core = core
        self.group = group
        home = group.next()
        let first = State(address: core.options.listen, chain: home.makeSucceededVoidFuture())
        state = NIOLoopBoundBox.makeBoxSendingValue(first, eventLoop: home)
        boundPort = Mutex(core.options.listen.port)
    }

    var port: Int { boundPort.withLock { $0 } }

    static func bootstrap(
        _ group: any EventLoopGroup, core: PracticeCore, role: PracticeConnection.Role,
        relisten: @escaping @Sendable () -> Void
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            // The port must be free for us again at once when `refuse` ends.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = HTTPRequestDecoder(
                        leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                        limitConfiguration: NIOHTTPDecoderLimitConfiguration())
                    try channel.pipeline.syncOperations.addHandlers([
                        ByteToMessageHandler(decoder),
                        PracticeConnection(core: core, role: role, relisten: relisten),
                    ])
                }
            }
    }

    func open() async throws {
        let channel = try await bind(core.options.listen).get()
        let port = channel.localAddress?.port ?? core.options.listen.port
        boundPort.withLock { $0 = port }
        try await home.submit {
            self.state.value.channel = channel
            self.state.value.address.port = port
        }.get()
    }

    private func bind(_ address: ListenAddress) -> EventLoopFuture<any Channel> {
        PracticeListener.bootstrap(group, core: core, role: .provider) { self.reconcile() }
            .bind(host: address.host, port: address.port)
    }

    /// Looks again whether the listener should be open, without waiting.
    func reconcile() {
        home.execute { _ = self.enqueue() }
    }

    /// The same, and returns when it is so.
    func settle() async {
        try? await home.flatSubmit { self.enqueue() }.get()
    }

    func stop() async {
        try? await home.flatSubmit {
            self.state.value.stopped = true
            return self.enqueue()
        }.get()
    }

    private func enqueue() -> EventLoopFuture<Void> {
        let next = state.value.chain.hop(to: home).flatMap { self.change() }
        state.value.chain = next
        return next
    }

    /// One step towards what is wanted. Runs on the home loop and never fails.
    private func change() -> EventLoopFuture<Void> {
        state.value.timer?.cancel()
        state.value.timer = nil
        let until = core.refusingUntil()
        let wanted = until == nil && !state.value.stopped
        if let until, !state.value.stopped {
            lookAgain(after: max(Span.millisecond, until.nanoseconds(since: core.instant)))
        }
        switch (state.value.channel, wanted) {
        case (let channel?, false): return close(channel)
        case (nil, true): return reopen()
        default: return home.makeSucceededVoidFuture()
        }
    }

    private func close(_ channel: any Channel) -> EventLoopFuture<Void> {
        state.value.channel = nil
        let stopped = state.value.stopped
        return channel.close().recover { _ in }.hop(to: home).flatMap {
            guard !stopped else { return self.home.makeSucceededVoidFuture() }
            let open = self.core.openConnections().filter { $0.localAddress?.port == self.port }
            for channel in open { channel.pipeline.fireUserInboundEventTriggered(ConnectionOrder.reset) }
            return EventLoopFuture.andAllComplete(open.map(\.closeFuture), on: self.home)
        }
    }

    private func reopen() -> EventLoopFuture<Void> {
        bind(state.value.address).hop(to: home).map { channel in
            self.state.value.channel = channel
        }.recover { _ in
            self.core.options.logger.warning("The address is taken by another process; trying again.")
            self.lookAgain(after: PracticeListener.retryNanoseconds)
        }
    }

    private func lookAgain(after nanoseconds: Int64) {
        state.value.timer = home.scheduleTask(in: .nanoseconds(nanoseconds)) { _ = self.enqueue() }
    }
}
