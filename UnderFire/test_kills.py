"""Control is killed with SIGKILL at every step of a change: never half of one, and nothing that was acknowledged is gone."""
import random
import threading
import time

import pytest

from fire import figures, settings
from fire.ledger import Ledger, Operations
from fire.plane import Gone, verify_audit
from fire.steps import Stepped, stepped_control

# Far more than any operation has; a loop that reaches it does not end by itself.
MOST_STEPS = 5_000
SIEGES = 20
CLIENTS = 4


class Killable(Stepped):
    """Control on one data directory, killed and started again and again."""

    def __init__(self, name, work, stepshim):
        super().__init__(name, work, stepshim)
        self.held = work / f"{name}.checkpoint"

    def hold_checkpoint(self):
        answer = self.control.api.ask("GET", "/v1/audit/checkpoint")
        assert answer.status == 200
        self.held.write_bytes(answer.body)

    def check(self) -> Ledger:
        """Of a process that was killed: offline first, then by the one that is started on what it left."""
        self.steps.off()
        verify_audit(self.control.data, self.key, [self.held])
        self.control.start()
        ledger = Ledger.read(self.control.api)
        ledger.check(self.operations.acknowledged)
        return ledger


@pytest.fixture
def killable(request, work, stepshim):
    made = Killable(request.node.name.replace("[", "-").strip("]"), work, stepshim)
    try:
        yield made
    finally:
        made.control.child.stop()


@pytest.mark.parametrize("kind", Operations.KINDS)
def test_killed_at_every_step(kind, killable):
    """Step by step until it goes through: what is there already makes a change longer, so none is counted beforehand."""
    control, steps = killable.control, killable.steps
    figures.say(f"kills: a {kind} is killed at each of its steps")
    there = step = 0
    while step < (settings.STEPS or MOST_STEPS):
        step += 1
        name, operations = f"{kind}-{step}", killable.operations
        killable.hold_checkpoint()
        steps.kill_at(step)
        try:
            is_acknowledged = operations.run(kind, name, control.api)
            # Some steps come after the answer.
            is_through = steps.counted < step
        except Gone:
            is_acknowledged = is_through = False
        if is_through:
            assert is_acknowledged, operations.refusals[-1:]
            control.kill()
        else:
            control.child.wait(10)
        ledger = killable.check()
        if kind != "backup" and not is_acknowledged:
            there += operations.is_there(kind, name, ledger)
        if is_through:
            break
        if kind == "backup":
            killable.begin_anew()
    assert settings.STEPS or is_through, f"{MOST_STEPS} steps, and no end of it"
    figures.note(
        "control killed at every step", **{
            f"{kind}: killed at steps": step - is_through,
            f"{kind}: acknowledged": operations.acknowledged.count(),
            f"{kind}: whole though not acknowledged": there if kind != "backup" else "-"})


def test_killed_at_every_step_of_the_first_start(work, stepshim):
    """What the first start leaves behind when it is killed, the second makes whole."""
    counted, steps = stepped_control("first-whole", work, stepshim)
    steps.count()
    try:
        counted.start()
        lines = steps.lines()
    finally:
        counted.child.stop()
    wanted = range(1, (settings.STEPS or len(lines)) + 1)
    figures.say(f"kills: the first start is killed at {len(wanted)} of its {len(lines)} steps")
    killed = locked_out = 0
    for step in wanted:
        control, steps = stepped_control(f"first-{step}", work, stepshim)
        steps.kill_at(step)
        try:
            control.child.start()
            deadline = time.monotonic() + 10
            while control.child.is_running and not control.ready_file.exists() and time.monotonic() < deadline:
                time.sleep(0.005)
            killed += not control.child.is_running
            control.kill()
            steps.off()
            control.start()
            assert control.public_key.exists(), f"killed at {lines[step - 1]}: no signing.pub after the next start"
            verify_audit(control.data, control.public_key)
            if control.token:
                assert control.api.ask("GET", "/v1/status").status == 200, f"killed at {lines[step - 1]}"
            else:
                locked_out += 1
        finally:
            control.child.stop()
    figures.note("control killed at every step", **{
        "first start: steps": len(lines), "first start: killed at": killed,
        "first start: nobody has a token": locked_out})
    assert not locked_out, f"after {locked_out} of {killed} kills nobody has a token of the management plane"


def test_killed_at_any_instant_under_load(killable):
    """Four clients make changes of every kind at once; SIGKILL comes by the clock and not by the call."""
    chance = random.Random(settings.SEED)
    control, operations = killable.control, killable.operations
    assert operations.run("snapshot", "the-first", control.api)
    sieges = min(settings.STEPS or SIEGES, SIEGES)
    figures.say(f"kills: {sieges} at any instant, with {CLIENTS} clients")
    for siege in range(sieges):
        killable.hold_checkpoint()
        api, broken = control.api, threading.Event()

        def client(number):
            for turn in range(1_000):
                kind = Operations.KINDS[(turn + number) % len(Operations.KINDS)]
                if broken.is_set() or kind == "backup" and number:
                    continue
                try:
                    operations.run(kind, f"{kind}-{siege}-{number}-{turn}", api)
                except Gone:
                    return

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.6))
        control.kill()
        broken.set()
        for thread in threads:
            thread.join(20)
        unexpected = [refusal for refusal in operations.refusals if refusal["status"] not in (409,)]
        assert not unexpected, unexpected[:3]
        killable.check()
    figures.note("control killed at every step", **{
        "at any instant: kills": sieges, "at any instant: acknowledged": operations.acknowledged.count(),
        "at any instant: lost": 0})
