"""The disk fails, fills up, or cannot be written: no corruption, no false acknowledgement, and the mend is named."""
import errno
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fire import figures, settings
from fire.disks import SmallDisk, refusal
from fire.ledger import Ledger, Operations
from fire.plane import NOBODY, Control, verify_audit
from fire.steps import EVERY_FROM_THERE_ON, Stepped
from harness.holdfast import binary
from harness.waiting import wait_until

SCENARIO = "a disk that fails"
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
# What an operator is told to do; each is an act and a place.
MENDS = ("free space there", "look at the disk", "give this user the right", "ask for one again")
# Said where all was written and the sync failed: what a start will find there only the disk knows.
UNKNOWN = "whether it was changed all the same"
# Far more than any change has.
MOST_STEPS = 1_000
STRACE_CALLS = {"pwrite64": 8, "fdatasync": 3}
STORE_FULL, CANNOT_CREATE, UNAVAILABLE = 503, 73, 69


class Failing(Stepped):
    """Control whose calls on its data directory are made to fail."""

    def __init__(self, name, work, stepshim):
        super().__init__(name, work, stepshim)
        self.refused: list[tuple[str, str]] = []

    def attempt(self, kind: str, name: str) -> bool:
        """Whether it was acknowledged; where not, it is said what is wrong and what to do."""
        if self.operations.run(kind, name, self.control.api):
            return True
        problem = self.operations.refusals[-1]
        assert problem["status"] == STORE_FULL, problem
        assert any(mend in problem["mend"] for mend in MENDS), problem
        assert str(self.control.data) in problem["detail"], problem
        if UNKNOWN not in problem["mend"]:
            self.refused.append((kind, name))
        return False

    def restart(self) -> Ledger:
        """SIGKILL: nothing that it might still write at its end helps."""
        self.steps.off()
        self.control.kill()
        verify_audit(self.control.data, self.key)
        self.control.start()
        ledger = Ledger.read(self.control.api)
        ledger.check(self.operations.acknowledged)
        return ledger

    def back_from_the_dead(self, ledger: Ledger) -> list[str]:
        """Whoever was told that nothing was changed must not find it changed."""
        return [name for kind, name in self.refused
                if kind != "backup" and self.operations.is_there(kind, name, ledger)]


@pytest.fixture
def failing(request, work, stepshim):
    made = Failing(request.node.name.replace("[", "-").strip("]"), work, stepshim)
    try:
        yield made
    finally:
        made.control.child.stop()


def in_turn(failing: Failing, kind: str, error: str, span: int):
    """One change after the other, the n-th with its n-th call failing, until one has no such call any more: what is there
    already makes a change longer, so none is counted beforehand. Yields its name, the call, and whether it was
    acknowledged, with the failure still there."""
    for step in range(1, (settings.STEPS or MOST_STEPS) + 1):
        failing.steps.fail_at(step, ERRORS[error], span)
        is_acknowledged = failing.attempt(kind, f"{kind}-{step}")
        lines = failing.steps.lines()
        if len(lines) < step:
            failing.steps.off()
            assert is_acknowledged
            return
        yield f"{kind}-{step}", lines[step - 1], is_acknowledged
    assert settings.STEPS, f"{MOST_STEPS} calls, and no end of it"


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", Operations.KINDS)
def test_each_call_fails_once(kind, error, failing):
    figures.say(f"disk: {error} in each call of a {kind}")
    acknowledged = step = 0
    for step, (name, call, is_acknowledged) in enumerate(in_turn(failing, kind, error, span=1), 1):
        failing.steps.off()
        acknowledged += is_acknowledged
        # What was signed meanwhile must hold whatever happened.
        assert failing.control.api.ask("GET", "/v1/audit/checkpoint").status == 200
        ledger = Ledger.read(failing.control.api)
        ledger.check(failing.operations.acknowledged)
        if kind != "backup":
            assert failing.operations.is_there(kind, name, ledger) == is_acknowledged, call
        # It goes on without a restart.
        assert failing.attempt("token", f"after-{step}"), f"after {error} in {call}: nothing works any more"
        if kind != "backup" or step % 16 == 0:
            back = failing.back_from_the_dead(failing.restart())
            assert not back, f"after {error} in {call} and a restart {back} is there, and was refused"
            if kind == "backup":
                failing.begin_anew()
    assert not failing.back_from_the_dead(failing.restart())
    figures.note(SCENARIO, **{
        f"{kind}, {error} once: calls failed": step, f"{kind}, {error} once: refused": step - acknowledged})


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", ["snapshot", "override", "token"])
def test_every_call_fails_from_one_on(kind, error, failing):
    """The disk is gone or full, at any point of a change, and the process is killed before it is back."""
    step, back = 0, []
    for step, (name, call, _) in enumerate(in_turn(failing, kind, error, span=EVERY_FROM_THERE_ON), 1):
        # Who only looks is answered all the same.
        assert failing.control.api.ask("GET", "/v1/status").status == 200
        ledger = failing.restart()
        back += [(refused, call) for refused in failing.back_from_the_dead(ledger)]
        failing.refused.clear()
        assert failing.attempt("token", f"after-{step}")
    figures.note(SCENARIO, **{
        f"{kind}, {error} from a call on: calls": step,
        f"{kind}, {error} from a call on: refused, and there after a restart": len(back)})
    assert not back, back


def attached(pid: int, *injections: str, files: list[str]) -> subprocess.Popen:
    """strace on a running process; returns when it holds every thread."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    for file in files:
        command += ["-P", file]
    for injection in injections:
        command += ["-e", f"inject={injection}"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    status = f"/proc/{pid}/task"

    def traced():
        assert tracer.poll() is None, tracer.stderr.read()
        texts = [open(f"{status}/{task}/status").read() for task in os.listdir(status)]
        return all(f"TracerPid:\t{tracer.pid}" in text for text in texts)

    wait_until(traced, 10, "strace to hold every thread", lambda: os.listdir(status))
    return tracer


def detach(tracer: subprocess.Popen) -> None:
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)


@pytest.mark.skipif(shutil.which("strace") is None, reason="injection needs strace: apt-get install strace")
def test_the_kernel_fails_calls(failing):
    """The same from below the C library, by strace: the n-th call of each thread on the database and its log."""
    control, tried, refused = failing.control, 0, 0
    files = [f"{control.data}/control.sqlite{suffix}" for suffix in ("", "-wal")]
    figures.say("disk: strace fails the store's calls in the kernel")
    for error in ERRORS:
        for call, most in STRACE_CALLS.items():
            for number in range(1, most + 1):
                for kind in ("override", "token", "snapshot"):
                    name = f"{kind}-{error.lower()}-{call}-{number}"
                    tracer = attached(
                        control.addresses["pid"], f"{call}:error={error}:when={number}", files=files)
                    try:
                        is_acknowledged = failing.attempt(kind, name)
                    finally:
                        detach(tracer)
                    tried += 1
                    refused += not is_acknowledged
                    ledger = Ledger.read(control.api)
                    assert failing.operations.is_there(kind, name, ledger) == is_acknowledged
        assert not failing.back_from_the_dead(failing.restart())
    figures.note(SCENARIO, **{"strace: changes with a call that fails": tried, "strace: refused": refused})
    assert refused >= tried // 4, f"{refused} of {tried} were refused: the injection did not reach the store"


def start_and_end(control: Control, bound_seconds: float = 15) -> tuple[int, str]:
    """Of a start that is to fail: its exit code and what it said."""
    control.child.start()
    return control.child.wait(bound_seconds), control.child.log_tail()


def test_a_full_disk(work):
    place = work / "small"
    why = refusal(place)
    if why:
        pytest.skip(why)
    with SmallDisk(place, kibibytes=6 * 1024) as disk:
        control = Control("full", work, NOBODY, data=place / "data")
        operations = Operations(control.config.read_text())
        control.start()
        try:
            assert operations.run("snapshot", "before", control.api)
            disk.fill()
            refusals = 0
            # What is allocated already may take a few.
            for turn in range(60):
                kind = Operations.KINDS[turn % 4]
                if not operations.run(kind, f"{kind}-full-{turn}", control.api):
                    refusals += 1
                    problem = operations.refusals[-1]
                    assert problem["status"] == STORE_FULL and "free space" in problem["mend"], problem
            assert refusals, "a disk of six mebibytes is never full"
            assert not operations.run("backup", "backup-full", control.api)
            assert control.api.ask("GET", "/v1/status").status == 200
            assert "free space" in control.api.get("/v1/status")["backup_problem"]
            control.kill()
            status = start_full(control)
            disk.free()
            control.start()
            Ledger.read(control.api).check(operations.acknowledged)
            assert operations.run("override", "after", control.api)
            figures.note(SCENARIO, **{
                "full: refused with the mend": refusals, "full: a start there": status})
        finally:
            control.child.stop()


def start_full(control: Control) -> str:
    """It either serves, or ends with what to do."""
    control.ready_file.unlink(missing_ok=True)
    control.child.start()
    deadline = time.monotonic() + 15
    while control.child.is_running and not control.ready_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if control.child.is_running:
        assert control.api.ask("GET", "/v1/status").status == 200
        control.kill()
        return "serves"
    assert control.child.wait(1) == CANNOT_CREATE, control.child.log_tail()
    assert "mend: free space" in control.child.log_tail(), control.child.log_tail()
    return "ends with 73 and the mend"


def test_a_read_only_disk(work):
    place = work / "read-only"
    why = refusal(place)
    if why:
        pytest.skip(why)
    with SmallDisk(place, kibibytes=16 * 1024) as disk:
        first = Control("never", work, NOBODY, data=place / "never")
        control = Control("read-only", work, NOBODY, data=place / "data")
        operations = Operations(control.config.read_text())
        control.start()
        assert operations.run("override", "before", control.api)
        assert control.child.stop() == 0
        disk.make_read_only()
        for served in (first, control):
            status, said = start_and_end(served)
            assert status == CANNOT_CREATE, said
            assert "mend:" in said and re.search("read.only", said, re.IGNORECASE), said
        # An auditor has a copy, or makes one.
        done = subprocess.run([binary(), "audit", "verify", "--data", str(control.data)], capture_output=True, text=True)
        assert done.returncode == 66 and "mend: copy the folder" in done.stderr, done.stderr
        verify_audit(Path(shutil.copytree(control.data, work / "copy")), control.public_key)
        disk.make_writable()
        control.start()
        try:
            Ledger.read(control.api).check(operations.acknowledged)
        finally:
            control.child.stop()


def test_two_on_one_directory(work):
    control = Control("one", work, NOBODY)
    second = Control("two", work, NOBODY, data=control.data)
    operations = Operations(control.config.read_text())
    control.start()
    try:
        for _ in range(3):
            status, said = start_and_end(second)
            assert status == UNAVAILABLE, said
            assert "another holdfast control uses this data directory" in said and "mend:" in said
            assert operations.run("override", "meanwhile", control.api)
        Ledger.read(control.api).check(operations.acknowledged)
    finally:
        control.child.stop()
