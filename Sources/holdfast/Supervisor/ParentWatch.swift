import Foundation
import Glibc

/// Ends this process when the process that started it is gone, however it went.
///
/// The parent holds the writing end of a pipe and its children the reading end. The kernel closes the writing end
/// with the parent, also after SIGKILL, and the children read the end of the file. PR_SET_PDEATHSIG would be shorter
/// but fires when the parent's *thread* ends, and threads of a pool do. The reader raises SIGTERM in its own process,
/// so that an orphan drains as it would have for its parent.
enum ParentWatch {
    /// Names the descriptor to watch. Set by `holdfast up` for its children; nobody else needs it.
    static let variable = "HOLDFAST_PARENT_PIPE"

    static func startIfAsked(environment: [String: String]) {
        guard let descriptor = environment[variable].flatMap({ Int32($0) }), descriptor >= 0 else { return }
        // Not for the children of this process: the pipe says nothing about them.
        unsetenv(variable)
        Thread.detachNewThread { waitForEnd(of: descriptor) }
    }

    private static func waitForEnd(of descriptor: Int32) {
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count == 0 { break }
            if count < 0 && errno != EINTR {
                // Not a readable descriptor: the watch was asked for by mistake, and ending would be worse.
                return
            }
        }
        kill(getpid(), SIGTERM)
    }
}
