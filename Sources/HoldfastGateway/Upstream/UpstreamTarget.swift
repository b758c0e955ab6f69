import HoldfastCore
import NIOCore
import NIOSSL

/// Where a provider's connections go and how they are secured. Lives as long as the provider stays the same, so that a
/// new snapshot keeps the open connections.
final class UpstreamTarget: Sendable {
    let provider: Provider
    /// Nil: plain http, which the configuration allows on a private network only.
    let tls: NIOSSLContext?
    /// For SNI and for the name in the certificate; nil where the host is an IP address.
    let serverName: String?
    /// Connections of all loops: open, and of these idle.
    let openCount = InFlightCount()
    let idleCount = InFlightCount()

    init(provider: Provider) throws {
        self.provider = provider
        let isAddress = (try? SocketAddress(ipAddress: provider.baseURL.host, port: 0)) != nil
        serverName = isAddress ? nil : provider.baseURL.host
        tls = provider.baseURL.isTLS ? try NIOSSLContext(configuration: Self.tlsConfiguration(of: provider)) : nil
    }

    static func tlsConfiguration(of provider: Provider) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.certificateVerification = .fullVerification
        if let roots = provider.trustRootsPEM {
            // Instead of the system's: whoever names an authority of their own does not mean all the others as well.
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(roots.utf8)))
        }
        return configuration
    }

    /// Whether connections made for this target serve `other` as well.
    func serves(_ other: Provider) -> Bool {
        provider.id == other.id && provider.baseURL == other.baseURL && provider.trustRootsPEM == other.trustRootsPEM
            && provider.isPrivateNetwork == other.isPrivateNetwork && provider.pool == other.pool
    }

    func tlsHandler() throws -> NIOSSLClientHandler? {
        guard let tls else { return nil }
        return try NIOSSLClientHandler(context: tls, serverHostname: serverName)
    }
}
