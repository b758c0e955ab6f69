import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastGateway

struct RollbackCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Publish the document of an earlier generation again.",
        discussion: """
            The document gets a new number; overrides in force stay. --previous takes the newest document that is not the \
            one in the newest generation, so that doing it twice leads back.

            --offline needs nobody alive. With the data directory of a management plane that is stopped, it publishes \
            there, and gateways hear of it when that runs again. With a gateway's, it goes back within that gateway's ring \
            of the last five snapshots: a gateway that runs follows within a second, else it starts so. That holds until \
            the management plane publishes something newer, and everybody is told by whom and why; naming the newest \
            generation ends it.

            EXAMPLES
              holdfast rollback 7 --reason 'generation 8 lost the fallback'
              holdfast rollback --previous --reason 'it made things worse'
              holdfast rollback --previous --offline /var/lib/holdfast-gateway --reason 'control is down too'
              holdfast rollback 7 --offline /var/lib/holdfast-control --reason 'before it is started again'

            EXIT CODES
              0   published again, or offline: written down for the gateway
              1   there is no such generation, or none before
              65  the request is not valid
              66  with --offline: the directory holds no snapshots
              69  the management plane does not answer; with --offline: it runs on that directory
              73  with --offline: the directory cannot be written
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "The number of the generation to go back to.")
    var number: UInt64?

    @Flag(help: "To the document before the one in force.")
    var previous = false

    @Option(
        help: ArgumentHelp(
            "Without anybody alive: the data directory of a gateway, or of the management plane.", valueName: "DIR"),
        completion: .directory)
    var offline: String?

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

    // MARK: - Offline

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let offline else { return nil }
        if let store = OfflineStore(folder: offline) { return try await rollBack(store, console) }
        return try rollBack(atGateway: offline, console)
    }

    private func rollBack(_ store: OfflineStore, _ console: Console) async throws -> ExitStatus {
        do {
            let (from, made) = try await store.rollBack(to: number, reason: why.reason, author: NSUserName())
            show(made, console) {
                var report = Report()
                report.line(
                    .green("published"), " the document of generation \(from) again, as generation ",
                    .bold("\(made.number)"))
                report.line("gateways get it as soon as holdfast control runs again")
                return report
            }
            return .success
        } catch let problem as ProblemView {
            throw ControlFailure.refused(problem)
        } catch let failure as StoreFailure {
            throw CommandFailure(
                message: failure.reason, mend: failure.mend,
                status: failure.kind == .inUse ? .unavailable : .cannotCreate)
        }
    }

    private func rollBack(atGateway offline: String, _ console: Console) throws -> ExitStatus {
        let ring = SnapshotRing(data: offline)
        let snapshots = ring.list()
        guard let newest = snapshots.first else {
            throw CommandFailure(
                message: "\(offline) holds no snapshots",
                mend: "name what the gateway was given with --data; one that serves its own file has none",
                status: .noInput)
        }
        let used = inForce(ring, snapshots, newest)
        let found =
            number.map { number in snapshots.first { $0.number == number } }
            ?? snapshots.first { $0.document != used.document }
        guard let wanted = found else {
            let known = snapshots.map { "\($0.number)" }.joined(separator: ", ")
            throw CommandFailure(
                message: number.map { "generation \($0) is not in the ring" } ?? "no other document is in the ring",
                mend: "the ring of \(offline) holds \(known)", status: .failure)
        }
        let rollback = OfflineRollback(
            to: wanted.number, from: newest.number, author: NSUserName(), reason: why.reason, at: console.now())
        do throws(WholeFile.Failure) {
            try ring.note(wanted.number == newest.number ? nil : rollback)
        } catch {
            throw CommandFailure(message: error.reason, mend: error.mend, status: .cannotCreate)
        }
        show(rollback, console) {
            var report = Report()
            report.line(
                .green("written down"), ": this gateway uses the document of generation ", .bold("\(wanted.number)"))
            report.line(
                wanted.number == newest.number
                    ? "it is the newest that it has: nothing is held back any more"
                    : "until something newer than generation \(newest.number) is published")
            return report
        }
        return .success
    }

    /// Whose document the gateway uses.
    private func inForce(
        _ ring: SnapshotRing, _ snapshots: [SnapshotPayload], _ newest: SnapshotPayload
    ) -> SnapshotPayload {
        guard let rollback = ring.rollback, rollback.from >= newest.number else { return newest }
        return snapshots.first { $0.number == rollback.to } ?? newest
    }
}
