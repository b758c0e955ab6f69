import Foundation
import Glibc

/// Puts one folder in the place of another, and keeps the other.
enum FolderSwitch {
    /// In one step where the file system can: between two steps there would be no data directory at all, and a management
    /// plane that starts then makes a new one, with a key that no gateway knows.
    ///
    /// - Parameters:
    ///   - new: goes to `place`.
    ///   - kept: where what was in `place` goes; must not exist. Beside it, all three.
    ///   - isDone: set once `place` is the new one, also where it throws after that.
    static func put(
        _ new: String, in place: String, keeping kept: String, isDone: inout Bool
    ) throws(StoreFailure) {
        if exchange(new, place) {
            isDone = true
            // From here on `new` is the name of the old one.
            guard rename(new, kept) == 0 else { throw failure(new) }
        } else {
            guard rename(place, kept) == 0 else { throw failure(place) }
            guard rename(new, place) == 0 else {
                let failed = failure(new)
                _ = rename(kept, place)
                throw failed
            }
            isDone = true
        }
        try DurableFile.syncFolder(of: place)
    }

    private typealias Rename =
        @convention(c) (
            Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
        ) -> Int32

    /// `renameat2`, which the C library has and its module does not show. False: it cannot be done here.
    private static func exchange(_ first: String, _ second: String) -> Bool {
        guard let symbol = dlsym(nil, "renameat2") else { return false }
        let both: UInt32 = 2
        return unsafeBitCast(symbol, to: Rename.self)(AT_FDCWD, first, AT_FDCWD, second, both) == 0
    }

    private static func failure(_ path: String) -> StoreFailure {
        guard errno == EBUSY || errno == EXDEV else { return DurableFile.failure(path) }
        return StoreFailure(
            "\(path) cannot be renamed: it is where a file system is mounted",
            mend: "restore into a folder inside of it, and start holdfast control with --data on that")
    }
}
