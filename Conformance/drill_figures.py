"""Ten runs of every fault against two real llama.cpp servers, and what the drills measured, as a page.

    Conformance/run --figures                       into Docs/drill-figures.md: about a quarter of an hour
    Conformance/run --figures --runs 3 --page PATH

Each fault has a management plane and a gateway of its own, so that they run side by side and no breaker of one is seen by
another; the two model servers are shared. The traffic is the drills' own probes.
"""
import argparse
import datetime
import os
import platform
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness.control import Control  # noqa: E402
from harness.holdfast import binary  # noqa: E402
from harness.upstreams import llama_cpp_server, xllamacpp_server  # noqa: E402
from harness.pairs import started  # noqa: E402

FAULTS = ["refuse", "silence", "slow", "cut", "revoke", "500", "503", "429", "sham"]
LEASE = "10s"
PROBES_PER_SECOND = 5
# Longer than the slow start that the run before has left behind, so that each begins as the first one did.
BASELINE = "33s"
RUN_BOUND_SECONDS = 240
ENVIRONMENT = {"PRIMARY_KEY": "llama-upstream-key", "STANDBY_KEY": "second-upstream-key"}


def document(primary: str, standby: str) -> dict:
    """Short limits: what is silent is left after a second, as an operator of a model of one's own would have it."""
    def provider(url: str, key: str) -> dict:
        return {"dialect": "openai", "base_url": url, "network": "private", "owned": True, "api_key": key}
    return {
        "providers": {"primary": provider(primary, "${PRIMARY_KEY}"), "standby": provider(standby, "${STANDBY_KEY}")},
        "routes": {
            "assistant": {
                "candidates": ["primary/tiny", "standby/tiny"],
                "timeouts": {"connect": "500ms", "first_byte": "1s", "first_token": "1s", "idle": "1s", "response": "2s",
                             "total": "10s"},
            },
        },
        "workloads": {"triage": {"criticality": "critical"}},
    }


def one_run(control: Control, fault: str, number: int) -> dict:
    body = {"plan": "kill-primary", "route": "assistant", "lease": LEASE, "baseline": BASELINE, "probes": PROBES_PER_SECOND,
            "reason": f"figures: {fault}, run {number}"}
    body |= {"sham": True} if fault == "sham" else {"fault": fault}
    answer = control.ask("POST", "/v1/drills", control.admin, body)
    assert answer.status == 201, f"{fault}: {answer.status} {answer.body!r}"
    return control.wait_for_drill(answer.json()["id"], RUN_BOUND_SECONDS)


def span(values: list[float | None], unit: str = "") -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    text = f"{statistics.median(known):,.0f}{unit} ({min(known):,.0f}–{max(known):,.0f})"
    return text if len(known) == len(values) else f"{text}, {len(known)} of {len(values)}"


def row(fault: str, runs: list[dict]) -> str:
    def measured(name: str) -> list:
        return [run["measures"].get(name) for run in runs]

    def counted(name: str) -> list:
        return [sum(run["measures"][kind][name] for kind in ("critical", "standard", "deferrable")) for run in runs]
    verdicts = {verdict: sum(run["verdict"] == verdict for run in runs) for verdict in ("pass", "fail", "inconclusive")}
    said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items() if count)
    cells = [
        fault, said, span(measured("detected_after")), span(measured("acted_after")), span(measured("recovery_time")),
        span(measured("met")), span(counted("answered")), span(counted("degraded")), span(counted("lost")),
        f"{sum(bool(run['measures']['is_steady_again']) for run in runs)} of {len(runs)}",
    ]
    return f"| {' | '.join(cells)} |"


def page(results: dict[str, list[dict]], runs: int) -> str:
    version = subprocess.run([binary(), "version"], capture_output=True, text=True, check=True).stdout.strip()
    because = [
        f"- {fault}, {run['id']}: {run['verdict']}: {'; '.join(run['because'])}"
        for fault, drills in results.items() for run in drills if run["verdict"] != "pass"]
    return "\n".join([
        "# Drill figures", "",
        f"Written by `Conformance/run --figures --runs {runs}` on {datetime.date.today()}; do not edit. {version}, "
        f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}.", "",
        f"`kill-primary` on a route of two llama.cpp servers with the same tiny model (llama-cpp-python's server first, "
        f"llama.cpp's own behind it), {runs} runs for each fault, baseline {BASELINE}, lease {LEASE}, "
        f"{PROBES_PER_SECOND} probes a second and no other traffic, all faults side by side on one machine. Milliseconds since t₀: median (least–most). Counts are of "
        "exchanges since t₀, to the end of the observation.", "",
        "| fault | verdicts | detected | acted | recovery time | met the fault | answered | degraded | lost | steady again |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *[row(fault, drills) for fault, drills in results.items()], "",
        "Why a run did not pass:" if because else "Every run passed.", "", *because, "",
    ])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--page", type=Path, default=Path(__file__).parent.parent / "Docs" / "drill-figures.md")
    options = parser.parse_args()
    faults = options.faults.split(",")
    work = Path(os.environ["CONFORMANCE_WORK"]) / "figures"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    model = work / "tiny.gguf"
    tool = Path(os.environ["HOLDFAST_TOOLS"]) / "tiny_gguf.py"
    subprocess.run([sys.executable, str(tool), str(model)], check=True, stdout=subprocess.DEVNULL)
    primary, standby = llama_cpp_server(work, model), xllamacpp_server(work, model)
    with started(primary, standby):
        planes, gateways = {}, []
        try:
            # From the main thread: the kernel ties a child to the thread that started it.
            for fault in faults:
                planes[fault] = Control(f"control-{fault}", document(primary.base_url, standby.base_url), work, ENVIRONMENT)
                planes[fault].start()
                gateways.append(planes[fault].enrolled_gateway(f"gateway-{fault}", ENVIRONMENT))
                gateways[-1].start()
            for plane in planes.values():
                plane.wait_until_followed()
            with ThreadPoolExecutor(len(faults)) as side_by_side:
                def all_runs(fault: str) -> list[dict]:
                    drills = []
                    for number in range(1, options.runs + 1):
                        drills.append(one_run(planes[fault], fault, number))
                        print(f"{fault}: run {number} of {options.runs}: {drills[-1]['verdict']}", flush=True)
                    return drills
                results = dict(zip(faults, side_by_side.map(all_runs, faults)))
        finally:
            for served in [*gateways, *planes.values()]:
                served.child.stop()
    options.page.write_text(page(results, options.runs))
    print(f"figures in {options.page}")


if __name__ == "__main__":
    main()
