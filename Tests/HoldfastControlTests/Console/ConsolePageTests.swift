import Foundation
import HoldfastAPI
import Testing

@testable import HoldfastControl

/// What browsers are served, and as what.
@Suite("The console's files", .serialized)
struct ConsolePageTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources/HoldfastConsole/Assets")

    private static func path(of name: String) -> String { name == "index.html" ? "/" : "/console/\(name)" }

    @Test("Every file is served as it stands, to everybody, by its own path, with its type")
    func files() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).sorted()
        #expect(ConsolePages().paths == names.map(Self.path).sorted(), "name new files in HoldfastConsole.c")
        try await TestControl.run { control in
            for name in names {
                let answer = try await control.ask("GET", Self.path(of: name))
                #expect(answer.status == 200, "\(name)")
                #expect(answer.body == (try Data(contentsOf: Self.folder.appendingPathComponent(name))), "\(name)")
                let type =
                    switch URL(fileURLWithPath: name).pathExtension {
                    case "html": "text/html; charset=utf-8"
                    case "css": "text/css; charset=utf-8"
                    case "js": "text/javascript; charset=utf-8"
                    default: "image/svg+xml"
                    }
                #expect(answer.headers["content-type"] == type, "\(name)")
            }
        }
    }

    @Test("Each file forbids whatever the console does not need")
    func headers() async throws {
        try await TestControl.run { control in
            for path in ConsolePages().paths {
                let headers = try await control.ask("GET", path).headers
                let policy = headers["content-security-policy"] ?? ""
                for rule in [
                    "default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'",
                    "object-src 'none'", "require-trusted-types-for 'script'",
                ] {
                    #expect(policy.contains(rule), "\(path): \(rule)")
                }
                #expect(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains("data:"))
                #expect(headers["x-content-type-options"] == "nosniff")
                #expect(headers["referrer-policy"] == "no-referrer")
                #expect(headers["cross-origin-opener-policy"] == "same-origin")
                #expect(headers["cache-control"] == "no-cache")
                #expect(headers["x-request-id"]?.isEmpty == false)
                #expect(headers["set-cookie"] == nil)
            }
        }
    }

    @Test("Whoever has a file is sent nothing, until there is another one")
    func tags() async throws {
        try await TestControl.run { control in
            let first = try await control.ask("GET", "/console/app.js")
            let tag = try #require(first.headers["etag"])
            let again = try await control.ask("GET", "/console/app.js", headers: ["if-none-match": tag])
            #expect(again.status == 304 && again.body.isEmpty && again.headers["etag"] == tag)
            let other = try await control.ask("GET", "/console/app.js", headers: ["if-none-match": "\"other\""])
            #expect(other.status == 200)
        }
    }

    @Test(
        "Nothing is normalised, and nothing else is there",
        arguments: [
            "/console", "/console/", "/console/index.html", "/index.html", "//", "/console/app.js/", "/console//app.js",
            "/console/%61pp.js", "/console/app.js;x", "/Console/app.js", "/console/Assets/app.js",
        ])
    func paths(path: String) async throws {
        try await TestControl.run { control in
            let answer = try await control.ask("GET", path)
            #expect(answer.status == 404)
            #expect(answer.headers["content-type"] == ProblemView.mediaType)
            #expect(answer.headers["cache-control"] == "no-store")
        }
    }

    @Test("Only GET, only under a name of this listener, and in no document of the API")
    func limits() async throws {
        try await TestControl.run { control in
            let posted = try await control.ask("POST", "/", body: ["a": "b"])
            #expect(posted.status == 405 && posted.headers["allow"] == "GET")
            #expect(try await control.ask("GET", "/", headers: ["host": "evil.example"]).status == 421)
            let foreign = try await control.ask("GET", "/console/app.js", headers: ["origin": "https://evil.example"])
            #expect(foreign.status == 421)
            let document = try await control.ask("GET", "/openapi.json")
            #expect(!String(decoding: document.body, as: UTF8.self).contains("/console"))
        }
    }

    @Test("No file names another origin, holds a script or style of its own in the page, or sets HTML from text")
    func sources() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
            let known = text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
                .replacingOccurrences(of: "curl -s http://127.0.0.1:8081/", with: "")
            #expect(known.range(of: "https?://", options: .regularExpression) == nil, "\(name)")
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "document.cookie"] {
                #expect(!text.contains(word), "\(name): \(word)")
            }
            guard name.hasSuffix(".html") else { continue }
            for pattern in [#"\son\w+="#, #"\sstyle="#, "<style", #"<script(?![^>]*\bsrc=)"#] {
                #expect(text.range(of: pattern, options: .regularExpression) == nil, "\(name): \(pattern)")
            }
        }
    }
}
