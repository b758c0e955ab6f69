/// Which of the exchanges that ended lately a gateway tells of, where there are more than it may: a busy one has thousands
/// between two reports, and the few that went wrong among them are those that somebody will look for.
package enum ReceiptChoice {
    /// - Parameters:
    ///   - notable: of each, the newest first: it did not go as it does on a good day.
    ///   - most: half of them are kept for notable ones; the rest is for the newest, whatever became of them.
    /// - Returns: places in `notable`, ascending.
    package static func places(notable: [Bool], most: Int) -> [Int] {
        guard notable.count > most else { return Array(notable.indices) }
        var isChosen = [Bool](repeating: false, count: notable.count)
        var left = max(most, 0)
        for place in notable.indices where notable[place] && left > most / 2 {
            isChosen[place] = true
            left -= 1
        }
        for place in notable.indices where !isChosen[place] && left > 0 {
            isChosen[place] = true
            left -= 1
        }
        return isChosen.indices.filter { isChosen[$0] }
    }
}
