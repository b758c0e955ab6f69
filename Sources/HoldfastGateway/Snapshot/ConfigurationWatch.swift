import Foundation
package import HoldfastAPI
import HoldfastCore

/// Watches the configuration and every file it refers to, and puts a good change into force.
///
/// It compares what `stat` says once a second instead of listening for events: that works for editors that rename, for
/// mounted volumes that swap a symbolic link, and for network file systems, none of which inotify sees reliably.
package struct ConfigurationWatch: Sendable {
    package static let interval = Duration.seconds(1)
    /// A file that was seen to change is read only if it stays as it is for so long: an editor that writes in place is
    /// let finish, since half a document may be a valid one.
    static let settleTime = Duration.milliseconds(100)
    /// Looks that wait while one is at work. What a look beyond them would find, those that wait find too.
    static let longestQueue = 4

    private enum Look: Sendable {
        case routine
        /// Whatever `stat` says.
        case asked
    }

    private let path: String
    private let environment: [String: String]
    private let gateway: GatewayServer
    private let firstReferences: [String]
    private let firstMarks: FileMarks

    /// - Parameter marks: of the document and of what it refers to, taken no later than they were read, so that a change
    ///   between the reading and the first look is found.
    package init(
        path: String, environment: [String: String], gateway: GatewayServer, referencedFiles: [String],
        marks: FileMarks
    ) {
        self.path = path
        self.environment = environment
        self.gateway = gateway
        firstReferences = referencedFiles
        firstMarks = marks
    }

    /// Until `reloads` ends, which asks for a look at once (SIGHUP). One look at a time: two at once would take one
    /// edit for two generations.
    package func run(reloads: AsyncStream<Void>) async {
        let (looks, continuation) = AsyncStream.makeStream(
            of: Look.self, bufferingPolicy: .bufferingOldest(Self.longestQueue))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.interval)) != nil { continuation.yield(.routine) }
            }
            group.addTask {
                for await _ in reloads { continuation.yield(.asked) }
                continuation.finish()
            }
            await answer(looks)
            group.cancelAll()
        }
    }

    private func answer(_ looks: AsyncStream<Look>) async {
        var references = firstReferences
        var seen = firstMarks
        for await look in looks {
            let found = FileMarks(of: [path] + references)
            if case .routine = look {
                guard found != seen else { continue }
                try? await Task.sleep(for: Self.settleTime)
                guard FileMarks(of: [path] + references) == found else { continue }
            }
            references = load()
            // As they were before they were read: a change in between is found at the next look.
            seen = FileMarks(of: [path] + references, known: found)
        }
    }

    /// The files to watch from here on.
    private func load() -> [String] {
        do {
            let loaded = try ConfigurationFile.load(
                path: path, environment: environment, needsControl: false)
            do {
                try gateway.adopt(loaded)
            } catch {
                gateway.refuse(
                    ConfigurationProblems(
                        file: path,
                        problems: [
                            ConfigurationProblem(
                                line: 0, column: 0, path: "tls", message: "\(error)",
                                mend: "check that certificate and key are PEM and belong together")
                        ], isUnreadable: false, referencedFiles: loaded.referencedFiles))
            }
            return loaded.referencedFiles
        } catch {
            gateway.refuse(error)
            return error.referencedFiles
        }
    }
}
