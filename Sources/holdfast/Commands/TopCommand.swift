import ArgumentParser
import Glibc
import HoldfastAPI
import HoldfastCore
import Synchronization

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch gateways, routes and deployments, once a second.",
        discussion: """
            Asks the management plane for its gateways, and one gateway's own operations listener for the rest: that needs \
            no token, and answers while everything else is down. Whoever does not answer is shown as silent, with what \
            it said last. Ctrl-C ends it. Where standard output is no terminal one picture is printed.

            EXAMPLES
              holdfast top
              holdfast top --operations http://127.0.0.1:9081
              holdfast top --once

            EXIT CODES
              0   shown
              64  an address cannot be understood
              69  nobody answers, where one picture was asked for
            """
    )

    static let usualOperations = "http://127.0.0.1:8081"
    static let pollInterval = Duration.seconds(1)
    /// They change with drills, and those take their time.
    static let fallbackInterval = Duration.seconds(10)
    /// More often than it is asked, so that silence is seen to grow.
    static let drawInterval = Duration.milliseconds(500)

    @Option(help: ArgumentHelp("A gateway's operations listener.", valueName: "URL"))
    var operations = TopCommand.usualOperations

    @Flag(help: "Print one picture and end. So does --json.")
    var once = false

    @OptionGroup var options: ControlOptions

    /// What `--json` prints; there is no such view of the API, since the two come from two processes.
    struct Picture: Codable, Sendable {
        var control: StatusView?
        var gateway: GatewayStateView?
    }

    func run() async throws {
        let status = await execute(in: .system())
        if status != .success { throw ExitCode(status.rawValue) }
    }

    func execute(in console: Console) async -> ExitStatus {
        do throws(CommandFailure) {
            let sources = try Sources(self, console)
            let status =
                once || options.json || !console.isTerminal
                ? await show(sources, console) : await watch(sources, console)
            await sources.shutDown()
            return status
        } catch {
            console.writeError(error.text)
            return error.status
        }
    }

    // MARK: - Once

    private func show(_ sources: Sources, _ console: Console) async -> ExitStatus {
        async let status = sources.status()
        async let state = sources.state()
        async let fallbacks = sources.fallbacks()
        let answers = await (status, state, fallbacks)
        let now = MonotonicClock.read()
        var model = sources.model(now: now)
        model.see(control: answers.0, now: now)
        model.see(gateway: answers.1, now: now)
        model.see(fallbacks: answers.2)
        if options.json {
            console.writeJSON(Picture(control: model.control.view, gateway: model.gateway.view))
        } else {
            console.show(TopFrame(model: model, now: now).report)
        }
        return model.control.view == nil && model.gateway.view == nil ? .unavailable : .success
    }

    // MARK: - Live

    private func watch(_ sources: Sources, _ console: Console) async -> ExitStatus {
        let model = SharedModel(sources.model(now: MonotonicClock.read()))
        let screen = AlternateScreen(write: console.write)
        let signals = TerminationSignals { number in
            screen.leave()
            _exit(128 + number)
        }
        screen.enter()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { _ = await signals.waitForFirst() }
            tasks.addTask {
                await Self.forever(every: Self.pollInterval) {
                    let answer = await sources.status()
                    model.change { $0.see(control: answer, now: MonotonicClock.read()) }
                }
            }
            tasks.addTask {
                await Self.forever(every: Self.pollInterval) {
                    let answer = await sources.state()
                    model.change { $0.see(gateway: answer, now: MonotonicClock.read()) }
                }
            }
            tasks.addTask {
                await Self.forever(every: Self.fallbackInterval) {
                    let answer = await sources.fallbacks()
                    model.change { $0.see(fallbacks: answer) }
                }
            }
            tasks.addTask {
                await Self.forever(every: Self.drawInterval) {
                    var renderer = console.renderer
                    let size = Terminal.size()
                    renderer.width = size?.columns ?? renderer.width
                    // The last row stays empty: a line end there would scroll everything up.
                    let rows = max((size?.rows ?? 24) - 1, 1)
                    screen.draw(TopFrame(model: model.value, now: MonotonicClock.read()).lines(renderer, rows: rows))
                }
            }
            await tasks.next()
            tasks.cancelAll()
        }
        screen.leave()
        return .success
    }

    private static func forever(every interval: Duration, _ body: () async -> Void) async {
        repeat { await body() } while (try? await Task.sleep(for: interval)) != nil
    }

    private final class SharedModel: Sendable {
        private let model: Mutex<TopModel>

        init(_ model: TopModel) {
            self.model = Mutex(model)
        }

        var value: TopModel { model.withLock { $0 } }

        func change(_ body: (inout TopModel) -> Void) {
            model.withLock { body(&$0) }
        }
    }

    /// Whom it asks. Without a token there is still the gateway.
    private struct Sources: Sendable {
        let control: ControlClient?
        let operations: OperationsClient
        private let controlAddress: String
        private let withoutControl: ControlFailure

        init(_ command: TopCommand, _ console: Console) throws(CommandFailure) {
            controlAddress = try command.options.base(console.environment)
            operations = OperationsClient(
                base: try ControlOptions.checked(command.operations, option: "--operations"))
            do throws(CommandFailure) {
                control = try command.options.client(console)
                withoutControl = .unreachable("")
            } catch {
                control = nil
                withoutControl = .unreachable("\(error.message); \(error.mend)")
            }
        }

        func model(now: Instant) -> TopModel {
            TopModel(controlAddress: controlAddress, operationsAddress: operations.base, now: now)
        }

        func status() async -> Result<StatusView, ControlFailure> {
            guard let control else { return .failure(withoutControl) }
            do throws(ControlFailure) {
                return .success(try await control.status())
            } catch {
                return .failure(error)
            }
        }

        func fallbacks() async -> Result<[FallbackView], ControlFailure> {
            guard let control else { return .failure(withoutControl) }
            do throws(ControlFailure) {
                return .success(try await control.fallbacks().items)
            } catch {
                return .failure(error)
            }
        }

        func state() async -> Result<GatewayStateView, ControlFailure> {
            do throws(ControlFailure) {
                return .success(try await operations.state())
            } catch {
                return .failure(error)
            }
        }

        func shutDown() async {
            await control?.shutDown()
            await operations.shutDown()
        }
    }
}
