"""The generators: wrk for the closed loop, `holdfast-load` for everything that needs a clock."""

import contextlib
import json
import subprocess
from pathlib import Path

from .system import BenchmarkError, Service

HERE = Path(__file__).resolve().parent.parent
BODY_BYTES = 1024


class Upstream:
    """One `holdfast-load upstream`."""

    def __init__(self, binary, folder, burst_events, name="upstream"):
        self.service = Service(
            name, [str(binary), "upstream", "--burst-events", str(burst_events)], folder / f"{name}.log",
            stdout=subprocess.PIPE)
        line = self.service.process.stdout.readline()
        if not line:
            self.service.check_alive()
            raise BenchmarkError("the upstream did not say where it listens")
        self.port = json.loads(line)["port"]


def wrk(proxy, seconds, connections, model="bench-unary"):
    """Closed loop at full speed. CPU time covers the whole run, as the count of requests does."""
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "unary.lua"),
        f"http://127.0.0.1:{proxy.port}/v1/chat/completions", "--", proxy.key, model, str(BODY_BYTES)]
    before = proxy.service.cpu_nanoseconds() if proxy.service else 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    after = proxy.service.cpu_nanoseconds() if proxy.service else 0
    if done.returncode != 0 or not done.stdout.strip():
        raise BenchmarkError(f"wrk failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "requests": result["requests"],
        "requests_per_second": result["requests"] / (result["microseconds"] / 1e6),
        "p50_us": result["p50"], "p99_us": result["p99"],
        "cpu_us_per_request": (after - before) / 1000 / max(result["requests"], 1),
        "failed": result["status_errors"] + result["socket_errors"],
    }


def client(binary, mode, proxy, model, **options):
    """Runs one mode to its end; adds the proxy's CPU time between the edges of the measured window."""
    return Client(binary, mode, proxy, model, **options).finish()


class Client:
    """A running mode of `holdfast-load`; `measure` marks the start of its window."""

    def __init__(self, binary, mode, proxy, model, **options):
        self.proxy = proxy
        command = [str(binary), mode, "--port", str(proxy.port), "--key", proxy.key, "--model", model]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.cpu_at_start = 0

    def wait_for(self, event):
        for line in self.process.stdout:
            value = json.loads(line)
            now = self.proxy.service.cpu_nanoseconds() if self.proxy.service else 0
            if value["event"] == "measure":
                self.cpu_at_start = now
            if value["event"] == event:
                value["cpu_nanoseconds"] = now - self.cpu_at_start
                return value
        raise BenchmarkError(f"{' '.join(self.process.args)} ended with {self.process.wait()} before '{event}'")

    def finish(self):
        try:
            return self.wait_for("measured")
        finally:
            self.close()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
