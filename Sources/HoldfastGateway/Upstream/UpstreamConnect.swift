import HoldfastCore
import NIOCore
import NIOPosix
import NIOSSL

extension UpstreamTarget {
    /// Opens a connection: the name looked up, private addresses refused unless they are meant, TLS in front of whatever
    /// `addHandlers` adds.
    /// - Throws: `UpstreamFault`, or what `UpstreamFault.init(_:)` knows to read.
    func connect(
        on loop: any EventLoop, resolver: NameResolver, timeoutNanoseconds: Int64, now: Instant,
        addHandlers: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let url = provider.baseURL
        let isPrivateNetwork = provider.isPrivateNetwork
        return resolver.addresses(host: url.host, port: url.port, now: now, loop: loop)
            .flatMapThrowing { addresses in
                let allowed = isPrivateNetwork ? addresses : addresses.filter(AddressGuard.isPublic)
                guard !allowed.isEmpty else {
                    throw UpstreamFault(
                        .misconfigured, "its name leads to a private address; if that is meant, set network: private")
                }
                return allowed
            }
            .flatMap { addresses in
                let bootstrap = ClientBootstrap(group: loop)
                    .connectTimeout(.nanoseconds(timeoutNanoseconds))
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            let pipeline = channel.pipeline.syncOperations
                            if let tls = try self.tlsHandler() { try pipeline.addHandler(tls) }
                            try addHandlers(pipeline)
                        }
                    }
                return addresses.count == 1
                    ? bootstrap.connect(to: addresses[0])
                    : bootstrap.resolver(KnownAddresses(addresses: addresses, loop: loop))
                        .connect(host: url.host, port: url.port)
            }
    }
}

/// Addresses that are known already, for NIO's happy-eyeballs connector.
private struct KnownAddresses: Resolver, Sendable {
    let addresses: [SocketAddress]
    let loop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter { $0.protocol == .inet })
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter { $0.protocol == .inet6 })
    }

    func cancelQueries() {}
}
