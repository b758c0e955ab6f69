import ArgumentParser
import HoldfastAPI

struct RollbackCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Publish the document of an earlier generation again.",
        discussion: """
            The document gets a new number; overrides in force stay. --previous takes the newest document that is not the \
            one in the newest generation, so that doing it twice leads back.

            EXAMPLES
              holdfast rollback 7 --reason 'generation 8 lost the fallback'
              holdfast rollback --previous --reason 'it made things worse'

            EXIT CODES
              0   published again
              1   there is no such generation, or none before
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "The number of the generation to go back to.")
    var number: UInt64?

    @Flag(help: "To the document before the one in force.")
    var previous = false

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard (number == nil) == previous else {
            throw ValidationError("Name the generation to go back to, or say --previous.")
        }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let target = try await target(client)
        let made = try await client.rollBack(RollbackView(to: target, reason: why.reason))
        show(made, console) {
            var report = Report()
            report.line(
                .green("published"), " the document of generation \(target) again, as generation ",
                .bold("\(made.number)"))
            report.line("holdfast status says when every gateway has it")
            return report
        }
        return .success
    }

    private func target(_ client: ControlClient) async throws -> UInt64 {
        if let number { return number }
        let newest = try await client.generation(.newest)
        guard let before = try await client.predecessor(of: newest) else {
            throw CommandFailure(
                message: "no document before that of generation \(newest.number) was found",
                mend: "name a number of holdfast config list", status: .failure)
        }
        return before.number
    }
}
