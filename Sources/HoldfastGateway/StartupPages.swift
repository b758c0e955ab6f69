import Foundation
import Glibc

/// The pages of the executable file that only the start needed: argument parsing, YAML, the linker's own tables.
///
/// Everything is linked into one file, and the kernel maps sixteen pages of it wherever one is touched, so that most of
/// what a fresh process holds resident is code that never runs again. It is clean and belongs to the file: to let go of
/// it is to unmap it, and what does run is mapped again from the page cache, a few dozen minor faults in all.
package enum StartupPages {
    /// To be called once, when the process serves. Where it cannot be done nothing is lost but the memory.
    package static func release() {
        guard let maps = try? String(contentsOfFile: "/proc/self/smaps", encoding: .utf8),
            let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        else { return }
        for range in cleanRanges(of: executable, in: maps) {
            _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// Where the file is mapped and nothing was ever written. What is read-only now may have been written to before, as
    /// the tables that the linker relocates are: those would be read anew from the file, as they never were in memory.
    ///
    /// - Parameter maps: as `/proc/self/smaps` has them: a line for each mapping, and its figures on the lines after it.
    static func cleanRanges(of executable: String, in maps: String) -> [Range<UInt>] {
        var found: [Range<UInt>] = []
        var mapping: Range<UInt>?
        for line in maps.split(separator: "\n") {
            if let header = header(line) {
                mapping = header.path == executable && !header.isWritable ? header.range : nil
            } else if line.hasPrefix("Anonymous:"), let range = mapping {
                if line.split(separator: " ").dropFirst().first == "0" { found.append(range) }
                mapping = nil
            }
        }
        return found
    }

    /// Such as `55d0c0a00000-55d0c2600000 r-xp 00a00000 fe:00 1234   /usr/bin/holdfast`.
    private static func header(_ line: Substring) -> (range: Range<UInt>, isWritable: Bool, path: String)? {
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count >= 5, !fields[0].hasSuffix(":") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        let path = fields.count == 6 ? fields[5].trimmingCharacters(in: .whitespaces) : ""
        return (ends[0]..<ends[1], fields[1].contains("w"), path)
    }
}
