"""What was measured: printed at the end of the run, and kept as JSON for whoever quotes it."""
import json
import math
import time
from pathlib import Path

_figures: dict[str, dict[str, object]] = {}
_began = time.monotonic()


def note(scenario: str, **values: object) -> None:
    _figures.setdefault(scenario, {}).update(values)


def say(text: str) -> None:
    """Progress, for whoever watches a run of minutes."""
    print(f"[{time.monotonic() - _began:6.1f} s] {text}", flush=True)


def percentile(values: list[float], share: float) -> float:
    """The nearest rank: never smoother than what was seen."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def lines() -> list[str]:
    found = []
    for scenario, values in _figures.items():
        found.append(scenario)
        found += [f"  {name.replace('_', ' '):<44} {value}" for name, value in values.items()]
    return found


def write(path: Path) -> None:
    """Scenarios of earlier runs stay until they run again, so that single files can be run by themselves."""
    earlier = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**earlier, **_figures}, indent=2) + "\n")
