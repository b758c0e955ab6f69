/// An order of small integers, each in it at most once: to put one last, to take one out and to see the first are a few
/// assignments each, however many there are. A doubly linked list whose links stand in arrays, so that it is a value.
struct SlotOrder: Sendable {
    private static let none = -1

    private struct Links: Sendable {
        var before = SlotOrder.none
        var after = SlotOrder.none
        var isIn = false
    }

    private var links: [Links] = []
    private var head = SlotOrder.none
    private var tail = SlotOrder.none

    var first: Int? { head == Self.none ? nil : head }

    mutating func append(_ slot: Int) {
        while links.count <= slot { links.append(Links()) }
        precondition(!links[slot].isIn, "slot \(slot) is in the order already")
        links[slot] = Links(before: tail, after: Self.none, isIn: true)
        if tail == Self.none { head = slot } else { links[tail].after = slot }
        tail = slot
    }

    /// Does nothing where it is not in.
    mutating func remove(_ slot: Int) {
        guard slot < links.count, links[slot].isIn else { return }
        let link = links[slot]
        if link.before == Self.none { head = link.after } else { links[link.before].after = link.after }
        if link.after == Self.none { tail = link.before } else { links[link.after].before = link.before }
        links[slot] = Links()
    }
}
