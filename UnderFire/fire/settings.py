"""Spans and bounds that development shortens. The defaults are what is promised."""
import os
from pathlib import Path


def _number(name: str, default: float) -> float:
    return float(os.environ.get(name, default))


# Of each of the three sieges of test_saturation.
SIEGE_SECONDS = _number("UNDERFIRE_SIEGE_SECONDS", 60)
# Kills or failures in one operation; 0: every step that there is.
STEPS = int(_number("UNDERFIRE_STEPS", 0))
# Of what is drawn by chance.
SEED = int(_number("UNDERFIRE_SEED", 1))
GATEWAYS = int(_number("UNDERFIRE_GATEWAYS", 500))


def tool(name: str) -> Path:
    path = Path(os.environ["HOLDFAST_TOOLS"]) / name
    assert path.exists(), f"no {name} in {path.parent}: set HOLDFAST_TOOLS to the folder that holds it"
    return path
