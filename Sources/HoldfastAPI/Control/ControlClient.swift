import AsyncHTTPClient
package import Foundation
package import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Why the management plane did not do what it was asked.
package enum ControlFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody answered there.
    case unreachable(String)
    /// It said no, in its own words.
    case refused(ProblemView)
    /// It answered, and not as the management plane does.
    case unreadable(String)

    package var description: String {
        switch self {
        case .unreachable(let reason), .unreadable(let reason): reason
        case .refused(let problem): problem.detail
        }
    }

    package var mend: String {
        switch self {
        case .unreachable: "check the address, and that holdfast control runs there; gateways serve on without it"
        case .refused(let problem): problem.mend
        case .unreadable: "check that the address is that of holdfast control's listener (control.listen)"
        }
    }

    /// What it asked for before the next request.
    package var retryAfterNanoseconds: Int64? {
        guard case .refused(let problem) = self else { return nil }
        return problem.retryAfter.map { Int64($0) * Span.second }
    }
}

/// The management plane's API, as everything of ours that is not the management plane itself speaks to it.
///
/// It owns one thread of its own, so that nothing it waits for is ever waited for by an exchange. Whoever makes it ends
/// it with `shutDown`.
package final class ControlClient: Sendable {
    private static let connectTimeout = TimeAmount.seconds(2)
    /// Seconds for one request.
    package static let usualPatience: Int64 = 10
    /// A signed snapshot in base64, and something beside it.
    private static let longestAnswer = SnapshotAcceptance.mostBytes * 3 / 2

    /// Where it is, and what opens it.
    package struct Target: Sendable {
        /// Such as `http://127.0.0.1:8090`, without a slash at the end.
        package var base: String
        package var token: Secret

        package init(base: String, token: Secret) {
            self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
            self.token = token
        }
    }

    private let target: @Sendable () throws(ControlFailure) -> Target
    private let group: MultiThreadedEventLoopGroup
    private let client: HTTPClient
    private let patience: TimeAmount
    /// For answers that do not end, and may be silent for longer than any other.
    private let streams: HTTPClient

    package convenience init(base: String, token: Secret, patienceSeconds: Int64 = usualPatience) {
        let target = Target(base: base, token: token)
        self.init(patienceSeconds: patienceSeconds) { target }
    }

    /// - Parameters:
    ///   - patienceSeconds: for the head of an answer, and between two parts of it.
    ///   - target: asked before each request, so that a token that was replaced, or a listener that has moved, needs no
    ///     restart.
    package init(
        patienceSeconds: Int64 = usualPatience, _ target: @escaping @Sendable () throws(ControlFailure) -> Target
    ) {
        self.target = target
        patience = .seconds(patienceSeconds)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: Self.connectTimeout, read: patience))
        configuration.httpVersion = .http1Only
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        configuration.timeout.read = Self.streamTimeout
        streams = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// For a start that failed half-way: whoever serves calls `shutDown` and waits for it.
    deinit {
        client.shutdown { [group, streams] _ in streams.shutdown { _ in group.shutdownGracefully { _ in } } }
    }

    package func shutDown() async {
        try? await client.shutdown()
        try? await streams.shutdown()
        try? await group.shutdownGracefully()
    }

    // MARK: - Asking

    package struct Answer: Sendable {
        package var status: Int
        package var body: Data
        /// The newest generation, where the answer names it; for `ifMatch`.
        package var generation: UInt64?
        /// Somebody looks on, so the next report is to tell more: see `FiguresView`.
        package var isWatched = false
    }

    /// Of an answer to a report.
    package static let watchedHeader = "x-holdfast-watched"

    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    /// - Parameters:
    ///   - path: with its query, percent-encoded.
    ///   - ifMatch: the generation that the change is meant for.
    package func ask(
        _ method: Method, _ path: String, body: Data? = nil, ifMatch: UInt64? = nil
    ) async throws(ControlFailure) -> Answer {
        let target = try target()
        var request = Self.request(method, path, target)
        if let ifMatch { request.headers.add(name: "if-match", value: "\"\(ifMatch)\"") }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let answer = try await exchange(request, with: target.base)
        guard !(200..<300).contains(answer.status) else { return answer }
        throw Self.refusal(answer, from: target.base)
    }

    private static func request(_ method: Method, _ path: String, _ target: Target) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: target.base + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "authorization", value: "Bearer \(target.token.reveal())")
        return request
    }

    private static func refusal(_ answer: Answer, from base: String) -> ControlFailure {
        guard var problem = try? APICoding.decode(ProblemView.self, from: answer.body) else {
            return .unreadable("\(base) answered \(answer.status) without saying why")
        }
        problem.status = answer.status
        return .refused(problem)
    }

    /// Between two pieces of a stream: three heartbeats that did not come.
    private static let streamTimeout = TimeAmount.seconds(45)

    /// An answer that does not end, piece by piece, until the other side ends it.
    func stream(
        _ path: String, accepting type: String, _ each: (ByteBufferView) async -> Void
    ) async throws(ControlFailure) {
        let target = try target()
        var request = Self.request(.get, path, target)
        request.headers.add(name: "accept", value: type)
        do {
            // No deadline for the whole: the client's own bound on silence ends it.
            let response = try await streams.execute(request, deadline: .distantFuture)
            let status = Int(response.status.code)
            guard (200..<300).contains(status) else {
                let body = try await response.body.collect(upTo: Self.longestAnswer)
                throw Self.refusal(
                    Answer(status: status, body: Data(body.readableBytesView), generation: nil), from: target.base)
            }
            for try await piece in response.body { await each(piece.readableBytesView) }
        } catch let failure as ControlFailure {
            throw failure
        } catch {
            throw .unreachable("\(target.base) does not answer: \(Self.reason(error))")
        }
    }

    private func exchange(_ request: HTTPClientRequest, with base: String) async throws(ControlFailure) -> Answer {
        do {
            let response = try await client.execute(request, timeout: patience)
            let body = try await response.body.collect(upTo: Self.longestAnswer)
            let tag = response.headers.first(name: "etag")?.trimmingCharacters(in: ["\""])
            return Answer(
                status: Int(response.status.code), body: Data(body.readableBytesView),
                generation: tag.flatMap { UInt64($0) },
                isWatched: response.headers.first(name: Self.watchedHeader) == "true")
        } catch is NIOTooManyBytesError {
            throw .unreadable("\(base) answered with more than \(Self.longestAnswer) bytes")
        } catch {
            throw .unreachable("\(base) does not answer: \(Self.reason(error))")
        }
    }

    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .readTimeout, .deadlineExceeded: "no answer in time"
            case .remoteConnectionClosed: "it closed the connection"
            default: "\(error)"
            }
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "its name has no address"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case is CancellationError: "nobody waits for it any more"
        default: "\(error)"
        }
    }

    func read<View: Decodable>(_ type: View.Type, _ answer: Answer) throws(ControlFailure) -> View {
        do {
            return try APICoding.decode(type, from: answer.body)
        } catch {
            throw .unreadable("the management plane answered with what this version cannot read")
        }
    }

    package func get<View: Decodable>(_ path: String, as type: View.Type) async throws(ControlFailure) -> View {
        try read(type, try await ask(.get, path))
    }

    package func post<View: Decodable>(
        _ path: String, _ body: some Encodable & Sendable, ifMatch: UInt64? = nil, as type: View.Type
    ) async throws(ControlFailure) -> View {
        try read(type, try await ask(.post, path, body: APICoding.encode(body), ifMatch: ifMatch))
    }

    // MARK: - Gateways

    /// What a gateway hears when it reports.
    package struct Pulled: Sendable {
        /// That it is to have; nil: it has it.
        package var snapshot: SignedSnapshot?
        /// The next report is to have figures and receipts.
        package var isWatched: Bool
    }

    /// Reports, and takes the snapshot that the gateway is to have.
    package func pull(_ report: GatewayReportView) async throws(ControlFailure) -> Pulled {
        let answer = try await ask(.post, "/v1/pull", body: APICoding.encode(report))
        return Pulled(
            snapshot: answer.status == 204 ? nil : try read(SignedSnapshot.self, answer), isWatched: answer.isWatched)
    }
}
