/// IP addresses as text, read strictly. The ways in which libraries stretch IPv4 (`2130706433`, `0x7f.1`, `0177.0.0.1`,
/// `127.1`) are refused: they exist today to get past guards that compare texts.
package enum AddressText {
    /// Four numbers, or nil.
    package static func ipv4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.utf8.split(separator: 0x2E, maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(ASCIIText.isDigit),
                part.count == 1 || part.first != 0x30,
                let byte = UInt8(String(decoding: part, as: UTF8.self))
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// Eight groups, or nil. No brackets and no zone.
    package static func ipv6(_ text: some StringProtocol) -> [UInt16]? {
        let text = String(text)
        guard text.utf8.count <= 45, text.contains(":") else { return nil }
        guard let gap = doubleColon(text) else {
            return groups(text[...]).flatMap { $0.count == 8 ? $0 : nil }
        }
        guard let head = groups(text[..<gap.lowerBound], allowsIPv4: false), let tail = groups(text[gap.upperBound...]),
            head.count + tail.count <= 7
        else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    /// As RFC 5952 writes it: lower case, the longest run of zeros left out.
    package static func ipv6Text(_ groups: [UInt16]) -> String {
        precondition(groups.count == 8, "an IPv6 address has 8 groups, and this has \(groups.count)")
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 {
                end += 1
            }
            if end - start > max(longest.count, 1) {
                longest = start..<end
            }
            start = max(end, start + 1)
        }
        func joined(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return joined(groups[...]) }
        return "\(joined(groups[..<longest.lowerBound]))::\(joined(groups[longest.upperBound...]))"
    }

    /// A DNS name or an address without brackets, in the one spelling that compares; nil: neither.
    package static func host(_ text: String) -> String? {
        if let groups = ipv6(text) { return ipv6Text(groups) }
        return try? BaseURL.checkedName(text[...])
    }

    /// Four plain numbers, or IPv6 without brackets.
    package static func isAddress(_ text: String) -> Bool { ipv4(text) != nil || ipv6(text) != nil }

    /// Whether `host` names this machine or a network that is nobody else's: loopback, private, link-local and unique
    /// local addresses. Names other than `localhost` are judged when they are resolved, not here.
    package static func isPrivate(_ host: String) -> Bool {
        if host == "localhost" || host.hasSuffix(".localhost") {
            return true
        }
        if let bytes = ipv4(host) {
            return isPrivate(bytes)
        }
        guard let groups = ipv6(host) else { return false }
        if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xFFFF {
            return isPrivate([groups[6], groups[7]].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
        }
        let isLoopbackOrAny = groups[..<7].allSatisfy { $0 == 0 } && groups[7] <= 1
        return isLoopbackOrAny || groups[0] & 0xFE00 == 0xFC00 || groups[0] & 0xFFC0 == 0xFE80
    }

    private static func isPrivate(_ bytes: [UInt8]) -> Bool {
        switch (bytes[0], bytes[1]) {
        case (0, _), (10, _), (127, _), (169, 254), (172, 16...31), (192, 168), (100, 64...127): true
        default: false
        }
    }

    private static func doubleColon(_ text: String) -> Range<String.Index>? {
        var place = text.startIndex
        while let colon = text[place...].firstIndex(of: ":") {
            let next = text.index(after: colon)
            if next < text.endIndex, text[next] == ":" {
                return colon..<text.index(after: next)
            }
            place = next
        }
        return nil
    }

    private static func groups(_ text: Substring, allowsIPv4: Bool = true) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if allowsIPv4, index == parts.count - 1, let bytes = ipv4(part) {
                groups.append(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
                groups.append(UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ ASCIIText.hexValue($0) != nil }),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }
}

extension ListenAddress {
    /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; the canonical spelling of the address is kept.
    package init(parsing text: String) throws(ListenAddressFault) {
        guard let colon = text.lastIndex(of: ":") else { throw .noPort }
        let (host, digits) = (text[..<colon], String(text[text.index(after: colon)...]))
        guard let port = ConfigurationUnits.integer(digits), (0...65_535).contains(port) else { throw .noPort }
        if host.hasPrefix("["), host.hasSuffix("]"), let groups = AddressText.ipv6(host.dropFirst().dropLast()) {
            self.init(host: AddressText.ipv6Text(groups), port: port)
        } else if host == "localhost" || AddressText.ipv4(host) != nil {
            self.init(host: String(host), port: port)
        } else {
            throw host.isEmpty ? .noHost : .noAddress
        }
    }
}

package enum ListenAddressFault: Error, Sendable, Hashable {
    case noPort, noHost, noAddress
}

package enum BaseURLFault: Error, Sendable, Hashable {
    case scheme, userInfo, queryOrFragment, host, oddIPv4, port, path
}

extension BaseURL {
    /// Strict on purpose: what is accepted here is where credentials are sent, so there is one spelling for each
    /// origin and nothing in it that another parser could read in another way.
    package init(parsing text: String) throws(BaseURLFault) {
        let isTLS = text.hasPrefix("https://")
        guard isTLS || text.hasPrefix("http://") else { throw .scheme }
        let rest = text.dropFirst(isTLS ? 8 : 7)
        let authority = rest.prefix { !"/?#\\".contains($0) }
        let path = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw .userInfo }
        guard !path.contains(where: { $0 == "?" || $0 == "#" }) else { throw .queryOrFragment }
        let (host, port) = try Self.hostAndPort(authority, defaultPort: isTLS ? 443 : 80)
        self.init(isTLS: isTLS, host: host, port: port, path: try Self.checkedPath(path))
    }

    private static func hostAndPort(
        _ authority: Substring, defaultPort: Int
    ) throws(BaseURLFault) -> (host: String, port: Int) {
        let host: String
        let after: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]"),
                let groups = AddressText.ipv6(authority[authority.index(after: authority.startIndex)..<end])
            else { throw .host }
            host = AddressText.ipv6Text(groups)
            after = authority[authority.index(after: end)...]
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            host = try checkedName(authority[..<end])
            after = authority[end...]
        }
        guard !after.isEmpty else { return (host, defaultPort) }
        guard after.hasPrefix(":"), let port = ConfigurationUnits.integer(String(after.dropFirst())),
            (1...65_535).contains(port)
        else { throw .port }
        return (host, port)
    }

    /// An IPv4 address or a DNS name. A name whose last label is a number is an address in disguise.
    fileprivate static func checkedName(_ text: Substring) throws(BaseURLFault) -> String {
        if AddressText.ipv4(text) != nil {
            return String(text)
        }
        let name = text.lowercased()
        let labels = name.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy(isLabel), let last = labels.last else { throw .host }
        let isHex = last.starts(with: "0x".utf8) && last.dropFirst(2).allSatisfy { ASCIIText.hexValue($0) != nil }
        guard !last.allSatisfy(ASCIIText.isDigit), !isHex else { throw .oddIPv4 }
        return name
    }

    private static func isLabel(_ label: Substring.UTF8View.SubSequence) -> Bool {
        (1...63).contains(label.count) && label.first != 0x2D && label.last != 0x2D
            && label.allSatisfy { ASCIIText.isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
    }

    private static func checkedPath(_ text: Substring) throws(BaseURLFault) -> String {
        let path = text.hasSuffix("/") ? text.dropLast() : text
        guard !path.isEmpty else { return "" }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let isLegal = segments.allSatisfy { segment in
            !segment.isEmpty && segment != "." && segment != ".."
                && segment.utf8.allSatisfy { ASCIIText.isLetterOrDigit($0) || "-._~:@!$&'()*+,;=".utf8.contains($0) }
        }
        guard path.hasPrefix("/"), isLegal, path.utf8.count <= 1_024 else { throw .path }
        return String(path)
    }
}
