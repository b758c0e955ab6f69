"""What is measured. Each section returns {proxy name: [one dictionary per round]}; rounds are interleaved, so that a
slow minute of the machine meets every proxy alike."""

import signal
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import load, proxies
from .system import BenchmarkError, Machine, only

BURST_EVENTS = 200
STREAMS = 200
EVENTS_PER_SECOND = 20


# A window in which others took more of the machine than this is measured again, up to `WINDOW_TRIES` times; the run as a
# whole waits at most `PATIENCE_SECONDS` for the machine to fall quiet. What remains is reported beside the figures.
FOREIGN_SHARE = 0.08
WINDOW_TRIES = 3
PATIENCE_SECONDS = 300


@dataclass
class Plan:
    rounds: int
    seconds: int
    warmup: int
    connections: int = 32
    idle_streams: int = 1000


@dataclass
class Bench:
    """What the sections share: the running proxies, the upstream, and the results so far."""
    folder: Path
    plan: Plan
    load: Path
    holdfast_binary: Path | None
    upstream: load.Upstream
    makers: dict
    running: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)
    say: object = print
    patience: float = PATIENCE_SECONDS

    def services(self):
        return [proxy.service for proxy in self.running.values()]

    def alone(self, proxy):
        proxy.service.check_alive()
        return only(proxy.service, self.services())

    def quiet(self, measure):
        """Runs `measure` while the machine is ours, as far as that can be had; the best of its tries is kept."""
        machine, best = Machine(), None
        for _ in range(WINDOW_TRIES):
            self.wait_for_quiet(machine)
            machine.mark()
            row = measure()
            row["foreign_percent"] = 100 * machine.foreign_share()
            if best is None or row["foreign_percent"] < best["foreign_percent"]:
                best = row
            if best["foreign_percent"] <= 100 * FOREIGN_SHARE or self.patience <= 0:
                break
        return best

    def wait_for_quiet(self, machine):
        while self.patience > 0:
            machine.mark()
            time.sleep(0.25)
            if machine.foreign_share() <= FOREIGN_SHARE:
                return
            self.patience -= 0.25

    def direct(self):
        return proxies.Proxy("direct", self.upstream.port, "none", None, 0)

    def fresh_folder(self, name):
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def fresh_holdfast(self, name, upstream=None, shape=None):
        proxy = proxies.holdfast(
            self.fresh_folder(name), upstream or self.upstream.port, self.holdfast_binary, shape, name=name)
        try:
            proxy.until_answering()
        except BaseException:
            proxy.service.stop()
            raise
        return proxy

    def rounds(self, section, one_round, least=1):
        """`one_round(result)` measures everything once and calls `result(name, values)`; at least `least` times."""
        collected = {}
        rounds = max(self.plan.rounds, least)
        for number in range(rounds):
            def result(name, values):
                collected.setdefault(name, []).append(values)
                shown = ", ".join(f"{key} {value:,.6g}" for key, value in values.items() if isinstance(value, (int, float)))
                self.say(f"  {section} {number + 1}/{rounds} {name}: {shown}")
            one_round(result)
        self.results[section] = collected


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def unary(bench):
    """1: throughput, latency at saturation, CPU time per request."""
    def one_round(result):
        for proxy in bench.running.values():
            with bench.alone(proxy):
                result(proxy.name, bench.quiet(lambda proxy=proxy: closed_loop(bench, proxy)))
    bench.rounds("unary", one_round)


def closed_loop(bench, proxy):
    load.wrk(proxy, bench.plan.warmup, bench.plan.connections)
    return load.wrk(proxy, bench.plan.seconds, bench.plan.connections)


def latency(bench):
    """2: added latency at half of the slowest fast proxy's peak; LiteLLM at half of its own."""
    if "unary" not in bench.results:
        unary(bench)
    peaks = {name: median(rows, "requests_per_second") for name, rows in bench.results["unary"].items()}
    fast = {name: peak for name, peak in peaks.items() if name != "litellm"}
    rates = {}
    if fast:
        rates["fast"] = (min(fast.values()) / 2, [bench.running[name] for name in fast])
    if "litellm" in peaks:
        rates["litellm"] = (peaks["litellm"] / 2, [bench.running["litellm"]])

    def one_round(result):
        for rate, members in rates.values():
            direct = bench.quiet(lambda rate=rate: measure_rate(bench, bench.direct(), rate))
            result(f"direct at {rate:.0f}/s" if "litellm" == members[0].name else "direct", direct)
            for proxy in members:
                with bench.alone(proxy):
                    row = bench.quiet(lambda proxy=proxy, rate=rate: measure_rate(bench, proxy, rate))
                row["added_p50_us"] = row["p50_us"] - direct["p50_us"]
                row["added_p99_us"] = row["p99_us"] - direct["p99_us"]
                result(proxy.name, row)
    bench.rounds("latency", one_round)


def measure_rate(bench, proxy, rate):
    measured = load.client(
        bench.load, "rate", proxy, "bench-unary", rate=rate, connections=bench.plan.connections,
        warmup=bench.plan.warmup, duration=bench.plan.seconds)
    return {
        "rate": rate, "p50_us": measured["latency"]["p50"], "p99_us": measured["latency"]["p99"],
        "cpu_us_per_request": measured["cpu_nanoseconds"] / 1000 / max(measured["sent"], 1),
        "failed": failed(measured), "generator_late_us": measured["worstLatenessMicroseconds"],
    }


def failed(measured):
    return sum(count for status, count in measured["statuses"].items() if status != "200")


def paced(bench):
    """3: paced streams: CPU time per event, how much later events come, how uneven."""
    def measure(proxy):
        measured = load.client(
            bench.load, "paced", proxy, "bench-paced", streams=STREAMS,
            pace_milliseconds=1000 // EVENTS_PER_SECOND, warmup=max(bench.plan.warmup, 1),
            duration=bench.plan.seconds)
        return {
            "events_per_second": measured["events"] / bench.plan.seconds,
            "cpu_us_per_event": measured["cpu_nanoseconds"] / 1000 / max(measured["events"], 1),
            "delay_p50_us": measured["delay"]["p50"], "delay_p99_us": measured["delay"]["p99"],
            "gap_p99_us": measured["gapExcess"]["p99"],
            "failed": measured["streams"] - measured["alive"],
        }

    def one_round(result):
        direct = bench.quiet(lambda: measure(bench.direct()))
        result("direct", direct)
        for proxy in bench.running.values():
            with bench.alone(proxy):
                row = bench.quiet(lambda proxy=proxy: measure(proxy))
            row["added_gap_p99_us"] = row["gap_p99_us"] - direct["gap_p99_us"]
            row["added_delay_p99_us"] = row["delay_p99_us"] - direct["delay_p99_us"]
            result(proxy.name, row)
    bench.rounds("paced", one_round)


def bursts(bench):
    """4: canned streams, many events per read: CPU time per event."""
    def measure(proxy):
        measured = load.client(
            bench.load, "bursts", proxy, "bench-burst", connections=16, events=proxy.burst_events,
            warmup=bench.plan.warmup, duration=bench.plan.seconds)
        return {
            "events_per_second": measured["events"] / bench.plan.seconds,
            "cpu_us_per_event": measured["cpu_nanoseconds"] / 1000 / max(measured["events"], 1),
            "streams": measured["streams"], "failed": measured["wrong"],
        }

    def one_round(result):
        for proxy in bench.running.values():
            with bench.alone(proxy):
                result(proxy.name, bench.quiet(lambda proxy=proxy: measure(proxy)))
    bench.rounds("bursts", one_round)


def memory(bench):
    """5 and 6: a fresh process each time: start to first answer, idle, with idle streams, after load."""
    def one_round(result):
        for service in bench.services():
            service.freeze()
        try:
            for name, make in bench.makers.items():
                def measure(name=name, make=make):
                    return memory_of(bench, make(bench.fresh_folder(f"memory-{name}")))
                result(name, bench.quiet(measure))
        finally:
            for service in bench.services():
                service.thaw()
    bench.rounds("memory", one_round)


def memory_of(bench, proxy):
    count = bench.plan.idle_streams
    try:
        seconds = proxy.until_answering()
        settle()
        idle = proxy.service.resident_bytes()
        streams = load.Client(bench.load, "idle", proxy, "bench-idle", streams=count)
        try:
            opened = streams.wait_for("open")["streams"]
            settle()
            with_streams = proxy.service.resident_bytes()
        finally:
            streams.close()
        measured = load.wrk(proxy, bench.plan.seconds, bench.plan.connections)
        settle()
        return {
            "start_ms": seconds * 1000, "idle_mib": idle / (1 << 20),
            "kib_per_stream": (with_streams - idle) / 1024 / max(opened, 1), "streams_open": opened,
            "after_load_mib": proxy.service.resident_bytes() / (1 << 20),
            "failed": count - opened + measured["failed"],
        }
    finally:
        proxy.service.stop()


def settle():
    """Memory is read after a quiet moment: what the last request set in motion has ended by then."""
    time.sleep(0.5)


def failover(bench):
    """7: a primary that refuses connections, and one that is killed under load. Holdfast only."""
    routes = 100
    rate = 100

    def refused():
        proxy = bench.fresh_holdfast("failover", shape=proxies.Shape(refused_routes=routes))
        try:
            # Each route has a deployment of its own, so every request meets a refusal, not an open breaker.
            answer = proxy.ask("bench-refused-0")
            if answer.status != 200 or "failover" not in (answer.getheader("x-holdfast-degraded") or ""):
                raise BenchmarkError(
                    f"no failover: status {answer.status}, degraded {answer.getheader('x-holdfast-degraded')}")
            plain = load.client(
                bench.load, "rate", proxy, "bench-unary", rate=rate, connections=8, warmup=0.5,
                duration=routes / rate)
            over = load.client(
                bench.load, "rate", proxy, "bench-refused", models=routes, rate=rate, connections=8, warmup=0,
                duration=routes / rate)
        finally:
            proxy.service.stop()
        return {
            "plain_p50_us": plain["latency"]["p50"], "plain_p99_us": plain["latency"]["p99"],
            "p50_us": over["latency"]["p50"], "p99_us": over["latency"]["p99"],
            "added_p50_us": over["latency"]["p50"] - plain["latency"]["p50"],
            "added_p99_us": over["latency"]["p99"] - plain["latency"]["p99"],
            "failed": failed(plain) + failed(over),
        }

    def killed():
        primary = load.Upstream(bench.load, bench.folder, BURST_EVENTS, name="doomed")
        proxy = bench.fresh_holdfast(
            "killed", upstream=primary.port, shape=proxies.Shape(secondary=bench.upstream.port))
        try:
            running = load.Client(
                bench.load, "rate", proxy, "bench-unary", rate=1000, connections=32, warmup=0.5, duration=4)
            running.wait_for("measure")
            time.sleep(1.5)
            primary.service.stop(signal.SIGKILL)
            measured = running.finish()
        finally:
            proxy.service.stop()
            primary.service.stop()
        return {
            "requests": measured["sent"], "failed": failed(measured), "p50_us": measured["latency"]["p50"],
            "p99_us": measured["latency"]["p99"], "max_us": measured["latency"]["max"],
        }

    def one_round(result):
        for service in bench.services():
            service.freeze()
        try:
            result("refused", bench.quiet(refused))
            result("killed", bench.quiet(killed))
        finally:
            for service in bench.services():
                service.thaw()
    bench.rounds("failover", one_round)


def decisions(bench):
    """The cost of a large configuration: 64 candidates, 10 000 keys, 1 000 routes beside the smallest. Holdfast only."""
    small = bench.fresh_holdfast("decisions-small", shape=proxies.Shape(candidates=1))
    large = bench.fresh_holdfast("decisions-large", shape=proxies.Shape(candidates=64, keys=10_000, routes=1_000))
    services = [*bench.services(), small.service, large.service]

    def one_round(result):
        for proxy in (small, large):
            with only(proxy.service, services):
                row = bench.quiet(lambda proxy=proxy: closed_loop(bench, proxy))
            result("small" if proxy is small else "large", row)
    try:
        # Two figures that must not differ: three rounds cannot tell their difference from the machine's mood.
        bench.rounds("decisions", one_round, least=7)
    finally:
        small.service.stop()
        large.service.stop()


def soak(bench, minutes):
    """Memory over time under steady load. Not part of the ordinary run: it takes as long as it says."""
    proxy = bench.fresh_holdfast("soak")
    rows = []
    for service in bench.services():
        service.freeze()
    try:
        end = time.monotonic() + minutes * 60
        began = time.monotonic()
        while time.monotonic() < end:
            measured = load.wrk(proxy, 20, bench.plan.connections)
            rows.append({
                "minutes": (time.monotonic() - began) / 60,
                "resident_mib": proxy.service.resident_bytes() / (1 << 20), "failed": measured["failed"]})
            bench.say(f"  soak {rows[-1]['minutes']:.1f} min: {rows[-1]['resident_mib']:.1f} MiB")
    finally:
        for service in bench.services():
            service.thaw()
        proxy.service.stop()
    bench.results["soak"] = {"holdfast": rows}


HOLDFAST_ONLY = {"failover", "decisions", "soak"}
SECTIONS = {
    "unary": unary, "latency": latency, "streams": paced, "bursts": bursts, "memory": memory,
    "failover": failover, "decisions": decisions,
}
