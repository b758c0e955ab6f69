"""Child processes that never outlive the test run."""
import ctypes
import os
import random
import signal
import socket
import subprocess
from pathlib import Path

from harness.waiting import wait_until

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
# Below the range that Linux hands out to outgoing connections (32768 and up), so that nobody takes a port away
# between two starts of the same server.
_PORTS = range(21000, 32000)


def free_port() -> int:
    """A loopback port that nothing listens on."""
    start = random.SystemRandom().randrange(len(_PORTS))
    for offset in range(len(_PORTS)):
        port = _PORTS[(start + offset) % len(_PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port between 21000 and 31999")


def _before_exec() -> None:
    # SIGKILL for the child when the test run itself is killed: nothing is left behind.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Python blocks nothing by default, but a parent shell may have ignored SIGINT in its background jobs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Child:
    """One process in a group of its own, its output in a log file. Start it from the main thread: the kernel ties
    the death signal to the thread that started the child."""

    def __init__(self, name: str, command: list[str], work: Path, environment: dict[str, str] | None = None):
        self.name = name
        self.command = command
        self.log_path = work / f"{name}.log"
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        assert not self.is_running, f"{self.name} is running already"
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
                process_group=0, preexec_fn=_before_exec)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: no chance to say goodbye."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.kill()
        self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """From any thread; what becomes of the process is for others to find out."""
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(number)

    def send_kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open, and nothing comes."""
        self.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send_signal(signal.SIGCONT)

    def stop(self, bound_seconds: float = 20) -> int:
        """SIGTERM, and SIGKILL after the bound. Returns the exit status; negative: the signal that ended it."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
            # One that is frozen hears nothing before this.
            self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(bound_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode

    def wait(self, bound_seconds: float) -> int:
        """For one that ends by itself. Returns the exit status; negative: the signal that ended it."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.wait(bound_seconds)

    def wait_until_ready(self, ready, bound_seconds: float, what: str):
        """Wait for `ready()`; a child that ends meanwhile fails at once, with the end of its log."""

        def condition():
            assert self.is_running, f"{self.name} ended with {self._process.poll()}:\n{self.log_tail()}"
            return ready()

        return wait_until(condition, bound_seconds, what, self.log_tail)

    def log_tail(self, lines: int = 30) -> str:
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
