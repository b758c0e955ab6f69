import Foundation
import Glibc
import HoldfastAPI

/// Tells whoever started this process that it serves, and where: with port 0 nobody else knows.
struct ReadyFile: Codable, Sendable, Hashable {
    var listen: String
    var operations: String?
    var pid: Int32 = getpid()

    /// Written in one step, so that whoever waits for the file never reads half of it. Nil: nobody waits.
    func write(to path: String?) throws {
        guard let path else { return }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CommandFailure(
                message: "cannot write the ready file \(path): \(error.localizedDescription)",
                mend: "name a path in a folder that exists and that this user may write to", status: .cannotCreate
            ).report()
        }
    }
}
