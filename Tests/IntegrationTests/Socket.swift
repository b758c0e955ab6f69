import Foundation
import Glibc

struct SocketFailure: Error, CustomStringConvertible {
    var step: String
    var code: Int32

    var description: String { "\(step): \(String(cString: strerror(code)))" }
}

/// A TCP connection to a loopback address that never blocks: whoever waits asks again.
final class Socket: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { Glibc.close(descriptor) }

    /// - Parameter address: `127.0.0.1:PORT` or `[::1]:PORT`, as ready files tell it.
    static func connect(to address: String) throws(SocketFailure) -> Socket {
        let isIPv6 = address.hasPrefix("[")
        let socket = Glibc.socket(
            isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw SocketFailure(step: "socket", code: errno) }
        let connection = Socket(descriptor: socket)
        let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
        // A connect to a loopback address is through or refused at once, so it may block.
        let status =
            isIPv6
            ? withSocketAddress(sockaddr_in6(loopback: port)) { Glibc.connect(socket, $0, $1) }
            : withSocketAddress(sockaddr_in(loopback: port)) { Glibc.connect(socket, $0, $1) }
        guard status == 0 else { throw SocketFailure(step: "connect \(address)", code: errno) }
        return connection
    }

    /// Requests of tests are far smaller than a socket's buffer, so one call takes them whole.
    func send(_ text: String) throws(SocketFailure) {
        let bytes = Array(text.utf8)
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count == bytes.count else { throw SocketFailure(step: "send", code: errno) }
    }

    enum Received {
        case bytes([UInt8])
        case nothingYet
        case closed
        case reset
    }

    func receive() -> Received {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = bytes.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
        switch count {
        case 1...: return .bytes(Array(bytes[..<count]))
        case 0: return .closed
        default: return [EAGAIN, EINTR].contains(errno) ? .nothingYet : .reset
        }
    }

    func close() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}

/// A port of 127.0.0.1 that is taken as long as this lives.
final class TakenPort: Sendable {
    private let descriptor: Int32
    let port: Int

    init() throws(SocketFailure) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw SocketFailure(step: "socket", code: errno) }
        descriptor = socket
        guard withSocketAddress(sockaddr_in(loopback: 0), { Glibc.bind(socket, $0, $1) }) == 0, listen(socket, 1) == 0
        else { throw SocketFailure(step: "listen", code: errno) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
        }
        guard status == 0 else { throw SocketFailure(step: "getsockname", code: errno) }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { Glibc.close(descriptor) }
}

/// Whether anything accepts connections on this port of 127.0.0.1.
func isTaken(_ port: Int) -> Bool {
    (try? Socket.connect(to: "127.0.0.1:\(port)")) != nil
}

private func withSocketAddress<Address>(
    _ address: Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
    }
}

extension sockaddr_in {
    fileprivate init(loopback port: UInt16) {
        self.init()
        sin_family = sa_family_t(AF_INET)
        sin_port = port.bigEndian
        sin_addr = in_addr(s_addr: INADDR_LOOPBACK.bigEndian)
    }
}

extension sockaddr_in6 {
    fileprivate init(loopback port: UInt16) {
        self.init()
        sin6_family = sa_family_t(AF_INET6)
        sin6_port = port.bigEndian
        sin6_addr = in6addr_loopback
    }
}
