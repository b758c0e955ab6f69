import Foundation

/// What this process holds of memory, and what it may hold. Nil where the system does not say.
enum ProcessMemory {
    static func residentBytes() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * sysconfPageBytes } : nil
    }

    /// The control group's bound, by either version of the interface; whoever passes it is killed.
    static func boundBytes() -> Int? {
        for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8),
                let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
            else { continue }
            // "Unlimited" is spelled as the largest number that the kernel can count to.
            return bytes < 1 << 50 ? bytes : nil
        }
        return nil
    }

    private static let sysconfPageBytes = sysconf(Int32(_SC_PAGESIZE))
}
