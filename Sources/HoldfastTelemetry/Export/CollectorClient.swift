import AsyncHTTPClient
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Speaks to one collector, on a thread of its own, so that nothing it waits for is ever waited for by an exchange.
/// Whoever makes it ends it with `shutDown`.
struct CollectorClient: Sendable {
    private static let connectTimeout = TimeAmount.seconds(2)
    static let requestTimeout = TimeAmount.seconds(10)
    /// Of an answer; a partial success is a number and a sentence.
    private static let longestAnswer = 64 << 10

    private let base: String
    private let headers: HTTPHeaders
    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient

    init(_ settings: TelemetrySettings, version: String) {
        base = settings.endpoint.description
        var headers: HTTPHeaders = [
            "content-type": "application/x-protobuf", "user-agent": "holdfast/\(version)",
        ]
        for header in settings.headers { headers.replaceOrAdd(name: header.name, value: header.value.reveal()) }
        self.headers = headers
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: Self.connectTimeout, read: Self.requestTimeout))
        configuration.httpVersion = .http1Only
        // Whether to try again, and when, is decided in one place, and that is not the connection pool.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    func shutDown() async {
        try? await client.shutdown()
        try? await group.shutdownGracefully()
    }

    func post(_ body: [UInt8], to signal: TelemetrySignal) async -> ExportOutcome {
        var request = HTTPClientRequest(url: base + signal.path)
        request.method = .POST
        request.headers = headers
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await client.execute(request, timeout: Self.requestTimeout)
            let answer = try? await response.body.collect(upTo: Self.longestAnswer)
            let status = Int(response.status.code)
            guard (200..<300).contains(status) else {
                let wait = response.headers.first(name: "retry-after").flatMap(Self.nanoseconds)
                return .refused(status: status, retryAfterNanoseconds: wait)
            }
            return .taken(rejected: OTLPEncoding.rejected(in: Array((answer ?? ByteBuffer()).readableBytesView)))
        } catch {
            return .unreachable(Self.reason(error))
        }
    }

    /// Seconds. A date is not read: the ordinary wait does as well.
    private static func nanoseconds(_ retryAfter: String) -> Int64? {
        Int64(retryAfter).flatMap { (0...86_400).contains($0) ? $0 * Span.second : nil }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .readTimeout, .deadlineExceeded: "no answer in time"
            case .remoteConnectionClosed: "it closed the connection"
            case .cancelled: ending
            default: "\(error)"
            }
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "its name has no address"
        case let error as IOError where error.errnoCode != 0: error.description
        case is CancellationError: ending
        default: words(of: "\(error)")
        }
    }

    /// The library of TLS says what failed in its own words, with the place in its source; its types are not known here.
    private static func words(of text: String) -> String {
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "its certificate is not trusted" }
        return text.hasPrefix("handshakeFailed") ? "the TLS handshake failed" : text
    }

    private static let ending = "it had not answered when the process ended"
}
