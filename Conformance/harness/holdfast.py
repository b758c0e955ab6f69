"""The product under test: the release binary, its keys, its gateway and its practice provider."""
from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from harness.processes import Child

if TYPE_CHECKING:
    import openai

START_BOUND_SECONDS = 20
LOOPBACK_ANY_PORT = "127.0.0.1:0"


def binary() -> str:
    return os.environ["HOLDFAST_BIN"]


def get_json(address: str, path: str, method: str = "GET", body: object = None) -> object:
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request(
            method, path, body=None if body is None else json.dumps(body),
            headers={} if body is None else {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {text[:400]!r}"
        return json.loads(text) if text else None
    finally:
        connection.close()


class Key:
    """A virtual key made by the product, with the digest that its configuration line holds."""

    def __init__(self, identifier: str, workload: str):
        command = [binary(), "keys", "create", "--id", identifier, "--workload", workload, "--json"]
        made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.id = identifier
        self.workload = workload
        self.text: str = made["key"]
        self.hash = "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()
        assert made["hash"] == self.hash, f"the printed hash is not the key's digest: {made['hash']}"

    def document(self) -> dict:
        return {"id": self.id, "hash": self.hash, "workload": self.workload}


class Served:
    """A holdfast process that says in a file where it listens."""

    def __init__(
        self, name: str, arguments: list[str], work: Path, environment: dict[str, str] | None = None,
        wrapper: list[str] | None = None,
    ):
        """`wrapper`: the command that runs it, such as `ip netns exec NAME`."""
        self.ready_file = work / f"{name}.ready.json"
        command = [*(wrapper or []), binary(), *arguments, "--ready-file", str(self.ready_file)]
        self.child = Child(name, command, work, environment)
        self.addresses: dict = {}

    def start(self) -> None:
        # One of an earlier start would say where nobody listens any more.
        self.ready_file.unlink(missing_ok=True)
        self.child.start()
        self.child.wait_until_ready(self.ready_file.exists, START_BOUND_SECONDS, f"{self.ready_file.name} to be written")
        self.addresses = json.loads(self.ready_file.read_text())

    def stop(self) -> None:
        status = self.child.stop(bound_seconds=45)
        assert status == 0, f"{self.child.name} ended with {status} on SIGTERM:\n{self.child.log_tail()}"

    @property
    def listen(self) -> str:
        return self.addresses["listen"]


class Gateway(Served):
    def __init__(self, name: str, document: dict, work: Path, environment: dict[str, str]):
        document = {"version": 1, **document}
        document["gateway"] = {
            "listen": LOOPBACK_ANY_PORT, "operations": LOOPBACK_ANY_PORT,
            "access_log": str(work / f"{name}.access.log"), **document.get("gateway", {}),
        }
        config = work / f"{name}.yaml"
        config.write_text(yaml.safe_dump(document, sort_keys=False))
        data = work / f"{name}.data"
        super().__init__(name, ["gateway", "--config", str(config), "--data", str(data)], work, environment)

    @property
    def base_url(self) -> str:
        return f"http://{self.listen}/v1"

    def client(self, key: "Key | str", timeout_seconds: float = 30) -> openai.OpenAI:
        """No retries in the SDK: they could hide a failure."""
        # Here, since the suites that need no client do without the package.
        import openai

        text = key if isinstance(key, str) else key.text
        return openai.OpenAI(base_url=self.base_url, api_key=text, max_retries=0, timeout=timeout_seconds)

    def state(self) -> object:
        return get_json(self.addresses["operations"], "/state")


class Practice(Served):
    def __init__(self, name: str, work: Path, options: list[str], wrapper: list[str] | None = None):
        arguments = ["practice", "--listen", LOOPBACK_ANY_PORT, "--name", name, *options]
        super().__init__(name, arguments, work, wrapper=wrapper)

    @property
    def base_url(self) -> str:
        return f"http://{self.listen}/v1"

    def last_number(self) -> int:
        """Requests are numbered from 1 in the order of their arrival."""
        return max((request["number"] for request in self._requests()), default=0)

    def requests_for(self, model: str, after: int = 0) -> list[dict]:
        """The recorded requests for `model` that came after number `after`, oldest first."""
        return [
            request for request in self._requests() if request["model"] == model and request["number"] > after]

    def _requests(self) -> list[dict]:
        # The provider remembers its newest 256 requests.
        return get_json(self.listen, "/practice/requests")["requests"]
