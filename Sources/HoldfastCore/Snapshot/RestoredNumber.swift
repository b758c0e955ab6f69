/// Under which number a management plane goes on that was restored from a backup.
///
/// Gateways adopt only higher numbers (`SnapshotSequence`), and they may have snapshots that were made after the backup:
/// under the next number they would refuse whatever is published, in silence, until the numbers had caught up, and two
/// snapshots would go by one number. So the numbers jump. A new key, and with it a new origin, was rejected: every gateway
/// would have to be enrolled again, in the very hour of the outage.
///
/// How far, nobody can know where the place of the old one is lost. A number is at least the seconds since 1970: as long as
/// fewer than one generation a second is made on average, no number before this restore was higher, and a second restore
/// from the same backup comes after the first. Where the clock is wrong, the room of a million is left, which is two
/// generations a minute for a year.
package enum RestoredNumber {
    package static let room: UInt64 = 1_000_000
    /// What a store of signed numbers holds, and still as much again to go on from.
    package static let most = UInt64(Int64.max) / 2

    /// - Parameters:
    ///   - newest: in the backup; 0: none.
    ///   - replaced: the newest in the place that is replaced; 0 where that is not known.
    ///   - nowMilliseconds: wall clock, since 1970.
    package static func first(newest: UInt64, replaced: UInt64, nowMilliseconds: Int64) -> UInt64 {
        let (next, overflow) = max(newest, replaced).addingReportingOverflow(room)
        let seconds = UInt64(max(nowMilliseconds, 0)) / 1_000
        return min(max(overflow ? most : next, seconds), most)
    }
}
