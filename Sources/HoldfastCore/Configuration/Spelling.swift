/// The name that was probably meant. Distance is Damerau's in its restricted form (insertion, deletion, substitution,
/// swap of neighbours), after case, hyphens and underscores are put aside, so that `baseUrl` finds `base_url`.
enum Spelling {
    /// Bytes; longer names are not compared, which bounds the work a strange document can cause.
    private static let longest = 80

    static func nearest(to name: String, among candidates: [String]) -> String? {
        let wanted = folded(name)
        guard wanted.count <= longest else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = folded(candidate)
            guard other.count <= longest else { continue }
            let allowed = max(1, min(wanted.count, other.count) / 3)
            guard abs(wanted.count - other.count) <= allowed else { continue }
            let found = distance(wanted, other)
            if found <= allowed, found < best?.distance ?? .max {
                best = (candidate, found)
            }
        }
        return best?.name
    }

    private static func folded(_ name: String) -> [UInt8] {
        name.lowercased().utf8.filter { $0 != 0x2D && $0 != 0x5F }
    }

    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var older: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var latest = [row + 1]
            for column in right.indices {
                let change = previous[column] + (left[row] == right[column] ? 0 : 1)
                var least = min(change, previous[column + 1] + 1, latest[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    least = min(least, older[column - 1] + 1)
                }
                latest.append(least)
            }
            older = previous
            previous = latest
        }
        return previous[right.count]
    }
}
