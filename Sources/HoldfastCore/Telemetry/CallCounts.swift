/// The name of a workload or of a deployment as a small number, so that counting by names costs no text.
package struct NameMark: Sendable, Hashable {
    fileprivate var number: Int32
}

/// Names that snapshots had, each under one mark for as long as the process lives: counts outlive the snapshot that they
/// were made under, and its indices do not.
package struct NameTable: Sendable {
    /// Of a process that reads a new file every minute, weeks of new names; later ones share a mark.
    package static let most = 65_536
    /// Stands for whatever is not told apart any more. No workload, route or deployment may be named so.
    package static let rest = "*"

    private var names = [NameTable.rest]
    private var marks: [String: NameMark] = [:]

    package init() {}

    package mutating func mark(of name: String) -> NameMark {
        if let mark = marks[name] { return mark }
        guard marks.count < Self.most else { return NameMark(number: 0) }
        let mark = NameMark(number: Int32(names.count))
        names.append(name)
        marks[name] = mark
        return mark
    }

    package func name(of mark: NameMark) -> String { names[Int(mark.number)] }
}

/// How many exchanges of one route each workload began, and who answered them.
package struct CallCounts: Sendable {
    /// Pairs that are told apart for one route: a thousand workloads over five candidates. Exchanges of the others are
    /// counted together.
    package static let most = 5_000

    package struct Pair: Sendable, Hashable {
        /// Nil: there is no key, so there is no workload.
        package var workload: NameMark?
        /// Nil: nobody answered.
        package var deployment: NameMark?

        package init(workload: NameMark?, deployment: NameMark?) {
            self.workload = workload
            self.deployment = deployment
        }

        /// Both numbers in one word: hashed once for each exchange.
        fileprivate var word: UInt64 {
            UInt64(UInt32(bitPattern: workload?.number ?? -1)) << 32
                | UInt64(UInt32(bitPattern: deployment?.number ?? -1))
        }

        fileprivate init(word: UInt64) {
            func mark(_ bits: UInt64) -> NameMark? {
                let number = Int32(bitPattern: UInt32(truncatingIfNeeded: bits))
                return number < 0 ? nil : NameMark(number: number)
            }
            self.init(workload: mark(word >> 32), deployment: mark(word))
        }
    }

    private var counts: [UInt64: Int] = [:]
    /// Exchanges of pairs beyond `most`.
    package private(set) var rest = 0

    package init() {}

    package mutating func count(_ pair: Pair) {
        let word = pair.word
        if let place = counts.index(forKey: word) {
            counts.values[place] += 1
        } else if counts.count < Self.most {
            counts[word] = 1
        } else {
            rest += 1
        }
    }

    /// In no order that means anything: whoever shows them sorts by name.
    package var pairs: [(pair: Pair, count: Int)] {
        counts.sorted { $0.key < $1.key }.map { (Pair(word: $0.key), $0.value) }
    }
}
