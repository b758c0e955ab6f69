"""Drills with the built binary: a real kill-primary against two practice providers, its evidence offline, and the same
experiment as the Chaos Toolkit runs it."""
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.control import Control, holdfast
from harness.holdfast import Practice, binary, get_json
from harness.waiting import wait_until

BOUND_SECONDS = 30
# A drill with its recovery, and what a busy machine adds.
DRILL_SECONDS = 240
RUN = ["kill-primary", "--route", "assistant", "--lease", "12s", "--probes", "5", "--target", "10s"]


@pytest.fixture(scope="module")
def practice(work):
    providers = [Practice(f"drill-{name}", work, ["--instant"]) for name in ("primary", "standby")]
    for provider in providers:
        provider.start()
    yield providers
    for provider in providers:
        provider.stop()


@pytest.fixture(scope="module")
def world(work, practice):
    """The management plane and a gateway that follows it."""
    primary, standby = practice
    document = {
        "providers": {
            "primary": {"base_url": primary.base_url, "network": "private"},
            "standby": {"base_url": standby.base_url, "network": "private"},
        },
        "routes": {"assistant": {"candidates": ["primary/practice-large", "standby/practice-large"]}},
    }
    control = Control("drill-control", document, work)
    control.start()
    gateway = control.enrolled_gateway("drill-gateway", {})
    gateway.start()
    control.wait_until_followed()
    yield control, gateway
    gateway.stop()
    control.stop()


def environment(control, gateway) -> dict[str, str]:
    path = f"{Path(binary()).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ, "PATH": path, "HOLDFAST_CONTROL": control.url, "HOLDFAST_TOKEN": control.admin,
        "HOLDFAST_OPERATIONS": f"http://{gateway.addresses['operations']}",
    }


def run(control, gateway, *arguments: str, bound: float = DRILL_SECONDS) -> subprocess.CompletedProcess:
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=bound, env=environment(control, gateway))


def settle(gateway) -> None:
    """Waits until nothing of an earlier drill is left: one on a provider that is out already proves nothing."""
    wait_until(lambda: all(item["breaker"] == "closed" for item in gateway.state()["deployments"]), DRILL_SECONDS,
               "closed breakers", gateway.child.log_tail)


def drill(control, gateway, *options: str) -> tuple[int, dict]:
    settle(gateway)
    told = run(control, gateway, "drill", "run", *options, "--reason", "conformance", "--json")
    assert told.stdout, f"{told.returncode}: {told.stderr}"
    return told.returncode, json.loads(told.stdout)


def counted(view: dict, what: str) -> int:
    return sum(view["measures"][name][what] for name in ("critical", "standard", "deferrable"))


@pytest.mark.long
def test_a_sham_raises_no_alarm(world):
    status, view = drill(*world, *RUN, "--sham")
    assert (status, view["verdict"]) == (0, "pass"), view["because"]
    assert "detected_after" not in view["measures"] and counted(view, "degraded") == 0


def test_the_primary_is_killed_and_the_work_goes_on(world, practice):
    control, gateway = world
    before = practice[0].last_number()
    status, view = drill(control, gateway, *RUN)
    assert (status, view["verdict"]) == (0, "pass"), view["because"]
    measures = view["measures"]
    assert measures["met"] >= 5 and counted(view, "lost") == 0
    assert counted(view, "degraded") >= 20, "the standby answered for the primary"
    assert measures["recovery_time"] <= 10_000
    assert [item["deployment"] for item in measures["answerers"]][0] == "standby/practice-large"
    assert any(second["second"] < 0 for second in view["seconds"]), "the state before was looked at"
    assert not control.get("/v1/status")["overrides"], "nothing of it is left"
    assert practice[0].last_number() > before, "the primary answers again: nobody has harmed it"
    fallback = control.get("/v1/fallbacks")["items"][0]
    assert (fallback["state"], fallback["deployment"]) == ("tested", "standby/practice-large")
    assert fallback["confidence_percent"] == 5


def test_what_was_is_proven_offline(world, work):
    control, gateway = world
    newest = control.get("/v1/drills?limit=1")["items"][0]
    bundle = work / "evidence.json"
    made = run(control, gateway, "drill", "evidence", newest["id"], "--format", "bundle", "-o", str(bundle))
    assert made.returncode == 0, made.stderr
    key = str(control.data / "signing.pub")
    # Without an address and a token: nobody is asked.
    verified = holdfast("drill", "verify", str(bundle), "--key", key, "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)["verdict"] == newest["verdict"]
    forged = json.loads(bundle.read_text())
    forged["signature"] = forged["signature"][:-6] + ("AAAA==" if forged["signature"][-6:] != "AAAA==" else "BBBB==")
    bundle.write_text(json.dumps(forged))
    assert holdfast("drill", "verify", str(bundle), "--key", key).returncode == 1
    page = run(control, gateway, "drill", "evidence", newest["id"]).stdout
    for part in (f"# Drill {newest['id']}: PASS", "## Timeline", "## Audit log", "drills.finish"):
        assert part in page


def test_without_traffic_nothing_is_proven(world):
    status, view = drill(*world, "kill-primary", "--route", "assistant", "--lease", "2s")
    assert (status, view["verdict"]) == (2, "inconclusive"), view["because"]


def test_the_lever_ends_it_and_the_fault_is_gone(world):
    control, gateway = world
    found: list[tuple[int, dict]] = []
    runner = threading.Thread(target=lambda: found.append(drill(control, gateway, *RUN)))
    runner.start()
    try:
        wait_until(lambda: control.get("/v1/drills?limit=1")["items"][0]["phase"] == "fault", BOUND_SECONDS,
                   "the fault", lambda: control.get("/v1/drills?limit=1"))
        assert run(control, gateway, "drill", "halt", "--reason", "a real one").returncode == 0
        runner.join(BOUND_SECONDS)
        assert not runner.is_alive() and found[0][0] == 2
        refused = run(control, gateway, "drill", "run", *RUN, "--reason", "now")
        assert refused.returncode == 1 and "halted" in refused.stderr
    finally:
        assert run(control, gateway, "drill", "resume", "--reason", "over").returncode == 0
        runner.join(DRILL_SECONDS)


@pytest.mark.long
def test_what_is_out_already_is_no_steady_state(world, practice):
    """Right behind a drill that was ended at once, of a primary that has failed in earnest meanwhile."""
    control, gateway = world
    settle(gateway)
    running = subprocess.Popen(
        [binary(), "drill", "run", *RUN, "--reason", "conformance"], env=environment(control, gateway),
        stdout=subprocess.DEVNULL)
    wait_until(lambda: gateway.state()["deployments"][0]["breaker"] == "open", BOUND_SECONDS, "an open breaker",
               gateway.child.log_tail)
    get_json(practice[0].listen, "/practice/faults", "POST", {"fault": "status", "for": "60s"})
    named = control.get("/v1/drills?limit=1")["items"][0]["id"]
    assert run(control, gateway, "drill", "stop", named, "--reason", "conformance").returncode == 0
    assert running.wait(DRILL_SECONDS) == 2
    told = run(control, gateway, "drill", "run", *RUN, "--lease", "60s", "--reason", "conformance", "--json")
    get_json(practice[0].listen, "/practice/faults", "DELETE")
    view = json.loads(told.stdout)
    assert (told.returncode, view["verdict"]) == (2, "inconclusive")
    assert "something was out" in view["because"][0] and "breaker" in view["mend"], view


def chaos(control, gateway, work: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(Path(sys.executable).parent / "chaos"), "--no-version-check", "--no-log-file", *arguments], cwd=work,
        capture_output=True, text=True, timeout=DRILL_SECONDS, env=environment(control, gateway))


@pytest.fixture(scope="module")
def experiment(world, work) -> Path:
    made = run(*world, "drill", "export", "--plan", *RUN, "--chaostoolkit")
    assert made.returncode == 0, made.stderr
    path = work / "experiment.json"
    path.write_text(made.stdout)
    return path


def test_the_chaos_toolkit_accepts_it(world, work, experiment):
    told = chaos(*world, work, "validate", str(experiment))
    assert told.returncode == 0, told.stdout + told.stderr
    imported = run(*world, "drill", "import", str(experiment))
    assert imported.returncode == 0 and "holdfast drill run kill-primary --route assistant" in imported.stdout


def journal(world, work, experiment, name: str) -> dict:
    settle(world[1])
    path = work / f"{name}.journal.json"
    told = chaos(*world, work, "run", "--journal-path", str(path), str(experiment))
    assert path.exists(), told.stdout + told.stderr
    return json.loads(path.read_text())


def test_the_chaos_toolkit_comes_to_the_same_verdict(world, work, experiment):
    control, _ = world
    told = journal(world, work, experiment, "pass")
    assert (told["status"], told["deviated"]) == ("completed", False), told
    assert control.get("/v1/drills?limit=1")["items"][0]["verdict"] == "pass"


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        pytest.param(["--target", "1ms"], "fail", id="fail"),
        pytest.param(["--probes", "0"], "inconclusive", id="inconclusive"),
    ])
def test_what_has_not_passed_deviates(world, work, change, verdict):
    control, gateway = world
    options = [*RUN, *change]
    # The later of two is the one that counts.
    named = dict(zip(options[1::2], options[2::2]))
    made = run(control, gateway, "drill", "export", "--plan", options[0],
               *[word for pair in named.items() for word in pair], "--chaostoolkit")
    assert made.returncode == 0, made.stderr
    path = work / f"{verdict}.json"
    path.write_text(made.stdout)
    told = journal(world, work, path, verdict)
    assert told["deviated"] is True, told
    assert control.get("/v1/drills?limit=1")["items"][0]["verdict"] == verdict
