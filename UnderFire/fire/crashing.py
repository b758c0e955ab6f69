"""The writer and the check for `crashsim.py`, and what that needs to know of threads and folders."""
from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

from fire import settings
from fire.ledger import Ledger, Operations
from fire.plane import NOBODY, Control, verify_audit

# In turn; a backup reads everything, so there are fewer of them.
KINDS = ("snapshot", "override", "token", "key", "override", "backup", "snapshot", "token", "key")


def crashsim():
    spec = importlib.util.spec_from_file_location("crashsim", settings.tool("crashsim.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class WholeReplay(module.Replay):
        """The tool knows a writer of one thread and files alone. Here a call that another thread's interrupted is put
        together again, a folder that is synced is no file, and one that is renamed takes what is in it along."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.begun: dict[str, str] = {}

        def line(self, line: str):
            line = line.rstrip("\n")
            begun = re.match(r"(\d+)\s+(.*) <unfinished \.\.\.>$", line)
            if begun:
                self.begun[begun.group(1)] = f"{begun.group(1)} {begun.group(2)}"
                return
            resumed = re.match(r"(\d+)\s+<\.\.\. \w+ resumed>(.*)$", line)
            if resumed:
                line = self.begun.pop(resumed.group(1), "") + resumed.group(2)
            renamed = re.match(r"(?:\d+\s+)?rename\w*\((.*)\)\s+=\s+0", line)
            if renamed:
                self.rename_below(*[
                    module.path_of(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', renamed.group(1))])
            synced = re.match(r"(?:\d+\s+)?f(?:data)?sync\(\d+<([^>]*)>\)\s+=\s+0", line)
            if synced and module.path_of(synced.group(1)) not in self.live:
                self.examine()
                return
            super().line(line)

        def rename_below(self, source: str, target: str):
            for files in (self.live, self.durable):
                for path in [path for path in files if path.startswith(source + "/")]:
                    files[target + path[len(source):]] = files.pop(path)

    module.Replay = WholeReplay
    return module


def write(work: Path, rounds: int) -> None:
    """Makes changes, and says "ACK n" after the n-th that was acknowledged, from 0; -1: the process serves."""
    control = Control("writer", work, NOBODY)
    operations = Operations(control.config.read_text())
    control.start()
    try:
        (work / "admin").write_text(control.token)
        (work / "signing.pub").write_text(control.public_key.read_text())
        acknowledge(-1, work, operations)
        for turn in range(rounds):
            kind = KINDS[turn % len(KINDS)]
            assert operations.run(kind, f"{kind}-{turn}", control.api), operations.refusals
            acknowledge(turn, work, operations)
    finally:
        control.child.stop()


def acknowledge(turn: int, work: Path, operations: Operations) -> None:
    acknowledged = operations.acknowledged
    text = json.dumps({
        "generations": sorted(acknowledged.generations), "overrides": sorted(acknowledged.overrides),
        "tokens": sorted(acknowledged.tokens), "keys": sorted(acknowledged.keys), "backups": sorted(acknowledged.backups)})
    with open(work / "acknowledged", "a") as file:
        file.write(f"{turn} {text}\n")
    sys.stdout.write(f"ACK {turn}\n")
    sys.stdout.flush()


class Examiner:
    """Starts control on what a power loss has left."""

    def __init__(self, work: Path):
        self.work = work
        self.failures: list[str] = []
        self.states = 0

    def __call__(self, image: str, acknowledged: int) -> str:
        self.states += 1
        name = f"image-{self.states}"
        control = Control(name, self.work, NOBODY, data=Path(image))
        control.token = (self.work / "admin").read_text()
        try:
            verify_audit(Path(image), self.work / "signing.pub")
            control.start()
            ledger = Ledger.read(control.api)
            wanted = Operations("").acknowledged
            for line in (self.work / "acknowledged").read_text().splitlines():
                turn, text = line.split(" ", 1)
                if int(turn) <= acknowledged:
                    for field, found in json.loads(text).items():
                        getattr(wanted, field).update(found)
            ledger.check(wanted)
            return "ok"
        except AssertionError as error:
            self.failures.append(f"state {self.states}, after ACK {acknowledged}: {error}")
            return "corrupt"
        finally:
            control.child.stop(bound_seconds=0)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
