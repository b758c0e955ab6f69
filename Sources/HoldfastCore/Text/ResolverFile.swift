/// `/etc/resolv.conf`, as resolv.conf(5) and the resolver of the C library read it.
package enum ResolverFile {
    /// The resolver asks no more than these.
    package static let mostServers = 3
    /// A file that names none means the machine itself.
    package static let unnamedServer = "127.0.0.1"

    /// Who is asked for names, in turn.
    package static func nameServers(in text: String) -> [String] {
        let found = text.split(separator: "\n").compactMap { line -> String? in
            // The keyword begins the line; what follows the address means nothing.
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard line.hasPrefix("nameserver"), words.count >= 2, words[0] == "nameserver" else { return nil }
            return isAddress(words[1]) ? String(words[1]) : nil
        }
        return found.isEmpty ? [unnamedServer] : Array(found.prefix(mostServers))
    }

    /// An IP address, one of IPv6 perhaps with the link that it is on, such as `fe80::1%eth0`.
    package static func isAddress(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return AddressText.ipv4(text) != nil || AddressText.ipv6(text) != nil }
        return AddressText.ipv6(parts[0]) != nil && (1...15).contains(parts[1].utf8.count)
            && parts[1].utf8.allSatisfy { ASCIIText.isLetterOrDigit($0) || "._-".utf8.contains($0) }
    }
}
