"""Processes under measurement: starting and stopping them, and what the kernel says they used."""

import contextlib
import os
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path


class BenchmarkError(Exception):
    """The run cannot go on; the message says why and what to do."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """One server with all of its processes. The service that starts it stops it."""

    def __init__(self, name, command, log, environment=None, stdout=None):
        self.name = name
        # Other services that it needs, measured by nobody and stopped with it.
        self.beside = []
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as sink:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout or sink, stderr=sink,
                env={**os.environ, **(environment or {})}, start_new_session=True)

    def pids(self):
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    queue.extend(int(child) for child in children.read_text().split())
        return found

    def cpu_nanoseconds(self):
        """Time on a CPU of every thread of every process; finer than the ticks of /proc/PID/stat."""
        total = 0
        for pid in self.pids():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(path.read_text().split()[0])
        return total

    def resident_bytes(self):
        """Resident memory, summed over the processes: what several of them share counts in each."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        total += int(line.split()[1]) * 1024
        return total

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self, how=signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
            os.killpg(self.process.pid, how)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        # A main process that ends may leave workers behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for other in self.beside:
            other.stop()

    def check_alive(self):
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise BenchmarkError(f"{self.name} ended with status {self.process.returncode}; its log ends:\n{tail}")


class Machine:
    """How much of the machine's CPU time others took: processes that are not ours, and the hypervisor."""

    tick = os.sysconf("SC_CLK_TCK")

    def __init__(self):
        self.mark()

    def mark(self):
        self.at, self.busy, self.ours = time.monotonic(), self.busy_seconds(), self.our_seconds()

    def foreign_share(self):
        """Share of all cores since the mark, 0 to 1."""
        seconds = (time.monotonic() - self.at) * os.cpu_count()
        used = (self.busy_seconds() - self.busy) - (self.our_seconds() - self.ours)
        return min(max(used / seconds, 0), 1)

    def busy_seconds(self):
        # User, nice, system and steal; interrupts are charged to nobody.
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return (fields[0] + fields[1] + fields[2] + fields[7]) / self.tick

    def our_seconds(self):
        """This process, its living descendants, and those that it or they have reaped."""
        total, queue = 0, [os.getpid()]
        while queue:
            pid = queue.pop()
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += sum(int(field) for field in fields[11:15])
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    queue.extend(int(child) for child in children.read_text().split())
        return total / self.tick


@contextlib.contextmanager
def only(service, services):
    """Lets nothing but `service` use the CPU: the others keep their state and stand still."""
    others = [other for other in services if other is not service]
    for other in others:
        other.freeze()
    try:
        yield
    finally:
        for other in others:
            other.thaw()


def machine():
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor())
    memory = next(
        int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal"))
    return {
        "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory / (1 << 20), 1),
        "kernel": platform.release().split("-")[0], "system": first_line("/etc/os-release", "PRETTY_NAME="),
    }


def first_line(path, prefix):
    for line in Path(path).read_text().splitlines():
        if line.startswith(prefix):
            return line.removeprefix(prefix).strip('"')
    return "unknown"


def version_of(command, mark=None):
    """What a program says of its own version: the first line, or the first that holds `mark`."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown ({error})"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line for line in lines if mark is None or mark in line), "unknown")
