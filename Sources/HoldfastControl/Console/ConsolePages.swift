import Crypto
import Foundation
import HTTPTypes
import HoldfastAPI
import HoldfastConsole
import Hummingbird
import NIOCore

/// The console: files inside the executable, for everybody, since nothing secret is in them. Whoever opens them signs in
/// and then asks the API like any other client of it.
struct ConsolePages: Sendable {
    static let folder = "/console/"
    static let methods = ["GET"]

    /// Nothing of another origin, nothing inline, nothing that puts text into the page as HTML, no frame around it.
    static let policy =
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'"

    private struct Page: Sendable {
        var content: ByteBuffer
        var type: String
        /// A digest, so that a browser which has the file asks and is sent nothing, also after an update of this process.
        var tag: String
    }

    private let pages: [String: Page]

    /// Paths in order, for tests.
    var paths: [String] { pages.keys.sorted() }

    init() {
        var pages: [String: Page] = [:]
        for place in 0..<holdfast_console_file_count {
            let file = holdfast_console_file_at(place).pointee
            let name = String(cString: file.name)
            let content = ByteBuffer(bytes: UnsafeBufferPointer(start: file.bytes, count: file.length))
            let digest = SHA256.hash(data: Data(content.readableBytesView)).prefix(12)
            let page = Page(
                content: content, type: Self.type(of: name), tag: "\"\(Data(digest).base64EncodedString())\"")
            pages[name == "index.html" ? "/" : Self.folder + name] = page
        }
        self.pages = pages
    }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: preconditionFailure("\(name) has a type that no browser was told of: name it here")
        }
    }

    /// Whether the path is one of the console's. Exactly: nothing is normalised.
    func has(_ path: String) -> Bool { pages[path] != nil }

    /// Nil: the path is none of the console's.
    func response(to request: Request) throws -> Response? {
        guard let page = pages[request.uri.path] else { return nil }
        guard request.method == .get else { throw ProblemView.method(allowed: Self.methods) }
        var headers = Self.headers
        headers[.eTag] = page.tag
        if request.headers[.ifNoneMatch]?.contains(page.tag) ?? false {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = page.type
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: page.content))
    }

    private static let headers: HTTPFields = {
        var headers = HTTPFields()
        // Kept, and asked about each time: the next version of this process may have others.
        headers[.cacheControl] = "no-cache"
        headers[.contentSecurityPolicy] = policy
        for (name, value) in [
            ("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"), ("x-frame-options", "DENY"),
        ] {
            guard let field = HTTPField.Name(name) else { preconditionFailure("'\(name)' is a token of RFC 9110") }
            headers[field] = value
        }
        return headers
    }()
}
