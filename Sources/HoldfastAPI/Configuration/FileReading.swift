import Foundation

/// Reads one small text file whole, saying precisely why where it cannot.
package enum FileReading {
    package enum Failure: Hashable {
        case missing, forbidden, notRegular, notText
        case tooLarge(bound: Int)
        case other(code: Int32)

        /// The end of the sentence "the file …".
        var reason: String {
            switch self {
            case .missing: "does not exist"
            case .forbidden: "must not be read by this user"
            case .notRegular: "is not a regular file"
            case .tooLarge(let bound): "is larger than \(bound >> 20) MiB"
            case .notText: "is not UTF-8 text"
            case .other(let code): "cannot be read: \(String(cString: strerror(code)))"
            }
        }

        var mend: String {
            switch self {
            case .missing: "create it, or correct the path"
            case .forbidden: "let the user that runs holdfast read it and the folders above it"
            case .notRegular: "name a file, not a folder, pipe or device"
            case .tooLarge: "name the file that was meant; nothing that belongs here is so large"
            case .notText: "save it as UTF-8"
            case .other: "check the disk and the path"
            }
        }
    }

    package enum Outcome {
        /// `isReadableByOthers`: the group or everybody may read it.
        case text(String, isReadableByOthers: Bool)
        case failed(Failure)
    }

    /// Bytes of a file that a document refers to. A bundle of all public certificate authorities has 220 KiB.
    static let longestReferenced = 1 << 20

    /// `longest` in bytes.
    package static func read(_ path: String, longest: Int) -> Outcome {
        guard !path.utf8.contains(0) else { return .failed(.missing) }
        // Without O_NONBLOCK the opening of a pipe that nobody writes to would wait for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failed(failure(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failed(failure(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failed(.notRegular) }
        var bytes: [UInt8] = []
        while bytes.count <= longest {
            var failed: Int32?
            let chunk = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                let got = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
                failed = got < 0 ? errno : nil
                count = max(got, 0)
            }
            if let failed {
                guard failed == EINTR else { return .failed(failure(failed)) }
                continue
            }
            if chunk.isEmpty {
                break
            }
            bytes.append(contentsOf: chunk)
        }
        guard bytes.count <= longest else { return .failed(.tooLarge(bound: longest)) }
        guard let text = String(validating: bytes, as: UTF8.self) else { return .failed(.notText) }
        return .text(text, isReadableByOthers: status.st_mode & 0o044 != 0)
    }

    private static func failure(_ code: Int32) -> Failure {
        switch code {
        case ENOENT, ENOTDIR: .missing
        case EACCES, EPERM: .forbidden
        default: .other(code: code)
        }
    }
}
