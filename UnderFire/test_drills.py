"""Drills while what runs them is killed: no fault outlives its lease, no verdict claims what nobody has seen.

Each scenario has a world of its own, and all of them run at the same time: what takes longest in each is waiting."""
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fire import figures
from fire.drills import (
    HEARD_SECONDS, LEASE_SECONDS, PRIMARY, SECOND, USED_AGAIN_SECONDS, Seen, World)
from harness.waiting import wait_until

SCENARIO = "drills"
DAY_NANOSECONDS = 86_400 * 1_000_000_000
PHASES = ("starting", "baseline", "fault", "recovery")
# By the gateway's own account: its timer, and a machine that does a lot at once.
LEASE_SLACK_MILLISECONDS = 1_000
LEVER_BOUND_SECONDS = 5.0
LONG_LEASE = "60s"


def measure_end(world: World, seen: Seen, began: float) -> None:
    """From the first answer of somebody else to the next one of the primary: the fault, and the breaker's wait after it."""
    seen.spans["without the primary"] = world.load.wait_for_answer(
        PRIMARY, began, LEASE_SECONDS + USED_AGAIN_SECONDS) - began


def left_alone(work, clkshim) -> Seen:
    with World("left-alone", work) as world:
        seen, started = Seen(), time.monotonic()
        drill = world.start_drill()
        began = world.wait_for_fault(started)
        measure_end(world, seen, began)
        world.finish(seen, drill["id"])
        seen.notes["observation"] = world.observation(drill["id"])
        return seen


def control_killed(phase: str):
    def scenario(work, clkshim) -> Seen:
        with World(f"killed-{phase}", work) as world:
            seen, started = Seen(), time.monotonic()
            drill = world.start_drill()
            if drill["phase"] != phase:
                world.wait_for_phase(drill["id"], phase)
            killed = world.kill_control()
            if phase == "fault":
                # Dead until long after the lease: it ends by the gateway alone.
                began = world.wait_for_fault(started)
                measure_end(world, seen, began)
            elif phase == "recovery":
                seen.spans["after the kill"] = world.load.wait_for_answer(PRIMARY, killed, USED_AGAIN_SECONDS) - killed
            world.control.start()
            world.finish(seen, drill["id"])
            # Whatever the gateway did of it: by now it is over, and the primary answers.
            world.load.wait_for_answer(PRIMARY, time.monotonic(), USED_AGAIN_SECONDS)
            seen.notes["observation"] = world.observation(drill["id"])
            seen.failures = world.load.failures()
            return seen
    return scenario


def gateway_killed(is_control_dead: bool):
    """Killed in the middle of a long lease and started again, from its ring: what it finds there is not begun."""
    def scenario(work, clkshim) -> Seen:
        with World(f"gateway-killed-{'deaf' if is_control_dead else 'heard'}", work) as world:
            seen, started = Seen(), time.monotonic()
            drill = world.start_drill(lease=LONG_LEASE)
            world.wait_for_fault(started)
            wait_until(lambda: list(world.gateway.ring.glob("*")), 10, "the order in the ring", lambda: "empty")
            if is_control_dead:
                world.kill_control()
            world.gateway.child.kill()
            world.gateway.start()
            again = time.monotonic()
            state = world.gateway.state()
            seen.notes["source"] = state["configuration"]["source"]
            # A new process has no breaker open: were the fault there, the second would be asked instead.
            seen.spans["to the primary"] = world.load.wait_for_answer(PRIMARY, again, HEARD_SECONDS) - again
            watched = time.monotonic() + LEASE_SECONDS
            wait_until(lambda: time.monotonic() >= watched, LEASE_SECONDS + 5, "a while", lambda: "")
            seen.notes["others"] = [reply for reply in world.load.since(again) if reply.deployment == SECOND]
            seen.notes["failures after"] = [reply for reply in world.load.since(again + 0.5) if reply.status != 200]
            if is_control_dead:
                world.control.start()
            seen.drill = world.wait_for_end(drill["id"])
            return seen
    return scenario


def clock_shifted(days: int):
    """By a day in the middle of a lease, with control dead, so that nobody's word but the clock's could end it."""
    def scenario(work, clkshim) -> Seen:
        name = f"clock-{'back' if days < 0 else 'on'}"
        offset = work / f"{name}.offset"
        offset.write_text("0")
        shim = {"LD_PRELOAD": str(clkshim), "CLKSHIM_FILE": str(offset)}
        with World(name, work, environment=shim) as world:
            seen, started = Seen(), time.monotonic()
            drill = world.start_drill()
            began = world.wait_for_fault(started)
            world.kill_control()
            offset.write_text(str(days * DAY_NANOSECONDS))
            measure_end(world, seen, began)
            offset.write_text("0")
            world.control.start()
            world.finish(seen, drill["id"])
            seen.notes["observation"] = world.observation(drill["id"])
            return seen
    return scenario


def lever_pulled(work, clkshim) -> Seen:
    with World("lever", work) as world:
        seen, started = Seen(), time.monotonic()
        drill = world.start_drill(lease=LONG_LEASE)
        world.wait_for_fault(started)
        pulled = time.monotonic()
        answer = world.control.api.ask("POST", world.lever(), {"reason": "enough"})
        assert answer.status in (200, 201, 204), (answer.status, answer.body[:400])
        world.wait_for_no_order(LEVER_BOUND_SECONDS * 2)
        seen.spans["to the end of the order"] = time.monotonic() - pulled
        refused = world.control.api.ask("POST", "/v1/drills", {
            "plan": "kill-primary", "route": "assistant", "reason": "once more", "lease": "5s"})
        seen.notes["refused"] = (refused.status, refused.problem.get("mend", ""))
        seen.spans["to the primary"] = world.load.wait_for_answer(PRIMARY, pulled, USED_AGAIN_SECONDS) - pulled
        world.finish(seen, drill["id"])
        seen.notes["observation"] = world.observation(drill["id"])
        return seen


SCENARIOS = {
    "left alone": left_alone,
    **{f"control killed: {phase}": control_killed(phase) for phase in PHASES},
    "gateway killed, control heard": gateway_killed(False),
    "gateway killed, control dead": gateway_killed(True),
    "clock a day back": clock_shifted(-1),
    "clock a day on": clock_shifted(1),
    "lever": lever_pulled,
}


@pytest.fixture(scope="module")
def run(work, clkshim):
    """All of them once. What one fails by is its own tests' failure."""
    figures.say(f"drills: {len(SCENARIOS)} worlds at once")
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        futures: dict[str, Future] = {
            name: pool.submit(scenario, work, clkshim) for name, scenario in SCENARIOS.items()}
    return futures


def note(name: str, seen: Seen) -> None:
    figures.note(SCENARIO, **{f"{name}: {what} s": round(span, 1) for what, span in seen.spans.items()})
    figures.note(SCENARIO, **{f"{name}: verdict": seen.drill.get("verdict", "-")})


def check_lease(seen: Seen) -> None:
    """By the gateway's account, where it has begun at all."""
    observation = seen.notes["observation"]
    if "ended_after_milliseconds" in observation:
        assert observation["ended_after_milliseconds"] <= LEASE_SECONDS * 1000 + LEASE_SLACK_MILLISECONDS, observation
    account = seen.notes["own account"]
    assert not account or account["phase"] != "fault" and account["ended"] in ("lease", "cleared"), account


def test_a_drill_that_is_left_alone_passes(run):
    """Else what follows would show nothing: a drill that never passes needs no kill to be inconclusive."""
    seen = run["left alone"].result()
    note("left alone", seen)
    assert seen.drill["verdict"] == "pass", seen.drill["because"]
    assert not seen.failures, seen.failures[:3]
    assert LEASE_SECONDS * 0.5 <= seen.spans["without the primary"] <= LEASE_SECONDS + USED_AGAIN_SECONDS
    measures = seen.drill["measures"]
    assert measures["critical"]["lost"] == 0 and measures["critical"]["degraded"] > 0
    assert [answerer["deployment"] for answerer in measures["answerers"]][:1] == [SECOND]
    check_lease(seen)


@pytest.mark.parametrize("phase", PHASES)
def test_control_killed_in_each_phase(run, phase):
    seen = run[f"control killed: {phase}"].result()
    note(f"control killed: {phase}", seen)
    assert seen.drill["verdict"] == "inconclusive", seen.drill["because"]
    assert seen.drill["because"], "a verdict has its reason"
    assert not seen.failures, f"{len(seen.failures)} critical exchanges were lost: {seen.failures[:3]}"
    check_lease(seen)
    if phase == "fault":
        assert LEASE_SECONDS * 0.5 <= seen.spans["without the primary"] <= LEASE_SECONDS + USED_AGAIN_SECONDS


@pytest.mark.parametrize("name", ["gateway killed, control heard", "gateway killed, control dead"])
def test_a_gateway_that_was_killed_begins_nothing_from_its_ring(run, name):
    seen = run[name].result()
    note(name, seen)
    assert seen.notes["source"] in ("ring", "control")
    assert not seen.notes["others"], f"{len(seen.notes['others'])} met the fault again: {seen.notes['others'][:3]}"
    assert not seen.notes["failures after"], seen.notes["failures after"][:3]
    assert seen.drill["verdict"] != "pass", seen.drill["because"]


@pytest.mark.parametrize("name", ["clock a day back", "clock a day on"])
def test_a_wrong_clock_makes_no_lease_longer(run, name):
    seen = run[name].result()
    note(name, seen)
    assert seen.spans["without the primary"] <= LEASE_SECONDS + USED_AGAIN_SECONDS
    assert seen.drill["verdict"] != "pass", seen.drill["because"]
    assert not seen.failures, seen.failures[:3]
    check_lease(seen)


def test_the_lever_ends_the_fault_under_load(run):
    seen = run["lever"].result()
    note("lever", seen)
    assert seen.spans["to the end of the order"] <= LEVER_BOUND_SECONDS
    status, mend = seen.notes["refused"]
    assert status == 409 and mend, "new ones are refused, and how to go on is said"
    assert seen.drill["verdict"] != "pass", seen.drill["because"]
    assert not seen.failures, seen.failures[:3]
    account = seen.notes["own account"]
    assert account["ended"] == "cleared" and account["phase"] in ("recovery", "over"), account
