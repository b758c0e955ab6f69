import ArgumentParser
import Foundation

/// The two ends of a measurement: the upstream behind the proxies and the client in front of them. Both share the
/// machine with what they measure, so each is one event loop that does as little per byte as it can.
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast-load",
        abstract: "Upstream and load generator of the benchmarks; every result is a line of JSON.",
        subcommands: [
            UpstreamCommand.self, RateCommand.self, PacedCommand.self, BurstsCommand.self, IdleCommand.self,
        ])
}

/// One line of JSON per report, written at once: the harness samples the proxy's CPU time when the line arrives.
func report(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var line = try encoder.encode(value)
    line.append(UInt8(ascii: "\n"))
    try FileHandle.standardOutput.write(contentsOf: line)
}

/// Marks the edges of the measured window.
struct Edge: Encodable {
    var event: String
}
