import ArgumentParser
import HoldfastAPI

/// Why a command ends: a message for people, the mend, and the exit code for scripts.
struct CommandFailure: Error {
    var message: String
    var mend: String
    var status: ExitStatus

    /// What a command prints on standard error.
    var text: String {
        "holdfast: \(PlainText.visible(message))\n  mend: \(PlainText.visible(mend))\n"
    }

    /// Prints itself and turns into the code the process ends with.
    func report() -> ExitCode {
        Terminal.writeError(text)
        return ExitCode(status.rawValue)
    }
}
