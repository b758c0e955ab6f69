"""The management plane under test: its tokens, its API, and gateways that are enrolled with it."""
import http.client
import json
import os
import re
import subprocess
from pathlib import Path

import yaml

from harness.holdfast import LOOPBACK_ANY_PORT, Gateway, Served, binary
from harness.waiting import wait_until

KINDS = ("viewer", "operator", "approver", "auditor", "admin", "automation", "node")
FOLLOWED_SECONDS = 30
# Not oftener: where a drill measures, whoever looks on is not to be what it measures.
DRILL_POLL_SECONDS = 0.5


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> object:
        return json.loads(self.body)


class Control(Served):
    """`holdfast control` with a data directory of its own."""

    def __init__(self, name: str, document: dict, work: Path, environment: dict[str, str] | None = None):
        self.work = work
        self.data = work / f"{name}.data"
        self.config = work / f"{name}.yaml"
        self.document = {"version": 1, "control": {"listen": LOOPBACK_ANY_PORT}, **document}
        self.config.write_text(yaml.safe_dump(self.document, sort_keys=False))
        super().__init__(
            name, ["control", "--config", str(self.config), "--data", str(self.data)], work, environment)
        self.admin = ""

    def start(self) -> None:
        super().start()
        # Printed at the first start alone.
        self.admin = self.admin or self._said(r"hf_admin_first-admin_\w+")

    def _said(self, pattern: str) -> str:
        found = re.search(pattern, self.child.log_path.read_text())
        assert found, f"nothing like {pattern} was printed:\n{self.child.log_tail()}"
        return found.group()

    @property
    def trust(self) -> str:
        """The key that gateways trust."""
        return self._said(r"ed25519:\S+")

    @property
    def url(self) -> str:
        return f"http://{self.listen}"

    def ask(
        self, method: str, path: str, token: str | None = None, body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        host, port = self.listen.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            fields = dict(headers or {})
            if token is not None:
                fields["authorization"] = f"Bearer {token}"
            if body is not None:
                fields["content-type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), fields)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> object:
        """As the admin."""
        answer = self.ask("GET", path, self.admin)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:400]!r}"
        return answer.json()

    def wait_until_followed(self) -> None:
        """Every gateway that reports is ready and has the generation that is meant for it, and there is one."""
        def reports() -> list[dict]:
            return self.get("/v1/gateways")["items"]

        def is_followed() -> bool:
            found = reports()
            return bool(found) and all(
                item["report"]["ready"] and item["report"]["generation"] == item["target"] for item in found)

        wait_until(is_followed, FOLLOWED_SECONDS, f"{self.child.name}: gateways that follow it", reports)

    def wait_for_drill(self, identifier: str, bound_seconds: float) -> dict:
        """The drill, once it is over."""
        def look() -> dict:
            return self.get(f"/v1/drills/{identifier}")

        def ended() -> dict | None:
            drill = look()
            return drill if drill["phase"] == "done" else None

        return wait_until(ended, bound_seconds, f"the end of {identifier}", look, DRILL_POLL_SECONDS)

    def token(self, kind: str, identifier: str | None = None) -> str:
        answer = self.ask("POST", "/v1/tokens", self.admin, {"id": identifier or f"{kind}-of-the-test", "kind": kind})
        assert answer.status == 201, answer.body
        return answer.json()["token"]

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """`holdfast ARGUMENTS` as the admin."""
        return holdfast(*arguments, "--control", self.url, environment={"HOLDFAST_TOKEN": self.admin})

    def enrolled_gateway(self, name: str, environment: dict[str, str]) -> Gateway:
        """A gateway that pulls what this management plane means."""
        token = self.work / f"{name}.token"
        token.write_text(self.token("node", name) + "\n")
        token.chmod(0o600)
        document = {key: value for key, value in self.document.items() if key not in ("version", "control")}
        gateway = Gateway(name, document, self.work, environment)
        gateway.child.command += ["--control", self.url, "--trust", self.trust, "--token-file", str(token)]
        return gateway


def holdfast(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **(environment or {})})
