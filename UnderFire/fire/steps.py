"""The far side of `stepshim.c`: arms it, and reads what it counted."""
import errno
import mmap
import shutil
import struct
from pathlib import Path

from fire.ledger import Operations
from fire.plane import NOBODY, Control

_WORDS = struct.Struct("5q")
_LOGGED, _LINE = 8192, 64
OFF, COUNT, KILL, FAIL = range(4)
EVERY_FROM_THERE_ON = 1 << 40


class Steps:
    def __init__(self, library: Path, board: Path, folder: Path):
        board.write_bytes(bytes(_WORDS.size + _LOGGED * _LINE))
        with open(board, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.environment = {
            "LD_PRELOAD": str(library), "STEPSHIM_FILE": str(board), "STEPSHIM_FOLDER": f"{folder.resolve()}/"}

    def _arm(self, mode: int, target: int = 0, span: int = 0, error: int = 0) -> None:
        # The mode last: nothing is counted before the rest stands.
        self._map[:8] = struct.pack("q", OFF)
        self._map[8:_WORDS.size] = struct.pack("4q", target, span, error, 0)
        self._map[:8] = struct.pack("q", mode)

    def count(self) -> None:
        self._arm(COUNT)

    def kill_at(self, step: int) -> None:
        """SIGKILL just before that call; the calls before it are done."""
        self._arm(KILL, step)

    def fail_at(self, step: int, error: int = errno.EIO, span: int = 1) -> None:
        self._arm(FAIL, step, span, error)

    def off(self) -> None:
        self._map[:8] = struct.pack("q", OFF)

    @property
    def counted(self) -> int:
        return _WORDS.unpack(self._map[:_WORDS.size])[4]

    def lines(self) -> list[str]:
        found = []
        for place in range(min(self.counted, _LOGGED)):
            start = _WORDS.size + place * _LINE
            found.append(self._map[start:start + _LINE].split(b"\0")[0].decode(errors="replace"))
        return found


def stepped_control(name: str, work: Path, library: Path) -> tuple[Control, Steps]:
    """Control whose calls on its data directory are counted."""
    data = work / f"{name}.data"
    steps = Steps(library, work / f"{name}.steps", data)
    return Control(name, work, NOBODY, data=data, environment=steps.environment), steps


class Stepped:
    """Such a one with what was asked of it, its public key, and its directory as it was at first."""

    def __init__(self, name: str, work: Path, library: Path):
        self.control, self.steps = stepped_control(name, work, library)
        self.operations = Operations(self.control.config.read_text())
        self._first = work / f"{name}.first"
        self.control.start()
        self.control.kill()
        shutil.copytree(self.control.data, self._first)
        self.control.start()
        self.key = work / f"{name}.pub"
        self.key.write_text(self.control.public_key.read_text())

    def begin_anew(self) -> None:
        """Where what is there already makes a change ever longer: a backup copies all of it."""
        self.control.kill()
        shutil.rmtree(self.control.data)
        shutil.copytree(self._first, self.control.data)
        self.operations = Operations(self.control.config.read_text())
        self.control.start()
