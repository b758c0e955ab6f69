import Foundation
import HoldfastAPI
import HoldfastCore

/// Watches the configuration and every file it refers to, and puts a good change into force.
///
/// It compares what `stat` says once a second instead of listening for events: that works for editors that rename, for
/// mounted volumes that swap a symbolic link, and for network file systems, none of which inotify sees reliably.
package struct ConfigurationWatch: Sendable {
    package static let interval = Duration.seconds(1)

    private struct Fingerprint: Equatable {
        var modified: Int64
        var size: Int64
        var inode: UInt64
    }

    private let path: String
    private let environment: [String: String]
    private let gateway: GatewayServer
    private let firstReferences: [String]

    package init(
        path: String, environment: [String: String], gateway: GatewayServer, referencedFiles: [String]
    ) {
        self.path = path
        self.environment = environment
        self.gateway = gateway
        firstReferences = referencedFiles
    }

    /// Until `reloads` ends, which asks for a look at once, whatever `stat` says (SIGHUP).
    package func run(reloads: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await poll() }
            for await _ in reloads { _ = load() }
            group.cancelAll()
        }
    }

    private func poll() async {
        var references = firstReferences
        var seen = fingerprints(references)
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let found = fingerprints(references)
            guard found != seen else { continue }
            references = load()
            seen = fingerprints(references)
            // As it was before it was read: a change in between is found at the next look.
            seen[path] = found[path]
        }
    }

    /// The files to watch from here on.
    private func load() -> [String] {
        do {
            let loaded = try ConfigurationFile.load(path: path, environment: environment)
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

    private func fingerprints(_ references: [String]) -> [String: Fingerprint] {
        var found: [String: Fingerprint] = [:]
        for file in [path] + references {
            var facts = stat()
            guard stat(file, &facts) == 0 else { continue }
            let modified = Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec)
            found[file] = Fingerprint(modified: modified, size: Int64(facts.st_size), inode: UInt64(facts.st_ino))
        }
        return found
    }
}
