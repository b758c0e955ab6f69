import Crypto
import Foundation
import HoldfastCore
import NIOCore

/// Who asks: a key with its workload, or anybody where the configuration has no keys (loopback only).
struct Principal {
    var key: KeyState?
    var workload: Workload?
    /// This gateway itself, for a drill.
    var isProbe = false

    static let probe = Principal(workload: DrillProber.workload, isProbe: true)

    var criticality: Criticality { workload?.criticality ?? .standard }

    func mayUse(route: Int) -> Bool {
        workload?.routes?.contains(route) ?? true
    }

    var mayUseDirectModels: Bool {
        workload?.allowsDirectModels ?? true
    }
}

enum Authentication {
    /// Same work and same answer whether the key is unknown or wrong: a miss is compared with a digest that no key has.
    ///
    /// - Parameter remembered: what was right before on the same connection. It is compared in plain time, which tells
    ///   its peer nothing that it did not send itself.
    static func authenticate(
        _ headers: RequestHeaders, _ inForce: InForce, remembered: inout Remembered?
    ) -> Result<Principal, ClientError> {
        guard inForce.snapshot.asksForKeys else { return .success(Principal(key: nil, workload: nil)) }
        guard !headers.hasTwoAuthorizations else { return .failure(.unauthorized) }
        if let remembered, remembered.inForce === inForce, remembered.authorization == headers.authorization,
            remembered.apiKey == headers.apiKey
        {
            return .success(remembered.principal)
        }
        let result = check(headers, inForce)
        remembered = (try? result.get()).map {
            Remembered(
                inForce: inForce, authorization: headers.authorization, apiKey: headers.apiKey, principal: $0)
        }
        return result
    }

    /// A key that was right under one snapshot.
    struct Remembered {
        fileprivate let inForce: InForce
        fileprivate let authorization: String?
        fileprivate let apiKey: String?
        fileprivate let principal: Principal
    }

    private static func check(_ headers: RequestHeaders, _ inForce: InForce) -> Result<Principal, ClientError> {
        let bearer = headers.authorization.flatMap(token)
        if let bearer, let apiKey = headers.apiKey, bearer != apiKey[...] { return .failure(.twoKeys) }
        guard headers.authorization == nil || bearer != nil,
            let text = bearer ?? headers.apiKey.map({ $0[...] }),
            let parts = KeyText(text), parts.kind == .client
        else { return .failure(.unauthorized) }
        let state = inForce.key(id: parts.id)
        let digest = SHA256.hash(data: Array(text.utf8))
        let isRight = equalsInConstantTime(digest, state?.key.digest ?? Self.nobody)
        guard isRight, let state else { return .failure(.unauthorized) }
        return .success(Principal(key: state, workload: inForce.snapshot.workloads[state.key.workload]))
    }

    private static let nobody = [UInt8](repeating: 0, count: SHA256.byteCount)

    private static func token(_ authorization: String) -> Substring? {
        guard authorization.utf8.count > 7, String(authorization.prefix(7)).isFolded("bearer ") else { return nil }
        return authorization.dropFirst(7)
    }

    private static func equalsInConstantTime(_ digest: SHA256.Digest, _ expected: [UInt8]) -> Bool {
        var difference: UInt8 = expected.count == SHA256.byteCount ? 0 : 1
        for (left, right) in zip(digest, expected) { difference |= left ^ right }
        return difference == 0
    }
}

extension SocketAddress {
    var isLoopback: Bool {
        guard let text = ipAddress else { return true }
        return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
    }
}
