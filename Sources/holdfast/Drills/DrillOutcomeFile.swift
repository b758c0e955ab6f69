import Foundation
import HoldfastAPI

/// What became of `holdfast drill run`, for whoever comes after it and did not start it: an experiment of the Chaos Toolkit
/// asks its hypothesis before and after, and cannot tell the two apart.
///
/// It is there as soon as the command has begun, and says the worst until it is known better: a drill that never began, or
/// whose end nobody saw, is not one that has passed.
struct DrillOutcomeFile: Codable, Equatable {
    /// Nil: it has not begun.
    var drill: String?
    /// As the command has ended.
    var status: Int32

    /// Nil where there is none. One that cannot be read says that nobody knows.
    static func read(_ path: String) -> DrillOutcomeFile? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let found = FileManager.default.contents(atPath: path)
            .flatMap { try? APICoding.decode(DrillOutcomeFile.self, from: $0) }
        return found ?? DrillOutcomeFile(drill: nil, status: ExitStatus.inconclusive.rawValue)
    }

    func write(_ path: String) throws(CommandFailure) {
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: APICoding.encode(self), attributes: [.posixPermissions: 0o600])
        guard isWritten else {
            throw CommandFailure(
                message: "\(path) cannot be written", mend: "check the folder, the space and the permissions",
                status: .cannotCreate)
        }
    }
}
