import ArgumentParser
import Foundation
import Testing

@testable import holdfast

@Suite struct RestoreCommandTests {
    @Test(arguments: [[], ["backup"], ["--check"], ["--data", "x"], ["a", "b", "--check"]])
    func whatCannotBeMeantIsUsage(arguments: [String]) {
        #expect(throws: (any Error).self) { try RestoreCommand.parse(arguments) }
    }

    @Test func checkingNeedsNoPlace() throws {
        let command = try RestoreCommand.parse(["backups/000001", "--check", "--json"])
        #expect(command.check && command.json && command.data == nil)
    }

    @Test func whatIsNotThereIsNoInputAndNothingIsMade() throws {
        let base = NSTemporaryDirectory() + "holdfast-restore-\(UUID().uuidString)"
        for options in [["--check"], ["--data", base], ["--check", "--key", base]] {
            let command = try RestoreCommand.parse([base + "/none"] + options)
            let code = #expect(throws: ExitCode.self) { try command.run() }
            #expect(code?.rawValue == 66)
        }
        #expect(!FileManager.default.fileExists(atPath: base))
        #expect(!FileManager.default.fileExists(atPath: base + ".restoring"))
    }
}
