"""The management plane under test, and its gateways."""
from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.holdfast import LOOPBACK_ANY_PORT, Practice, Served, binary, get_json
from harness.processes import free_port
from harness.waiting import wait_until

COMMAND_BOUND_SECONDS = 20
REQUEST_BOUND_SECONDS = 20


class Gone(Exception):
    """The connection broke before an answer came: nothing is known of what became of the request."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def problem(self) -> dict:
        assert self.headers.get("content-type") == "application/problem+json", (self.status, self.body[:300])
        return self.json()


@dataclass
class API:
    """The management API, as one principal."""

    address: str
    token: str = field(repr=False)

    def ask(self, method: str, path: str, body: object = None, headers: dict | None = None,
            bound_seconds: float = REQUEST_BOUND_SECONDS) -> Answer:
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=bound_seconds)
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None:
            sent.setdefault("content-type", "application/json")
        text = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        try:
            connection.request(method, path, text, sent)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Gone(repr(error)) from error
        finally:
            connection.close()

    def get(self, path: str) -> dict:
        answer = self.ask("GET", path)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:400]!r}"
        return answer.json()

    def make(self, path: str, body: object, status: int = 201) -> dict:
        answer = self.ask("POST", path, body)
        assert answer.status == status, f"POST {path}: {answer.status} {answer.body[:600]!r}"
        return answer.json() if answer.body else {}

    def all(self, path: str) -> list[dict]:
        """Every item of a list that comes in pages."""
        items, after = [], ""
        while True:
            page = self.get(f"{path}?limit=1000{after}")
            items += page["items"]
            if not page.get("next"):
                return items
            after = f"&after={page['next']}"

    def publish(self, document: str, reason: str = "a drill") -> Answer:
        return self.ask("POST", "/v1/generations", {"document": document, "name": "drill.yaml", "reason": reason})

    def drain(self, provider: str, reason: str = "a drill", span: str = "1h") -> Answer:
        return self.ask(
            "POST", "/v1/overrides", {"effect": {"kind": "drain", "provider": provider}, "reason": reason, "for": span})

    def token_of(self, kind: str, identifier: str) -> str:
        return self.make("/v1/tokens", {"id": identifier, "kind": kind})["token"]


def document_text(document: dict) -> str:
    # A workload that keys may speak for.
    return yaml.safe_dump({"version": 1, "workloads": {"night": {}}, **document}, sort_keys=False)


def practice_document(providers: dict[str, Practice], listen: str) -> dict:
    """Two routes over the practice providers, in both orders, so that a drained one leaves every route served."""
    names = list(providers)
    return {
        "gateway": {"listen": LOOPBACK_ANY_PORT, "operations": LOOPBACK_ANY_PORT},
        "control": {"listen": listen},
        "providers": {
            name: {"base_url": provider.base_url, "network": "private", "vendor": name}
            for name, provider in providers.items()},
        "routes": {
            "assistant": {"candidates": [f"{name}/practice-large" for name in names]},
            "other": {"candidates": [f"{name}/practice-large" for name in reversed(names)]}},
    }


# Where the test is of the store alone and nothing is ever asked there.
NOBODY = {
    "providers": {
        name: {"base_url": "http://127.0.0.1:9/v1", "network": "private"} for name in ("primary", "second")},
    "routes": {"assistant": {"candidates": ["primary/m", "second/m"]}},
}


class Control(Served):
    """`holdfast control` on a data directory of its own; the port stays the same over restarts."""

    def __init__(self, name: str, work: Path, document: dict | None = None, *, host: str = "127.0.0.1",
                 port: int | None = None, data: Path | None = None, arguments: list[str] | None = None,
                 environment: dict[str, str] | None = None, wrapper: list[str] | None = None):
        self.data = data or work / f"{name}.data"
        self.address = f"{host}:{port or free_port()}"
        self.config = work / f"{name}.yaml"
        self.token = ""
        if document is not None:
            self.write({**document, "control": {"listen": self.address}})
        super().__init__(
            name, ["control", "--config", str(self.config), "--data", str(self.data), *(arguments or [])], work,
            environment, wrapper)

    def write(self, document: dict) -> str:
        text = document_text(document)
        self.config.write_text(text)
        return text

    def start(self) -> None:
        super().start()
        if not self.token:
            self.token = self.first_token()

    def first_token(self) -> str:
        found = re.findall(r"hf_admin_\S+", self.child.log_path.read_text(errors="replace"))
        return found[-1] if found else ""

    @property
    def api(self) -> API:
        return API(self.address, self.token)

    @property
    def public_key(self) -> Path:
        return self.data / "signing.pub"

    def kill(self) -> None:
        self.child.kill()

    def command(self, *arguments: str, bound_seconds: float = COMMAND_BOUND_SECONDS) -> subprocess.CompletedProcess:
        """A command of the command line, as the first admin."""
        return subprocess.run(
            [binary(), *arguments], capture_output=True, text=True, timeout=bound_seconds,
            env={**os.environ, "HOLDFAST_CONTROL": f"http://{self.address}", "HOLDFAST_TOKEN": self.token})


def verify_audit(data: Path, key: Path, held: list[Path] | None = None) -> dict:
    """`holdfast audit verify`, offline: with the files and the public key alone."""
    command = [binary(), "audit", "verify", "--data", str(data), "--key", str(key), "--json"]
    for path in held or []:
        command += ["--checkpoint", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_BOUND_SECONDS)
    assert done.returncode == 0, f"audit verify ended with {done.returncode}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


class PullingGateway(Served):
    """A gateway that has its configuration from the management plane, and no file."""

    def __init__(self, name: str, work: Path, control: Control, token: str, *,
                 environment: dict[str, str] | None = None, wrapper: list[str] | None = None,
                 data: Path | None = None):
        self.data = data or work / f"{name}.data"
        self.token_file = work / f"{name}.token"
        self.token_file.write_text(token + "\n")
        self.trust = work / f"{name}.trust"
        if control.public_key.exists():
            self.trust.write_text(control.public_key.read_text())
        self._namespace = wrapper or []
        super().__init__(
            name, ["gateway", "--control", f"http://{control.address}", "--trust", str(self.trust), "--token-file",
                   str(self.token_file), "--data", str(self.data)], work, environment, wrapper)

    def state(self) -> dict:
        address = self.addresses["operations"]
        if not self._namespace:
            return get_json(address, "/state")
        done = subprocess.run(
            [*self._namespace, "curl", "-sS", "-m", "5", f"http://{address}/state"], capture_output=True, text=True,
            timeout=COMMAND_BOUND_SECONDS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def wait_for_state(self, condition, bound_seconds: float, what: str) -> dict:
        def found():
            state = self.state()
            return state if condition(state) else None

        return wait_until(found, bound_seconds, f"{self.child.name}: {what}", self.state)

    @property
    def ring(self) -> Path:
        return self.data / "snapshots"


def ask_gateway(address: str, route: str, bound_seconds: float = 10) -> tuple[int, dict[str, str]]:
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=bound_seconds)
    try:
        body = {"model": route, "max_tokens": 3, "messages": [{"role": "user", "content": "hello"}]}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()
