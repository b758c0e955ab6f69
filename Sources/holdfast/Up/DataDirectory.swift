import Foundation
import Glibc
import HoldfastAPI
import HoldfastControl

/// Where `holdfast up` keeps what it writes. One process at a time: two would overwrite each other's document.
struct DataDirectory: Sendable {
    let path: String

    var document: String { path + "/embedded.yaml" }
    var accessLog: String { path + "/access.log" }

    /// Each plane has a folder of its own, and only what they are told to share passes between them.
    var control: String { path + "/control" }
    var gateway: String { path + "/gateway" }
    /// What opens the management plane to the gateway, and what the gateway believes it by.
    var gatewayToken: String { gateway + "/node.token" }
    var trustedKey: String { "\(control)/\(SigningKey.publicFileName)" }

    func readyFile(of child: String) -> String {
        "\(path)/run/\(child).json"
    }

    /// `--data`, else `$XDG_STATE_HOME/holdfast`, else `~/.local/state/holdfast`. A relative XDG_STATE_HOME is
    /// ignored, as the XDG base directory specification asks.
    static func path(option: String?, environment: [String: String], workingDirectory: String) -> String? {
        if let option {
            return option.hasPrefix("/") ? option : workingDirectory + "/" + option
        }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            return state + "/holdfast"
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return home + "/.local/state/holdfast"
    }

    static func open(
        option: String?, environment: [String: String]
    ) throws(CommandFailure) -> (directory: DataDirectory, lock: DataLock) {
        let working = FileManager.default.currentDirectoryPath
        guard let path = path(option: option, environment: environment, workingDirectory: working) else {
            throw CommandFailure(
                message: "there is no place for the data directory, because HOME is not set",
                mend: "name one with --data DIR", status: .cannotCreate)
        }
        // Whatever is written from here on is for this user alone.
        umask(0o077)
        do {
            try FileManager.default.createDirectory(
                atPath: path + "/run", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                message: "the data directory \(path) cannot be made: \(error.localizedDescription)",
                mend: "name another one with --data DIR", status: .cannotCreate)
        }
        let directory = DataDirectory(path: path)
        let lock = try DataLock.take(path + "/up.lock")
        try directory.makePlanes()
        return (directory, lock)
    }

    /// The key is made here where there is none yet, so that the gateway knows what to believe before the management
    /// plane has started.
    private func makePlanes() throws(CommandFailure) {
        do {
            for folder in [control, gateway] {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
            _ = try SigningKey.open(in: control)
        } catch {
            let failure = error as? StoreFailure
            throw CommandFailure(
                message: failure?.reason ?? "the data directory \(path) cannot be made: \(error.localizedDescription)",
                mend: failure?.mend ?? "name another one with --data DIR", status: .cannotCreate)
        }
    }

    func write(document text: String) throws(CommandFailure) {
        do {
            // Atomic: a gateway that watches the file never reads half of it.
            try Data(text.utf8).write(to: URL(fileURLWithPath: document), options: .atomic)
        } catch {
            throw CommandFailure(
                message: "\(document) cannot be written: \(error.localizedDescription)",
                mend: "check the space and the permissions there, or name another folder with --data DIR",
                status: .cannotCreate)
        }
    }

    /// Nil until the child has written it.
    func ready(_ child: String) -> ReadyFile? {
        guard let text = FileManager.default.contents(atPath: readyFile(of: child)) else { return nil }
        return try? JSONDecoder().decode(ReadyFile.self, from: text)
    }
}

/// Held until the process ends; the kernel lets go of it then, however the process ended.
struct DataLock: Sendable {
    private let descriptor: Int32

    static func take(_ path: String) throws(CommandFailure) -> DataLock {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                message: "\(path) cannot be opened: \(String(cString: strerror(errno)))",
                mend: "check the permissions there, or name another folder with --data DIR", status: .cannotCreate)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw CommandFailure(
                message: "another `holdfast up` uses this data directory",
                mend: "stop that one, or name another folder with --data DIR", status: .unavailable)
        }
        return DataLock(descriptor: descriptor)
    }
}
