import AsyncHTTPClient
import Glibc
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request to a receiver.
struct NoticeRequest: Sendable {
    var url: String
    var authorization: Secret?
    var contentType: String
    var body: String
}

/// Speaks to receivers, on a thread of its own. Whoever makes it ends it with `shutDown`.
///
/// What it says of a failure is for people to read and never holds an address or a credential: a redirect's target or an
/// answer's text may be one.
struct NotificationClient: Sendable {
    private static let connectTimeout = TimeAmount.seconds(5)
    static let requestTimeout = TimeAmount.seconds(10)
    /// Of an answer, which is read to its end so that the connection can be used again, and thrown away.
    private static let longestAnswer = 64 << 10

    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient
    private let agent: String

    init(version: String) {
        agent = "holdfast/\(version)"
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

    func post(_ notice: NoticeRequest) async -> DeliveryQueue<Notifications.Item>.Outcome {
        var request = HTTPClientRequest(url: notice.url)
        request.method = .POST
        request.headers.add(name: "content-type", value: notice.contentType)
        request.headers.add(name: "user-agent", value: agent)
        if let authorization = notice.authorization {
            request.headers.add(name: "authorization", value: authorization.reveal())
        }
        request.body = .bytes(ByteBuffer(string: notice.body))
        do {
            let response = try await client.execute(request, timeout: Self.requestTimeout)
            _ = try? await response.body.collect(upTo: Self.longestAnswer)
            return Self.outcome(
                Int(response.status.code), retryAfter: response.headers.first(name: "retry-after"))
        } catch {
            return .failed(Self.reason(error), isFinal: false, retryAfterNanoseconds: nil)
        }
    }

    /// Answers that may be others the next time; whatever else is said of this body will be said of it again.
    private static let passing: Set<Int> = [401, 403, 404, 407, 408, 425, 429]

    static func outcome(_ status: Int, retryAfter: String?) -> DeliveryQueue<Notifications.Item>.Outcome {
        switch status {
        case 200..<300: return .taken
        case 300..<400:
            return .failed(
                "it answered \(status), and redirects are not followed: name the address itself", isFinal: false,
                retryAfterNanoseconds: nil)
        default:
            let wait = retryAfter.flatMap { Int64($0) }.flatMap { 0...3_600 ~= $0 ? $0 * Span.second : nil }
            return .failed(
                "it answered \(status)", isFinal: status < 500 && !passing.contains(status),
                retryAfterNanoseconds: wait)
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .readTimeout, .deadlineExceeded: "no answer in time"
            case .remoteConnectionClosed: "it closed the connection"
            case .cancelled: "it had not answered when the process ended"
            default: "the request failed"
            }
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "its name has no address"
        case let error as IOError where error.errnoCode != 0: String(cString: strerror(error.errnoCode))
        case is CancellationError: "it had not answered when the process ended"
        default:
            // The library of TLS has types that are not known here.
            "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
                ? "its certificate is not trusted" : "the connection or its TLS handshake failed"
        }
    }
}
