"""Disks that are small, full or read-only: a memory file system of their own."""
from __future__ import annotations

import os
import subprocess
from pathlib import Path


class SmallDisk:
    """Mounted by `with`, and gone after it."""

    def __init__(self, place: Path, kibibytes: int):
        self.place = place
        self._size = f"size={kibibytes}k"
        self._ballast = place / "ballast"

    def __enter__(self) -> SmallDisk:
        self.place.mkdir(parents=True, exist_ok=True)
        # Of a run that was killed.
        subprocess.run(["umount", "-l", str(self.place)], capture_output=True)
        self._mount("-t", "tmpfs", "-o", self._size, "under-fire", str(self.place))
        return self

    def __exit__(self, *_) -> None:
        # Lazily: whoever still uses it does not keep it there.
        subprocess.run(["umount", "-l", str(self.place)], check=True, capture_output=True)

    @staticmethod
    def _mount(*arguments: str) -> None:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")

    def fill(self) -> None:
        with open(self._ballast, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def free(self) -> None:
        self._ballast.unlink()

    def make_read_only(self) -> None:
        self._mount("-o", "remount,ro", str(self.place))

    def make_writable(self) -> None:
        self._mount("-o", "remount,rw", str(self.place))


def refusal(place: Path) -> str | None:
    """Why there can be no such disk here; None: there can."""
    if os.geteuid() != 0:
        return "mounting a small disk needs root: run it with sudo"
    try:
        with SmallDisk(place, 64):
            return None
    except OSError as error:
        return f"no small disk can be mounted here: {error}"
