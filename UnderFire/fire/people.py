"""People who look at the management plane at a steady rate, whatever happens around it."""
from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field

from fire.figures import percentile
from fire.plane import API

PATHS = ("/v1/status", "/v1/gateways", "/v1/generations", "/v1/overrides")
P99_BOUND_SECONDS = 0.250
WORST_BOUND_SECONDS = 1.0
# Each looker asks so often, and all of them together twice that: far more than operators in an emergency do.
RATE_PER_LOOKER = 10
LOOKERS = 2


@dataclass
class Seen:
    spans: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class People:
    """Asks in the background from `with` to its end. What one question takes delays none that comes after it: a late
    question is asked at once, and its span counts from when it was due (no coordinated omission)."""

    def __init__(self, api: API):
        self._api = api
        self._stop = threading.Event()
        self._seen = [Seen() for _ in range(LOOKERS)]
        self._threads = [
            threading.Thread(target=self._look, args=(number, seen)) for number, seen in enumerate(self._seen)]

    def __enter__(self) -> People:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _look(self, number: int, seen: Seen) -> None:
        host, port = self._api.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        due = time.monotonic() + number / RATE_PER_LOOKER / LOOKERS
        turn = number
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            path = PATHS[turn % len(PATHS)]
            try:
                connection.request("GET", path, headers={"authorization": f"Bearer {self._api.token}"})
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    seen.errors.append(f"{path}: {response.status} {body[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                seen.errors.append(f"{path}: {error!r}")
                connection.close()
            seen.spans.append(time.monotonic() - due)
            due += 1 / RATE_PER_LOOKER
            turn += 1
        connection.close()

    @property
    def spans(self) -> list[float]:
        return [span for seen in self._seen for span in seen.spans]

    @property
    def errors(self) -> list[str]:
        return [error for seen in self._seen for error in seen.errors]

    def figures(self, name: str) -> dict[str, object]:
        spans = self.spans
        return {
            f"{name}: management requests": len(spans),
            f"{name}: p50 ms": round(percentile(spans, 0.50) * 1000, 1),
            f"{name}: p99 ms": round(percentile(spans, 0.99) * 1000, 1),
            f"{name}: worst ms": round(max(spans) * 1000, 1),
            f"{name}: errors": len(self.errors)}

    def check(self) -> None:
        assert not self.errors, f"{len(self.errors)} errors, the first: {self.errors[:3]}"
        assert percentile(self.spans, 0.99) <= P99_BOUND_SECONDS, f"p99 {percentile(self.spans, 0.99):.3f} s"
        assert max(self.spans) <= WORST_BOUND_SECONDS, f"worst {max(self.spans):.3f} s"
