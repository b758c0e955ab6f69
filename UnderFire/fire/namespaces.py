"""A network namespace of its own, joined to this one by a pair of virtual interfaces that can be cut."""
from __future__ import annotations

import os
import subprocess

NAME, OUTER, INNER = "hf-fire", "hf-fire0", "hf-fire1"
OUTER_ADDRESS, INNER_ADDRESS = "10.79.0.1", "10.79.0.2"


def _run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True)


class Namespace:
    """Made by `with`, and gone with everything in it after it, also what a killed run has left."""

    wrapper = ["ip", "netns", "exec", NAME]

    def __enter__(self) -> Namespace:
        self._remove()
        for command in (
            ["ip", "netns", "add", NAME],
            ["ip", "link", "add", OUTER, "type", "veth", "peer", "name", INNER, "netns", NAME],
            ["ip", "addr", "add", f"{OUTER_ADDRESS}/30", "dev", OUTER],
            ["ip", "link", "set", OUTER, "up"],
            ["ip", "-n", NAME, "addr", "add", f"{INNER_ADDRESS}/30", "dev", INNER],
            ["ip", "-n", NAME, "link", "set", INNER, "up"],
            ["ip", "-n", NAME, "link", "set", "lo", "up"],
        ):
            done = _run(*command)
            if done.returncode:
                self._remove()
                raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
        return self

    def __exit__(self, *_) -> None:
        self._remove()

    @staticmethod
    def _remove() -> None:
        _run("ip", "link", "del", OUTER)
        _run("ip", "netns", "del", NAME)

    def cut(self) -> None:
        assert _run("ip", "link", "set", OUTER, "down").returncode == 0

    def mend(self) -> None:
        assert _run("ip", "link", "set", OUTER, "up").returncode == 0


def refusal() -> str | None:
    """Why there can be no namespace here; None: there can."""
    if os.geteuid() != 0:
        return "a network namespace needs root: run it with sudo"
    try:
        with Namespace():
            return None
    except OSError as error:
        return f"no network namespace can be made here: {error}"
