/// Which of the snapshots that reach a gateway it adopts: only one with a higher number than any before.
///
/// They come late, twice and out of order, since whoever sends one does not know what arrived. To go back to an older
/// content is therefore a new number with that content; an old number again is an old message, and never an order.
///
/// What it does not know: whether the numbers before were all seen. They need not be, because each snapshot is complete.
package struct SnapshotSequence: Sendable, Hashable {
    /// The number of the snapshot in force.
    package private(set) var inForce: UInt64

    package init(inForce: UInt64) {
        self.inForce = inForce
    }

    /// Whether the snapshot of this number is to be adopted. It counts as in force from here on.
    package mutating func adopts(_ number: UInt64) -> Bool {
        guard number > inForce else { return false }
        inForce = number
        return true
    }
}
