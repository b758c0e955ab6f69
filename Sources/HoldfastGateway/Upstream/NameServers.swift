import HoldfastAPI
import HoldfastCore

/// Who answers this process's questions for names. The C library reads the same file, and reads it again when it changes.
enum NameServers {
    static let path = "/etc/resolv.conf"
    private static let longest = 64 << 10

    /// Empty: the file cannot be read, so nobody knows.
    static func read(_ path: String = path) -> [String] {
        guard case .text(let text, _) = FileReading.read(path, longest: longest) else { return [] }
        return ResolverFile.nameServers(in: text)
    }
}
