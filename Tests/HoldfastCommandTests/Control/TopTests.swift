import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import holdfast

@Suite struct TopTests {
    private func state(answered: Int, failed: Int, uptime: Int64, open: Bool = false) -> GatewayStateView {
        var drain = OverrideEffectView(kind: "drain")
        drain.provider = "local"
        return GatewayStateView(
            ready: true, draining: false, uptimeMilliseconds: uptime, clientConnections: 4, exchangesInFlight: 2,
            shedding: "none",
            configuration: .init(
                generation: 3, needsRestart: [], refusals: 0, refused: [], source: "ring", stale: true,
                refusedSnapshot: .init(generation: 4, message: "it is not signed", mend: "sign it"),
                overrides: [
                    .init(
                        id: "drain-1", effect: drain, author: "alice", reason: "a", expiresAt: "", idle: false,
                        overdue: false)
                ]),
            routes: [
                .init(
                    name: "assistant", candidates: ["openai/gpt", "local/qwen"],
                    ends: ["answered": answered, "every_candidate_failed": failed, "client_gone": 1], failovers: 5)
            ],
            deployments: [
                .init(
                    id: "openai/gpt", provider: "openai", vendor: "openai", region: nil, jurisdiction: nil,
                    breaker: open ? "open" : "closed", opensForMilliseconds: open ? 4_000 : nil,
                    suspension: nil, retires: nil, medianFirstTokenMilliseconds: 230, inFlight: 2, waiting: 0,
                    concurrencyLimit: 8, attempts: ["ok": answered, "fail": failed, "neutral": 0], failures: [:],
                    lastFailure: nil, warmth: .init(state: "warm", ageMilliseconds: 1, lastCheck: nil))
            ],
            providers: [
                .init(
                    id: "local", openConnections: 0, idleConnections: 0,
                    suspension: .init(
                        failure: "credential", mend: "mend the key", ageMilliseconds: 1, endsInMilliseconds: 60_000))
            ])
    }

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    private func text(_ model: TopModel, now: Instant, width: Int? = nil) -> String {
        TopFrame(model: model, now: now).report.text(Renderer(usesColor: false, width: width))
    }

    @Test func ratesAreDifferencesAndUnknownBeforeTheSecondAnswer() {
        var model = TopModel(controlAddress: "http://c", operationsAddress: "http://o", now: at(0))
        model.see(gateway: .success(state(answered: 100, failed: 10, uptime: 5_000)), now: at(1))
        #expect(text(model, now: at(1)).contains("assistant  unknown  unknown"))
        model.see(gateway: .success(state(answered: 120, failed: 11, uptime: 7_000)), now: at(3))
        #expect(model.rates.routes["assistant"] == .init(all: 10.5, failed: 0.5))
        let shown = text(model, now: at(3))
        #expect(shown.contains("10.5") && shown.contains("2 of 8") && shown.contains("230 ms"))
        #expect(shown.contains("provider local suspended for credential, a trial in 1 min: mend the key"))
        #expect(shown.contains("configuration from ring, stale: ") && shown.contains("refused generation 4: it is not"))
        #expect(shown.contains("drain-1 drains provider local"))
        model.see(gateway: .success(state(answered: 3, failed: 0, uptime: 100)), now: at(4))
        #expect(model.rates == TopRates(), "a start in between begins anew")
    }

    @Test func whoeverFallsSilentStaysOnTheScreenWithItsAge() {
        var model = TopModel(controlAddress: "http://c", operationsAddress: "http://o", now: at(0))
        model.see(gateway: .success(state(answered: 1, failed: 0, uptime: 1, open: true)), now: at(2))
        model.see(gateway: .failure(.unreachable("no answer in time")), now: at(8))
        model.see(control: .failure(.unreachable("refused\u{1B}[2J")), now: at(8))
        let shown = text(model, now: at(9))
        #expect(shown.contains("silent for 7 s: no answer in time") && shown.contains("open, 4 s"))
        #expect(shown.contains("silent for 9 s: refused\\u001b[2J"))
        model.see(gateway: .success(state(answered: 2, failed: 0, uptime: 9_000)), now: at(10))
        #expect(!text(model, now: at(10)).contains("silent for 7 s"))
    }

    @Test(arguments: [40, 80, 200])
    func aPictureFitsItsScreen(width: Int) {
        var model = TopModel(controlAddress: "http://c", operationsAddress: "http://o", now: at(0))
        model.see(gateway: .success(state(answered: 1, failed: 0, uptime: 1)), now: at(1))
        let lines = TopFrame(model: model, now: at(1)).lines(Renderer(usesColor: false, width: width), rows: 8)
        #expect(lines.count == 8 && lines[7].contains("more lines"))
        #expect(lines.allSatisfy { PlainText.columns($0) <= width })
    }

    @Test func theTerminalIsGivenBackOnce() {
        let written = Mutex("")
        let screen = AlternateScreen { text in written.withLock { $0 += text } }
        screen.draw(["before"])
        screen.enter()
        screen.draw(["a"])
        screen.leave()
        screen.leave()
        screen.draw(["after"])
        let text = written.withLock { $0 }
        #expect(text.hasPrefix("\u{1B}[?1049h") && text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
        #expect(text.contains("a\u{1B}[K\r\n") && !text.contains("before") && !text.contains("after"))
        #expect(text.split(separator: "[?1049l", omittingEmptySubsequences: false).count == 2)
    }
}
