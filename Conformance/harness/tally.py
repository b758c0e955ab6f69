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
    # Answers that say so in `x-holdfast-degraded`. A stream that had begun before says it in a comment.
    failover: int = 0
    longest_seconds: float = 0

    @classmethod
    def of(cls, name: str, exchanges: Iterable[Exchange], expected: dict[str, str]) -> "Tally":
        tally = cls(name)
        for exchange in exchanges:
            tally.failover += exchange.degraded == "failover"
            tally.longest_seconds = max(tally.longest_seconds, exchange.ended - exchange.started)
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


COLUMNS = {
    "unary_ok": "unary ok", "unary_failed": "failed", "streams": "streams", "whole": "whole",
    "continued": "of these continued", "interrupted": "interrupted", "truncated": "cut in silence",
    "failed": "failed", "mixed": "mixed texts", "failover": "failover", "longest_seconds": "longest",
}
_tallies: dict[str, Tally] = {}


def merged(name: str, tallies: Iterable[Tally]) -> Tally:
    tallies = list(tallies)
    sums = {field: sum(getattr(tally, field) for tally in tallies) for field in COLUMNS if field != "longest_seconds"}
    return Tally(name, **sums, longest_seconds=max(tally.longest_seconds for tally in tallies))


def record(tally: Tally) -> Tally:
    """Counts before they are judged, so that those of a failed test are in the table too. The same name is the same
    row."""
    earlier = _tallies.get(tally.name)
    _tallies[tally.name] = merged(tally.name, [earlier, tally]) if earlier else tally
    return tally


def lines() -> list[str]:
    """The table: a row for each name, and the sums. Empty where nothing was counted."""
    if not _tallies:
        return []

    def row(tally: Tally) -> list[str]:
        return [tally.name, *(str(getattr(tally, field)) for field in COLUMNS if field != "longest_seconds"),
                f"{tally.longest_seconds:.2f} s"]

    rows = [["", *COLUMNS.values()], *map(row, _tallies.values()), row(merged("all", _tallies.values()))]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    return ["  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:]))])
            for name, *cells in rows]


def write(path: Path) -> None:
    path.write_text(json.dumps([dataclasses.asdict(tally) for tally in _tallies.values()], indent=2) + "\n")
