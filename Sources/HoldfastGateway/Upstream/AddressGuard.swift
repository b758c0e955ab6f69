import NIOCore

/// Whether a resolved address may be connected to for a provider on the public network. It judges socket addresses and
/// never strings, since a name or an odd spelling can lead to loopback just as well (127.1, 0x7f.1, a hostile DNS).
enum AddressGuard {
    static func isPublic(_ address: SocketAddress) -> Bool {
        let bytes = address.addressBytes
        return switch bytes.count {
        case 4: isPublic(v4: bytes[...])
        case 16: isPublic(v6: bytes)
        default: false
        }
    }

    /// Blocks of the IANA special-purpose registry that no provider on the internet can have.
    private static let privateV4: [(network: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
        (0xAC10_0000, 12), (0xC000_0000, 24), (0xC0A8_0000, 16), (0xC612_0000, 15), (0xE000_0000, 3),
    ]

    private static func isPublic(v4 bytes: ArraySlice<UInt8>) -> Bool {
        let address = bytes.reduce(0) { $0 << 8 | UInt32($1) }
        return !privateV4.contains { address >> (32 - $0.bits) == $0.network >> (32 - $0.bits) }
    }

    private static func isPublic(v6 bytes: [UInt8]) -> Bool {
        let embedsV4 =
            bytes.prefix(10).allSatisfy { $0 == 0 } && (bytes[10] == 0xFF && bytes[11] == 0xFF)
            || (bytes[0] == 0x00 && bytes[1] == 0x64 && bytes[2] == 0xFF && bytes[3] == 0x9B)
        if embedsV4 {
            return isPublic(v4: bytes[12..<16])
        }
        // 6to4: a relay, or this machine, unwraps the IPv4 address in it.
        if bytes[0] == 0x20, bytes[1] == 0x02 {
            return isPublic(v4: bytes[2..<6])
        }
        // Global unicast is 2000::/3; loopback, unique local, link local, site local and multicast lie outside it.
        // 2001:db8::/32 is documentation.
        let isDocumentation = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8
        return bytes[0] & 0xE0 == 0x20 && !isDocumentation
    }
}

extension SocketAddress {
    /// Four or sixteen bytes in network order; none of a Unix socket. Read by their place in the C structure, because
    /// which module declares its fields depends on what else the compiler has loaded before.
    var addressBytes: [UInt8] {
        withSockAddr { pointer, size in
            let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
            return switch self {
            case .v4: Array(bytes[4..<8])
            case .v6: Array(bytes[8..<24])
            case .unixDomainSocket: []
            }
        }
    }
}
