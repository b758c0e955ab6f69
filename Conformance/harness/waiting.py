"""Waiting on conditions: always with a bound, and with the state in the message when the bound is reached."""
import time
from collections.abc import Callable

POLL_SECONDS = 0.02


def wait_until(
    condition: Callable[[], object], bound_seconds: float, what: str, state: Callable[[], object],
    poll_seconds: float = POLL_SECONDS,
):
    """Return the first true value of `condition`; fail with `what` and `state()` once the bound is reached."""
    deadline = time.monotonic() + bound_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {bound_seconds:g} s for {what}; state: {state()}")
        time.sleep(poll_seconds)
