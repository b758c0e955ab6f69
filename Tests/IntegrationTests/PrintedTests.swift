import Foundation
import Glibc
import Testing

/// What `holdfast up` prints is true to the letter.
extension UpTests {
    private struct Up {
        var program: Program
        var report: JSON

        var baseURL: String { report["base_url"].string ?? "" }
        var address: String { baseURL.replacing("http://", with: "").replacing("/v1", with: "") }
        var data: String { report["data_directory"].string ?? "" }

        var pids: [Int] { report["processes"].array.compactMap { $0["pid"].int } }
    }

    private static func up(_ place: Place, _ options: [String] = []) async throws -> Up {
        let program = try place.start("up", ["up", "--json", "--data", place.path + "/data"] + options)
        try await eventually("up has said where", state: { program.told }) {
            if program.ended != nil { throw Expired(what: "it ended", seconds: 0, state: program.told) }
            return program.output.hasSuffix("}\n")
        }
        return Up(program: program, report: try JSON(parsing: program.output))
    }

    /// Runs a command as it was printed.
    private static func shell(_ place: Place, _ command: String) async throws -> String {
        let program = try place.start("shell", executable: "/bin/sh", ["-c", command])
        #expect(try await program.end() == .exited(0), "\(command)\n\(program.told)")
        return program.output
    }

    @Test func theFirstRequestAndTheFirstFailoverAreAsPrinted() async throws {
        try await Place.with { place in
            let up = try await Self.up(place)
            #expect(up.report["simulated"].bool == true)
            #expect(up.report["processes"].array.compactMap { $0["name"].string }.contains("gateway"))
            let request = try #require(up.report["request"].string)
            let first = try await Self.shell(place, request)
            #expect(first.hasPrefix("HTTP/1.1 200"), "\(first)")
            #expect(first.contains("x-holdfast-deployment: primary/"), "\(first)")
            #expect(!first.contains("x-holdfast-degraded"))
            let breaking = try #require(up.report["make_primary_fail"]["command"].string)
            let lease = try JSON(parsing: try await Self.shell(place, breaking))
            #expect(lease["fault"].string == "refuse", "\(lease)")
            let second = try await Self.shell(place, request)
            #expect(second.hasPrefix("HTTP/1.1 200"), "\(second)")
            #expect(second.contains("x-holdfast-deployment: secondary/"), "\(second)")
            #expect(second.contains("x-holdfast-degraded: failover"), "\(second)")
            for name in ["metrics", "state", "ready"] {
                let url = try #require(up.report[name].string)
                #expect(!(try await Self.shell(place, "curl -sf \(url)")).isEmpty)
            }
            let console = try #require(up.report["console"].string)
            #expect(try await Self.shell(place, "curl -sf \(console)").hasPrefix("<!doctype html>"))
            // On standard error, which is the other output with --json: the first start alone says it.
            #expect(up.program.log.contains("\(console)#sign-in="))
            // Nothing outside the data directory, and nothing in it for others.
            #expect(!FileManager.default.fileExists(atPath: place.path + "/home"))
            #expect(!FileManager.default.fileExists(atPath: place.path + "/state"))
            let open = try await Self.shell(place, "find '\(up.data)' -perm /077")
            #expect(open == "", "\(open)")

            up.program.send(SIGTERM)
            #expect(try await up.program.end() == .exited(0), "\(up.program.told)")
            #expect(up.pids.count == 5 && !up.pids.contains(where: isAlive))
        }
    }

    @Test func aConfigurationOfOnesOwnIsServed() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            try place.write("mine.yaml", Document(providers: [("primary", practice.address)]).text)
            let up = try await Self.up(place, ["--config", "mine.yaml"])
            #expect(up.report["simulated"].bool == false)
            #expect(up.report["model"].string == "assistant", "\(up.report)")
            #expect(try await chat(up.address).status == 200)
            up.program.send(SIGTERM)
            #expect(try await up.program.end() == .exited(0), "\(up.program.told)")
            #expect(!up.pids.contains(where: isAlive))
        }
    }
}
