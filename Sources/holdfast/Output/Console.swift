import Foundation
import Glibc

/// What a command has around it, in one value, so that tests can stand in for all of it.
struct Console: Sendable {
    var environment: [String: String]
    /// Of standard output.
    var renderer: Renderer
    /// Whether standard output is one.
    var isTerminal: Bool
    /// Milliseconds since 1970.
    var now: @Sendable () -> Int64
    var write: @Sendable (String) -> Void
    var writeError: @Sendable (String) -> Void
    /// Of standard error.
    var errorRenderer: Renderer

    /// The process's own.
    static func system() -> Console {
        let environment = ProcessInfo.processInfo.environment
        func renderer(_ descriptor: Int32) -> Renderer {
            var renderer = Terminal.renderer(for: descriptor, environment: environment)
            renderer.width = Terminal.size(of: descriptor)?.columns
            return renderer
        }
        return Console(
            environment: environment, renderer: renderer(STDOUT_FILENO), isTerminal: isatty(STDOUT_FILENO) == 1,
            now: WallClock.system.read, write: Terminal.write, writeError: Terminal.writeError,
            errorRenderer: renderer(STDERR_FILENO))
    }

    func show(_ report: Report) {
        write(report.text(renderer))
    }

    func showError(_ report: Report) {
        writeError(report.text(errorRenderer))
    }
}
