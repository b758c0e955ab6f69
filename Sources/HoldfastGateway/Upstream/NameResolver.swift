import Foundation
import HoldfastCore
import NIOCore
import NIOPosix
import Synchronization

/// Names to addresses, off the event loops, cached and shared by all of them.
///
/// getaddrinfo tells no time to live, so answers are used for `freshNanoseconds` and looked up again in the background
/// after half of it. When the resolver is gone the last answer stays in use without limit: the addresses a provider had
/// a minute ago are a far better guess than none.
final class NameResolver: Sendable {
    static let freshNanoseconds = 60 * Span.second
    /// How long a failed look-up is believed before it is asked again.
    static let failureNanoseconds = 1 * Span.second
    static let threads = 4
    /// Names in the cache; more than any configuration has providers.
    static let longest = 4_096

    private struct Entry {
        var addresses: [SocketAddress] = []
        var lookedUpAt: Instant?
        var failedAt: Instant?
        var failure: NameFailure?
        var isLookingUp = false
        var waiters: [EventLoopPromise<[SocketAddress]>] = []
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let pool: NIOThreadPool
    private let lookUp: @Sendable (String, Int) throws -> [SocketAddress]
    private let faults: FaultBoard

    init(
        faults: FaultBoard = FaultBoard(),
        lookUp: @escaping @Sendable (String, Int) throws -> [SocketAddress] = NameResolver.systemLookUp
    ) {
        self.faults = faults
        self.lookUp = lookUp
        pool = NIOThreadPool(numberOfThreads: Self.threads)
        pool.start()
    }

    func stop() {
        pool.shutdownGracefully { _ in }
    }

    /// The addresses of `host`: at once where they are known (even if old), else when the look-up ends.
    func addresses(
        host: String, port: Int, now: Instant, loop: any EventLoop
    ) -> EventLoopFuture<[SocketAddress]> {
        if let literal = try? SocketAddress(ipAddress: host, port: port) {
            return loop.makeSucceededFuture([literal])
        }
        let name = "\(host):\(port)"
        if faults.isOn, let answer = withoutServers(name, now: now) {
            return loop.makeCompletedFuture(answer.mapError { $0 as any Error })
        }
        enum Answer {
            case known([SocketAddress])
            case failed(NameFailure)
            case later(EventLoopFuture<[SocketAddress]>)
        }
        let (answer, shouldLookUp) = entries.withLock { entries -> (Answer, Bool) in
            if entries[name] == nil, entries.count >= Self.longest { entries.removeAll() }
            var entry = entries[name, default: Entry()]
            let age = entry.lookedUpAt.map { now.nanoseconds(since: $0) } ?? .max
            let hasFailedLately =
                entry.failedAt.map { now.nanoseconds(since: $0) < Self.failureNanoseconds } ?? false
            let answer: Answer
            var wantsLookUp = !entry.isLookingUp && !hasFailedLately
            if !entry.addresses.isEmpty {
                answer = .known(entry.addresses)
                wantsLookUp = wantsLookUp && age > Self.freshNanoseconds / 2
            } else if hasFailedLately, let failure = entry.failure {
                answer = .failed(failure)
            } else {
                let promise = loop.makePromise(of: [SocketAddress].self)
                entry.waiters.append(promise)
                answer = .later(promise.futureResult)
            }
            entry.isLookingUp = entry.isLookingUp || wantsLookUp
            entries[name] = entry
            return (answer, wantsLookUp)
        }
        if shouldLookUp {
            pool.submit { [self] state in
                finish(
                    name,
                    state == .active ? Result { try lookUp(host, port) } : .failure(NameFailure(reason: "stopping"))
                )
            }
        }
        switch answer {
        case .known(let addresses): return loop.makeSucceededFuture(addresses)
        case .failed(let failure): return loop.makeFailedFuture(failure)
        case .later(let future): return future
        }
    }

    /// Those that were found last, without asking anybody; empty: none were.
    func known(host: String, port: Int) -> [SocketAddress] {
        if let literal = try? SocketAddress(ipAddress: host, port: port) { return [literal] }
        return entries.withLock { $0["\(host):\(port)"]?.addresses ?? [] }
    }

    /// What is known where a drill lets no name server answer; nil: there is none, or nobody had to be asked.
    private func withoutServers(_ name: String, now: Instant) -> Result<[SocketAddress], NameFailure>? {
        guard let order = faults.order(takingOut: .resolver, now: now) else { return nil }
        let (known, lookedUpAt) = entries.withLock { ($0[name]?.addresses ?? [], $0[name]?.lookedUpAt) }
        let age = lookedUpAt.map { now.nanoseconds(since: $0) } ?? .max
        guard known.isEmpty || age > Self.freshNanoseconds / 2 else { return nil }
        faults.missed(.resolver, goesOn: !known.isEmpty, now: now)
        return known.isEmpty
            ? .failure(NameFailure(reason: "no name server answers", injectedBy: order)) : .success(known)
    }

    private func finish(_ name: String, _ result: Result<[SocketAddress], any Error>) {
        let now = MonotonicClock.read()
        let (waiters, outcome) = entries.withLock { entries in
            var entry = entries[name, default: Entry()]
            entry.isLookingUp = false
            let waiters = entry.waiters
            entry.waiters = []
            let outcome: Result<[SocketAddress], NameFailure>
            switch result {
            case .success(let addresses) where !addresses.isEmpty:
                entry.addresses = addresses
                entry.lookedUpAt = now
                entry.failedAt = nil
                outcome = .success(addresses)
            case .success:
                let failure = NameFailure(reason: "the name has no address")
                (entry.failedAt, entry.failure) = (now, failure)
                outcome = .failure(failure)
            case .failure(let error):
                let failure = error as? NameFailure ?? NameFailure(reason: "\(error)")
                (entry.failedAt, entry.failure) = (now, failure)
                outcome = .failure(failure)
            }
            entries[name] = entry
            return (waiters, outcome)
        }
        for waiter in waiters {
            waiter.completeWith(outcome.mapError { $0 as any Error })
        }
    }

    static func systemLookUp(host: String, port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else { throw NameFailure(reason: String(cString: gai_strerror(status))) }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let raw = entry.pointee.ai_addr {
                switch entry.pointee.ai_family {
                case AF_INET:
                    addresses.append(
                        raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) })
                case AF_INET6:
                    addresses.append(
                        raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) })
                default: break
                }
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }
}

struct NameFailure: Error, Sendable {
    var reason: String
    /// The order of a drill.
    var injectedBy: String?
}
