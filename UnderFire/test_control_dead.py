"""Control is dead, the gateway's wall clock is a day on, and the gateway starts from nothing but its own disk."""
import time

import pytest

from fire import figures
from fire.plane import Control, PullingGateway, ask_gateway, practice_document
from harness.waiting import wait_until

DAY_NANOSECONDS = 86_400 * 1_000_000_000
START_BOUND_SECONDS = 2.0
# The first answers may be from before two pulls have failed; `PullSchedule.staleNanoseconds` bounds the rest.
STALE_BOUND_SECONDS = 35
RETURN_BOUND_SECONDS = 45
TAKEN_BOUND_SECONDS = 15


@pytest.fixture(scope="module")
def world(work, providers, clkshim):
    """Control and a gateway that has pulled from it; the clock of the gateway is the file's to move."""
    offset = work / "offset"
    offset.write_text("0")
    control = Control("control", work)
    control.write(practice_document(providers, control.address))
    gateway = None
    try:
        control.start()
        shifted = {"LD_PRELOAD": str(clkshim), "CLKSHIM_FILE": str(offset)}
        gateway = PullingGateway(
            "gateway", work, control, control.api.token_of("node", "gateway"), environment=shifted)
        yield control, gateway, offset
    finally:
        for served in (gateway, control):
            if served is not None:
                served.child.stop()


def start_cold(gateway: PullingGateway, routes: list[str]) -> dict[str, float]:
    """Seconds from the start of the process to the first answer of each route."""
    began = time.monotonic()
    gateway.start()
    spans = {}
    for route in routes:
        status, headers = ask_gateway(gateway.listen, route)
        spans[route] = time.monotonic() - began
        assert status == 200, f"{route}: {status} {headers}"
    return spans


def test_a_gateway_starts_from_its_own_disk_a_day_later(world):
    control, gateway, offset = world
    assert control.api.drain("second", span="2h").status == 201
    assert control.api.ask(
        "POST", "/v1/overrides",
        {"effect": {"kind": "cap", "deployment": "primary/practice-large", "concurrent": 64}, "reason": "a drill",
         "for": "7d"}).status == 201
    figures.say("control dead: the gateway takes generation 3 and both are killed")
    gateway.start()
    gateway.wait_for_state(
        lambda state: state["configuration"]["generation"] == 3 and state["configuration"]["source"] == "control",
        TAKEN_BOUND_SECONDS, "generation 3 from control")
    wait_until(lambda: len(list(gateway.ring.glob("*"))) >= 1, TAKEN_BOUND_SECONDS, "the ring", lambda: "empty")
    gateway.child.kill()
    control.kill()

    offset.write_text(str(DAY_NANOSECONDS))
    spans = start_cold(gateway, ["assistant", "other"])
    slowest = max(spans.values())
    figures.note(
        "control dead, clock a day on", start_to_first_answer_s=round(min(spans.values()), 3),
        start_to_every_route_s=round(slowest, 3))
    assert slowest <= START_BOUND_SECONDS, spans
    state = gateway.state()
    assert state["ready"] and state["configuration"]["source"] == "ring"
    assert state["configuration"]["generation"] == 3


def test_it_says_that_what_it_has_may_be_old(world):
    _, gateway, _ = world
    began = time.monotonic()
    state = gateway.wait_for_state(
        lambda state: state["configuration"]["stale"], STALE_BOUND_SECONDS, "stale while nobody answers")
    figures.note("control dead, clock a day on", stale_said_after_s=round(time.monotonic() - began, 1))
    for route in ("assistant", "other"):
        status, headers = ask_gateway(gateway.listen, route)
        assert status == 200
        assert "stale-config" in headers.get("x-holdfast-degraded", ""), headers
        assert headers["x-holdfast-generation"] == "3"
    assert state["configuration"]["generation"] == 3
    # What was for two hours is over by this clock; what was for a week is not.
    overrides = gateway.wait_for_state(
        lambda state: len(state["configuration"]["overrides"]) == 1, TAKEN_BOUND_SECONDS, "the drain of two hours over"
    )["configuration"]["overrides"]
    assert overrides[0]["effect"]["kind"] == "cap"


def test_it_goes_on_where_control_comes_back(world):
    control, gateway, _ = world
    control.start()
    assert control.api.publish(control.config.read_text() + "# back\n").status == 201
    began = time.monotonic()
    gateway.wait_for_state(
        lambda state: state["configuration"]["generation"] == 4 and not state["configuration"]["stale"],
        RETURN_BOUND_SECONDS, "generation 4 of the control that came back")
    figures.note("control dead, clock a day on", back_in_step_after_s=round(time.monotonic() - began, 1))
    status, headers = ask_gateway(gateway.listen, "other")
    assert status == 200 and "stale-config" not in headers.get("x-holdfast-degraded", "")
