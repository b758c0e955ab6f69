"""Five hundred gateways come back at once after an outage: jittered, admitted in bounds, and in nobody's way."""
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fire import figures, settings
from fire.people import People
from fire.plane import NOBODY, Control

SCENARIO = f"{settings.GATEWAYS} gateways after an outage"
# As in Sources/HoldfastCore/Snapshot/PullAdmission.swift; what a client measures is blurred by its own waits.
PER_SECOND, BURST, BLUR = 400, 100, 1.1
RETRY_AFTER = range(1, 6)
WARM_SECONDS, OUTAGE_SECONDS, CALM_SECONDS = 6, 15, 12
# The longest backoff, and one refusal after it: 30 s, and 5 s with a second of jitter.
ALL_BACK_BOUND_SECONDS = 36
# After the herd: those who are refused come within 6 s, and some of them are refused once more.
HERD_BOUND_SECONDS = 14
# In a tenth of a second, against the mean: what is left of a herd would be ten times it.
MOST_AT_ONCE = 3.0


@pytest.fixture(scope="module")
def control(work):
    made = Control("control", work, NOBODY)
    made.start()
    try:
        yield made
    finally:
        made.child.stop()


@pytest.fixture(scope="module")
def records(work, control):
    """All of it once; the tests are about what was recorded."""
    figures.say(f"pulls: {settings.GATEWAYS} tokens are made")
    with ThreadPoolExecutor(4) as pool:
        names = [f"gateway-{number}" for number in range(settings.GATEWAYS)]
        tokens = list(pool.map(lambda name: control.api.token_of("node", name), names))
    listed, place = work / "tokens", work / "records.json"
    listed.write_text("\n".join(tokens))
    fleet = subprocess.Popen(
        [sys.executable, "-m", "fire.pulls", control.address, str(listed), str(place), str(settings.SEED)],
        stdin=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path[:2])})
    marks = {}
    try:
        time.sleep(WARM_SECONDS)
        figures.say(f"pulls: the management plane is dead for {OUTAGE_SECONDS} s")
        marks["down"] = time.monotonic()
        control.kill()
        time.sleep(OUTAGE_SECONDS)
        control.start()
        marks["up"] = time.monotonic()
        with People(control.api) as people:
            # For all at once: a document would go to one of them first.
            assert control.api.drain("second", reason="after the outage").status == 201
            marks["generation"] = control.api.get("/v1/status")["generation"]
            time.sleep(ALL_BACK_BOUND_SECONDS)
            figures.say("pulls: all of them ask at the same instant")
            marks["herd"] = time.monotonic()
            fleet.stdin.write(b"herd\n")
            fleet.stdin.flush()
            time.sleep(HERD_BOUND_SECONDS)
            marks["calm"] = time.monotonic()
            time.sleep(CALM_SECONDS)
            marks["end"] = time.monotonic()
        fleet.stdin.close()
        assert fleet.wait(20) == 0
    finally:
        fleet.kill()
        fleet.wait()
    return json.loads(place.read_text()), marks, people


def between(found: list, start: float, end: float) -> list:
    return [record for record in found if start <= record[0] < end]


def most_in(times: list[float], window: float) -> int:
    """The most in any span of `window` seconds."""
    times, most, first = sorted(times), 0, 0
    for place, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        most = max(most, place - first + 1)
    return most


def test_people_are_not_in_the_way_of_gateways_nor_they_of_people(records):
    _, _, people = records
    figures.note(SCENARIO, **people.figures("meanwhile"))
    people.check()


def test_all_are_back_in_step_in_time(records):
    found, marks, _ = records
    steady = [record for record in found if record[0] + record[1] < marks["down"] - 0.05]
    assert len(steady) >= settings.GATEWAYS
    refused = [record for record in steady if record[2] not in (200, 204)]
    assert not refused, f"before the outage nobody is refused: {refused[:3]}"
    back = between(found, marks["up"], marks["herd"])
    served = [(at, generation) for at, _, status, _, generation in back if status in (200, 204)]
    first = sorted({generation for _, generation in served})
    assert first[-1] == marks["generation"]
    taken = sorted(at for at, _, status, _, generation in back if status == 200 and generation == marks["generation"])
    assert len(taken) == settings.GATEWAYS, f"{len(taken)} of {settings.GATEWAYS} have the new generation"
    figures.note(SCENARIO, **{
        "outage s": OUTAGE_SECONDS, "all have the new generation after s": round(taken[-1] - marks["up"], 1),
        "half of them after s": round(taken[len(taken) // 2] - marks["up"], 1),
        "refused after the outage": sum(status == 503 for _, _, status, _, _ in back)})


def test_a_herd_is_admitted_in_bounds(records):
    found, marks, _ = records
    herd = between(found, marks["herd"], marks["calm"])
    refused = [record for record in herd if record[2] == 503]
    others = [record for record in herd if record[2] not in (200, 204, 503)]
    assert not others, others[:3]
    assert refused, "five hundred at once are more than are admitted: was this a herd?"
    assert all(record[3] in RETRY_AFTER for record in refused), {record[3] for record in refused}
    admitted = [at + span for at, span, status, _, _ in found if status in (200, 204)]
    most = most_in([at for at in admitted if at >= marks["up"]], 1.0)
    assert most <= (PER_SECOND + BURST) * BLUR, f"{most} were admitted within a second"
    # Each of those who were refused was served in the end: nobody is refused in the calm after it.
    calm = between(found, marks["calm"], marks["end"])
    assert all(record[2] in (200, 204) for record in calm), [record for record in calm if record[2] not in (200, 204)][:3]
    last = max(record[0] + record[1] for record in refused)
    figures.note(SCENARIO, **{
        "herd: refused": len(refused), "herd: told to wait s": sorted({record[3] for record in refused}),
        "most admitted in any second": most, "herd: last refusal after s": round(last - marks["herd"], 1),
        "herd: slowest answer ms": round(max(record[1] for record in herd) * 1000)})


def test_what_came_together_is_spread(records):
    found, marks, _ = records
    calm = [record[0] for record in between(found, marks["calm"], marks["end"])]
    mean = len(calm) / (marks["end"] - marks["calm"]) / 10
    most = most_in(calm, 0.1)
    figures.note(SCENARIO, **{"calm: pulls/s": round(mean * 10), "calm: most in a tenth of a second": most})
    assert most <= MOST_AT_ONCE * mean, f"{most} in a tenth of a second, with {mean:.1f} on average"
