import AsyncHTTPClient
import Foundation
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// A gateway's operations listener, as a person who watches it sees it. It sends no credentials: a token of the management
/// plane is nobody else's business.
package final class OperationsClient: Sendable {
    private static let timeout = TimeAmount.seconds(2)
    /// The state of ten thousand deployments.
    private static let longestAnswer = 16 << 20

    /// Without a slash at the end.
    package let base: String
    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient

    /// - Parameter base: such as `http://127.0.0.1:8081`.
    package init(base: String) {
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: Self.timeout, read: Self.timeout))
        configuration.httpVersion = .http1Only
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    package func shutDown() async {
        try? await client.shutdown()
        try? await group.shutdownGracefully()
    }

    package func state() async throws(ControlFailure) -> GatewayStateView {
        let body: ByteBuffer
        do {
            let response = try await client.execute(HTTPClientRequest(url: base + "/state"), timeout: Self.timeout)
            guard response.status == .ok else {
                throw ControlFailure.unreadable("\(base) answered \(response.status.code)")
            }
            body = try await response.body.collect(upTo: Self.longestAnswer)
        } catch let failure as ControlFailure {
            throw failure
        } catch {
            throw .unreachable("\(base) does not answer: \(ControlClient.reason(error))")
        }
        guard let view = try? APICoding.decode(GatewayStateView.self, from: Data(body.readableBytesView)) else {
            throw .unreadable("\(base) answered with what is no state of a gateway")
        }
        return view
    }
}
