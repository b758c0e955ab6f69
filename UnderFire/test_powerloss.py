"""The power fails at every instant at which something was made durable: what a disk may keep at least is whole, and has
everything that was acknowledged."""
import shutil
import sys

import pytest

from fire import figures, settings
from fire.crashing import Examiner, crashsim

ROUNDS = 14
# Fewer would mean that the trace has not seen the writer.
LEAST_STATES = 40


@pytest.mark.skipif(shutil.which("strace") is None, reason="crashsim needs strace: apt-get install strace")
def test_every_crash_state(work, monkeypatch):
    rounds = min(settings.STEPS or ROUNDS, ROUNDS)
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path[:2]))
    examiner = Examiner(work)
    figures.say(f"power loss: {rounds} changes are traced and every crash state is started")
    replay = crashsim().trace(
        [sys.executable, "-m", "fire.crashing", str(work), str(rounds)], str(work / "writer.data"), examiner)
    figures.note("power lost at every durable instant", **{
        "crash states": replay.states, "corrupt": replay.corrupt, "acknowledged and lost": replay.lost,
        "changes acknowledged": rounds})
    assert not examiner.failures, examiner.failures[:5]
    assert replay.states >= min(LEAST_STATES, 4 * rounds), f"{replay.states} crash states: the trace missed the writer"
    assert replay.corrupt == replay.lost == 0
