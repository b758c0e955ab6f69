"""The picture of the documentation, of a real drill in a real browser.

    Conformance/run --pictures                      into Docs/pictures: about a minute
"""
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness.browser import Browser  # noqa: E402
from harness.control import Control  # noqa: E402
from harness.holdfast import Practice  # noqa: E402

PICTURES = Path(__file__).parent.parent / "Docs" / "pictures"
DRILL_SECONDS = 240


def world(work: Path) -> tuple[list[Practice], Control]:
    providers = [Practice(name, work, ["--first-token", "30ms", "--token-gap", "4ms"]) for name in ("primary", "secondary")]
    for provider in providers:
        provider.start()
    control = Control("control", {
        "providers": {
            provider.child.name: {"base_url": provider.base_url, "network": "private", "vendor": f"practice-{provider.child.name}"}
            for provider in providers},
        "routes": {"assistant": {"candidates": ["primary/practice-large", "secondary/practice-large"]}},
        "workloads": {"triage": {"criticality": "critical", "routes": ["assistant"]}},
    }, work)
    control.start()
    return providers, control


def drilled(control: Control) -> str:
    answer = control.ask("POST", "/v1/drills", control.admin, {
        "plan": "kill-primary", "route": "assistant", "lease": "10s", "probes": 5,
        "reason": "does the fallback work"})
    assert answer.status == 201, answer.body
    return control.wait_for_drill(answer.json()["id"], DRILL_SECONDS)["id"]


def main() -> None:
    work = Path(os.environ["CONFORMANCE_WORK"]) / "pictures"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    providers, control = world(work)
    gateway = control.enrolled_gateway("gateway", {})
    gateway.start()
    try:
        control.wait_until_followed()
        name = drilled(control)
        browser = Browser(work)
        try:
            browser.resize(1200)
            browser.sign_in(control.url, control.admin)
            PICTURES.mkdir(exist_ok=True)
            browser.go(f"drills/{name}")
            browser.shoot("drill")
            shutil.copy(browser.shots / "drill.png", PICTURES / "drill.png")
            print(PICTURES / "drill.png")
        finally:
            browser.stop()
    finally:
        for served in [gateway, control, *providers]:
            served.child.stop()


if __name__ == "__main__":
    main()
