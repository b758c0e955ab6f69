"""A world for one drill: control, a gateway that pulls from it, two providers, and clients at a steady rate."""
from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from fire.plane import Control, PullingGateway, practice_document, verify_audit
from harness.holdfast import Key, Practice, Served
from harness.waiting import wait_until

ROUTE = "assistant"
PRIMARY, SECOND = "primary/practice-large", "second/practice-large"
LEASE_SECONDS, BASELINE_SECONDS = 6, 2
# A provider that has recovered is used again within this: see the breaker's longest wait.
USED_AGAIN_SECONDS = 20
# A gateway hears of an order with its next pull, and of its end too.
HEARD_SECONDS = 5
DONE_BOUND_SECONDS = 120
REQUESTS_PER_SECOND, CLIENTS = 20, 2


@dataclass
class Reply:
    at: float
    # 0: the connection broke, or nobody listened.
    status: int
    deployment: str = ""
    degraded: str = ""


class Load:
    """Critical exchanges from `with` to its end. A late one is asked at once and delays none that comes after it."""

    def __init__(self, gateway: Served, key: Key):
        self._gateway, self._key = gateway, key
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._replies: list[Reply] = []
        self._threads = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _ask_on(self, number: int) -> None:
        connection = None
        gap = CLIENTS / REQUESTS_PER_SECOND
        due = time.monotonic() + gap * number / CLIENTS
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += gap
            try:
                if connection is None:
                    # It has another port after a restart.
                    host, port = self._gateway.listen.rsplit(":", 1)
                    connection = http.client.HTTPConnection(host, int(port), timeout=15)
                reply = self._ask(connection)
            except (OSError, http.client.HTTPException, KeyError):
                reply = Reply(time.monotonic(), 0)
                if connection is not None:
                    connection.close()
                connection = None
            with self._lock:
                self._replies.append(reply)
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Reply:
        body = {"model": ROUTE, "max_tokens": 3, "messages": [{"role": "user", "content": "hello"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {
            "content-type": "application/json", "authorization": f"Bearer {self._key.text}"})
        response = connection.getresponse()
        response.read()
        return Reply(
            time.monotonic(), response.status, response.getheader("x-holdfast-deployment", ""),
            response.getheader("x-holdfast-degraded", ""))

    @property
    def replies(self) -> list[Reply]:
        with self._lock:
            return list(self._replies)

    def since(self, at: float) -> list[Reply]:
        return [reply for reply in self.replies if reply.at >= at]

    def answered_by(self, deployment: str, since: float) -> float | None:
        """When it answered first; None: it did not so far."""
        return next((reply.at for reply in self.since(since) if reply.deployment == deployment), None)

    def wait_for_answer(self, deployment: str, since: float, bound_seconds: float) -> float:
        wait_until(
            lambda: self.answered_by(deployment, since) is not None, bound_seconds, f"an answer of {deployment}",
            lambda: self.since(since)[-3:])
        return self.answered_by(deployment, since)

    def failures(self) -> list[Reply]:
        return [reply for reply in self.replies if reply.status != 200]


@dataclass
class Seen:
    """What one scenario came to, for its tests."""

    drill: dict = field(default_factory=dict)
    failures: list[Reply] = field(default_factory=list)
    # Seconds.
    spans: dict[str, float] = field(default_factory=dict)
    notes: dict[str, object] = field(default_factory=dict)


class World:
    def __init__(self, name: str, work: Path, *, environment: dict[str, str] | None = None):
        self.work = work / name
        self.work.mkdir(parents=True)
        self.providers = {
            provider: Practice(provider, self.work, ["--first-token", "0ms", "--token-gap", "0ms"])
            for provider in ("primary", "second")}
        self.control = Control("control", self.work)
        self.key = Key("triage-app", "triage")
        self._environment = environment
        self.gateway: PullingGateway | None = None

    def __enter__(self) -> World:
        try:
            for provider in self.providers.values():
                provider.start()
            document = practice_document(self.providers, self.control.address)
            document["workloads"] = {"triage": {"criticality": "critical"}}
            document["keys"] = [self.key.document()]
            self.control.write(document)
            self.control.start()
            self.gateway = PullingGateway(
                "gateway", self.work, self.control, self.control.api.token_of("node", "gateway"),
                environment=self._environment)
            self.gateway.start()
            self.load = Load(self.gateway, self.key)
            self.load.__enter__()
            self.load.wait_for_answer(PRIMARY, 0, 15)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_) -> None:
        load = getattr(self, "load", None)
        if load is not None:
            load.__exit__()
        for served in (self.gateway, self.control, *self.providers.values()):
            if served is not None:
                served.child.stop(bound_seconds=10)

    # The drill

    def start_drill(self, **more: object) -> dict:
        return self.control.api.make("/v1/drills", {
            "plan": "kill-primary", "route": ROUTE, "reason": "under fire", "lease": f"{LEASE_SECONDS}s",
            "baseline": f"{BASELINE_SECONDS}s", **more})

    def drill(self, identifier: str) -> dict:
        return self.control.api.get(f"/v1/drills/{identifier}")

    def wait_for_phase(self, identifier: str, phase: str, bound_seconds: float = 30) -> dict:
        def found():
            view = self.drill(identifier)
            return view if view["phase"] == phase else None

        return wait_until(found, bound_seconds, f"the phase {phase}", lambda: self.drill(identifier))

    def wait_for_end(self, identifier: str) -> dict:
        return self.wait_for_phase(identifier, "done", DONE_BOUND_SECONDS)

    def observation(self, identifier: str) -> dict:
        """What the gateway had said of the order when the drill was judged; empty: nothing so far."""
        gateways = self.drill(identifier)["gateways"]
        return next((found["observation"] for found in gateways if found.get("observation")), {})

    def own_account(self) -> dict:
        """What the gateway says of the one order that it was ever given, by its operations listener. A drill that nobody
        could see to its end is judged before the gateway is done with it. Empty: it was never told."""
        return next(iter(self.gateway.state()["drills"]), {})

    def orders_in_force(self) -> list[dict]:
        """At the gateway itself, by its operations listener."""
        overrides = self.gateway.state()["configuration"]["overrides"]
        return [override for override in overrides if override["effect"]["kind"] == "fault"]

    def wait_for_no_order(self, bound_seconds: float) -> None:
        wait_until(lambda: not self.orders_in_force(), bound_seconds, "no order in force", self.orders_in_force)

    def wait_for_fault(self, since: float, bound_seconds: float = 30) -> float:
        """When somebody else than the primary answered first: the fault is effective, whatever anybody says of it."""
        return self.load.wait_for_answer(SECOND, since, bound_seconds)

    # Control and its log

    def kill_control(self) -> float:
        self.control.kill()
        verify_audit(self.control.data, self.control.public_key)
        return time.monotonic()

    def lever(self) -> str:
        """The one that ends all drills: what its description says, since its name is its noun's to choose."""
        paths = self.control.api.get("/openapi.json")["paths"]
        found = [
            path for path, operations in paths.items()
            if operations.get("post", {}).get("x-permission") == "drills.stop" and "{" not in path]
        assert len(found) == 1, found
        return found[0]

    def finish(self, seen: Seen, identifier: str) -> Seen:
        """Of a drill that is over: nothing of it is left at the gateway, and the log agrees."""
        seen.drill = self.wait_for_end(identifier)
        self.wait_for_no_order(HEARD_SECONDS + 10)
        seen.notes["own account"] = self.own_account()
        seen.failures = self.load.failures()
        entries = self.control.api.all("/v1/audit")
        ends: dict[int, int] = {}
        for entry in entries:
            if entry["phase"] in ("completed", "failed", "interrupted"):
                ends[entry["intent"]] = ends.get(entry["intent"], 0) + 1
        for entry in entries:
            if entry["phase"] == "intended":
                assert ends.get(entry["number"]) == 1, f"{entry} has {ends.get(entry['number'], 0)} ends"
        verify_audit(self.control.data, self.control.public_key)
        return seen
