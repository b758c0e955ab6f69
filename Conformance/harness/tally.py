"""What became of the exchanges of a test, counted. The counts of all tests are printed at the end of the run."""
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from harness.asking import Exchange, Outcome


@dataclasses.dataclass
class Tally:
    name: str
    unary_ok: int = 0
    unary_failed: int = 0
    streams: int = 0
    whole: int = 0
    # Of those that are whole: begun by one server and ended by the other.
    continued: int = 0
    interrupted: int = 0
    truncated: int = 0
    # Neither whole nor interrupted as it should be; and texts that no server has said.
    failed: int = 0
    mixed: int = 0
    by_standby: int = 0

    @classmethod
    def of(cls, name: str, exchanges: Iterable[Exchange], expected: dict[str, str]) -> "Tally":
        tally = cls(name)
        for exchange in exchanges:
            tally.by_standby += exchange.deployment.startswith("standby")
            # What is not whole is a beginning of the answer, and nothing else.
            answer = expected[exchange.question]
            is_whole = exchange.outcome is Outcome.WHOLE
            tally.mixed += exchange.text != (answer if is_whole else answer[:len(exchange.text)])
            if not exchange.streamed:
                tally.unary_ok += is_whole
                tally.unary_failed += not is_whole
                continue
            tally.streams += 1
            tally.whole += is_whole
            tally.continued += is_whole and exchange.continued
            tally.interrupted += exchange.outcome is Outcome.INTERRUPTED
            tally.truncated += exchange.outcome is Outcome.TRUNCATED
            tally.failed += exchange.outcome in (Outcome.ERROR_THEN_DONE, Outcome.FAILED)
        return tally

    def assert_promise(self, exchanges: list[Exchange]) -> None:
        """No failed unary request, no stream cut off in silence, nothing that no server has said."""
        offenders = [exchange for exchange in exchanges if exchange.outcome not in (Outcome.WHOLE, Outcome.INTERRUPTED)]
        assert offenders == []
        broken = {"unary_failed": self.unary_failed, "truncated": self.truncated, "failed": self.failed,
                  "mixed": self.mixed}
        assert not any(broken.values()), (broken, [vars(exchange) for exchange in exchanges if exchange.text][:3])
        assert self.whole + self.interrupted == self.streams


COLUMNS = [
    ("unary_ok", "unary ok"), ("unary_failed", "unary failed"), ("streams", "streams"), ("whole", "whole"),
    ("continued", "of these continued"), ("interrupted", "interrupted"), ("truncated", "cut in silence"),
    ("failed", "streams failed"), ("mixed", "mixed texts"), ("by_standby", "by the standby"),
]
tallies: list[Tally] = []


def record(tally: Tally) -> Tally:
    """Counts before they are judged, so that those of a failed test are in the table too."""
    tallies.append(tally)
    return tally


def lines() -> list[str]:
    """The table: a row for each test, and the sums."""
    total = Tally("all", **{field: sum(getattr(tally, field) for tally in tallies) for field, _ in COLUMNS})
    rows = [["", *(title for _, title in COLUMNS)]]
    rows += [[tally.name, *(str(getattr(tally, field)) for field, _ in COLUMNS)] for tally in [*tallies, total]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
            for row in rows]


def write(path: Path) -> None:
    path.write_text(json.dumps([dataclasses.asdict(tally) for tally in tallies], indent=2) + "\n")
