import Foundation
import Glibc
import HoldfastAPI

/// `WholeFile` for the store's own files, with the store's failures.
enum DurableFile {
    static func write(_ bytes: Data, to path: String, mode: mode_t) throws(StoreFailure) {
        do {
            try WholeFile.write(bytes, to: path, mode: mode)
        } catch {
            throw StoreFailure(error)
        }
    }

    static func syncFolder(of path: String) throws(StoreFailure) {
        do {
            try WholeFile.syncFolder(of: path)
        } catch {
            throw StoreFailure(error)
        }
    }

    /// What `errno` says, before anything else changes it.
    static func failure(_ path: String, closing descriptor: Int32? = nil) -> StoreFailure {
        StoreFailure(WholeFile.failure(path, closing: descriptor))
    }
}

extension StoreFailure {
    fileprivate init(_ failure: WholeFile.Failure) {
        self.init(failure.reason, mend: failure.mend)
    }
}
