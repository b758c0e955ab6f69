"""A gateway at ten times its load, then stopped, then cut off: whoever manages it sees and acts all the same."""
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from fire import figures, settings
from fire.namespaces import OUTER_ADDRESS, Namespace, refusal
from fire.people import People
from fire.plane import Control, PullingGateway, practice_document
from harness.holdfast import Practice

SCENARIO = "gateway saturated, stopped, cut off"
TAKEN_BOUND_SECONDS = 15
# From the moment at which the gateway runs again or is reached again; it asks every two seconds, and after failures it
# waits for at most `PullSchedule.longestBackoffNanoseconds`.
BACK_BOUND_SECONDS = 45
# At which this gateway answers most on a machine of two cores; ten times as many is the siege.
PEAK_CONNECTIONS = 32
PEAK_SECONDS = 4
# What the siege must reach, so that it is one: nearly all of the machine's processors, or all it has once more.
LEAST_BUSY_SHARE = 0.85

LUA = """
wrk.method = "POST"
wrk.body = '{"model":"assistant","max_tokens":3,"messages":[{"role":"user","content":"' .. string.rep("hold fast ", 90) .. '"}]}'
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"us":%d,"p99":%.0f,"status":%d,"broken":%d}\\n', summary.requests,
    summary.duration, latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


class World:
    """Control, and a gateway with its providers in a network of their own where there is one."""

    def __init__(self, work: Path, namespace: Namespace | None):
        self.work, self.namespace = work, namespace
        self.wrapper = namespace.wrapper if namespace else []
        self.providers = {
            name: Practice(name, work, ["--first-token", "0ms", "--token-gap", "0ms"], self.wrapper)
            for name in ("primary", "second")}
        self.control = Control("control", work, host=OUTER_ADDRESS if namespace else "127.0.0.1")
        self.gateway: PullingGateway | None = None
        self.script = work / "load.lua"
        self.script.write_text(LUA)

    def start(self):
        for provider in self.providers.values():
            provider.start()
        self.control.write(practice_document(self.providers, self.control.address))
        self.control.start()
        token = self.control.api.token_of("node", "gateway")
        self.gateway = PullingGateway("gateway", self.work, self.control, token, wrapper=self.wrapper)
        self.gateway.start()

    def stop(self):
        for served in [self.gateway, self.control, *self.providers.values()]:
            if served is not None:
                served.child.stop()

    def load(self, connections: int, seconds: float) -> subprocess.Popen:
        command = [
            *self.wrapper, "wrk", f"-t{os.cpu_count()}", f"-c{connections}", f"-d{max(1, round(seconds))}s",
            "--timeout", "30s", "-s", str(self.script), f"http://{self.gateway.listen}/v1/chat/completions"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for_generation(self, number: int, bound_seconds: float) -> float:
        began = time.monotonic()
        self.gateway.wait_for_state(
            lambda state: state["configuration"]["generation"] == number, bound_seconds, f"generation {number}")
        return time.monotonic() - began


def finished(load: subprocess.Popen) -> dict:
    text, _ = load.communicate(timeout=120)
    assert load.returncode == 0 and text.strip(), text[-500:]
    return json.loads(text.strip().splitlines()[-1])


def busy_seconds() -> float:
    """Of all processors together, since the start of the machine, whoever used them."""
    fields = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def world(work):
    why = refusal()
    if why is None:
        with Namespace() as namespace:
            made = World(work, namespace)
            try:
                made.start()
                yield made
            finally:
                made.stop()
        return
    figures.note(SCENARIO, without_a_namespace=why)
    made = World(work, None)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def newest(control: Control) -> int:
    return control.api.get("/v1/status")["generation"]


def act(world: World) -> int:
    """A drain and a rollback by command, while it lasts. Returns the generation that they lead to."""
    control = world.control
    text = world.control.config.read_text()
    before = newest(control)
    assert control.api.publish(f"{text}# {before}\n").status == 201
    began = time.monotonic()
    drained = control.command("drain", "--provider", "second", "--reason", "a siege", "--for", "1h")
    drain_seconds = time.monotonic() - began
    assert drained.returncode == 0, drained.stderr
    began = time.monotonic()
    back = control.command("rollback", str(before), "--reason", "a siege")
    rollback_seconds = time.monotonic() - began
    assert back.returncode == 0, back.stderr
    assert re.search(r"drain-\w+", drained.stdout)
    generation = newest(control)
    # Three changes; what comes during a roll-out is signed with both documents.
    assert generation in (before + 3, before + 4)
    assert control.api.get("/v1/generations/newest")["document"] == control.api.get(
        f"/v1/generations/{before}")["document"]
    figures.say(f"drain took {drain_seconds:.2f} s and rollback {rollback_seconds:.2f} s by command")
    return generation


def besiege(world: World, name: str, during=None) -> tuple[People, int]:
    """People look for the whole span, and somebody acts in its middle."""
    with People(world.control.api) as people:
        began = time.monotonic()
        time.sleep(settings.SIEGE_SECONDS / 2)
        generation = act(world)
        if during:
            during(generation)
        time.sleep(max(0.0, settings.SIEGE_SECONDS - (time.monotonic() - began)))
    found = people.figures(name)
    figures.note(SCENARIO, **found)
    figures.say(", ".join(f"{key.split(': ')[1]} {value}" for key, value in found.items()))
    return people, generation


def check_effect(world: World, name: str, generation: int):
    seconds = world.wait_for_generation(generation, BACK_BOUND_SECONDS)
    overrides = world.gateway.state()["configuration"]["overrides"]
    assert [override["effect"]["kind"] for override in overrides][-1:] == ["drain"], overrides
    figures.note(SCENARIO, **{f"{name}: drain and rollback in force after s": round(seconds, 1)})


def test_at_ten_times_its_load(world):
    peak = finished(world.load(PEAK_CONNECTIONS, PEAK_SECONDS))
    rate = peak["requests"] / peak["us"] * 1e6
    figures.say(f"the gateway's peak is {rate:.0f} requests a second with {PEAK_CONNECTIONS} connections")
    load = world.load(10 * PEAK_CONNECTIONS, settings.SIEGE_SECONDS + 5)
    in_force = []
    try:
        cpu, began = busy_seconds(), time.monotonic()
        people, generation = besiege(
            world, "saturated",
            lambda generation: in_force.append(world.wait_for_generation(generation, BACK_BOUND_SECONDS)))
        share = (busy_seconds() - cpu) / (time.monotonic() - began) / os.cpu_count()
        result = finished(load)
    finally:
        load.kill()
    figures.note(SCENARIO, **{
        "peak requests/s": round(rate), "siege connections": 10 * PEAK_CONNECTIONS,
        "siege requests/s": round(result["requests"] / result["us"] * 1e6), "siege p99 ms": result["p99"] / 1000,
        "siege: busy share of all processors": round(share, 2), "siege: exchanges shed or refused": result["status"],
        "siege: drain and rollback in force, still under it, after s": round(in_force[0], 1)})
    people.check()
    assert share >= LEAST_BUSY_SHARE, f"the processors were busy for {share:.0%}: this was no siege"
    check_effect(world, "saturated", generation)


def test_stopped(world):
    figures.say("the gateway is stopped with SIGSTOP")
    gateway = world.gateway
    os.kill(gateway.addresses["pid"], 19)
    try:
        people, generation = besiege(world, "stopped")
        silent = world.control.api.get("/v1/gateways")["items"][0]["silent_for_milliseconds"]
        assert silent >= settings.SIEGE_SECONDS * 900, "that it is silent is seen"
    finally:
        os.kill(gateway.addresses["pid"], 18)
    people.check()
    check_effect(world, "stopped", generation)


def test_cut_off(world):
    if world.namespace is None:
        pytest.skip(f"cutting a gateway off needs a namespace: {refusal()}")
    figures.say("the gateway's network is cut")
    world.namespace.cut()
    try:
        people, generation = besiege(world, "cut off")
        state = world.gateway.state()
        assert state["configuration"]["generation"] < generation and state["ready"], "it serves on with what it has"
        if settings.SIEGE_SECONDS >= 35:
            assert state["configuration"]["stale"]
    finally:
        world.namespace.mend()
    people.check()
    check_effect(world, "cut off", generation)

