"""Alerts as a real Alertmanager takes and passes them on, and CloudEvents as their own library reads them."""
import json
import shutil
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from harness.holdfast import LOOPBACK_ANY_PORT, Served
from harness.processes import Child, free_port
from harness.waiting import wait_until

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
BOUND_SECONDS = 20


class Receiver:
    """Remembers what it was sent, by path."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen: list[tuple[str, dict, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver._lock:
                    receiver._seen.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sent_to(self, path: str) -> list[tuple[dict, bytes]]:
        with self._lock:
            return [(headers, body) for found, headers, body in self._seen if found == path]


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()


@pytest.fixture(scope="module")
def alertmanager(work, receiver):
    assert ALERTMANAGER, "no Alertmanager here: make conformance installs prometheus-alertmanager"
    config = work / "alertmanager.yaml"
    config.write_text(yaml.safe_dump({
        "route": {"receiver": "stub", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "stub", "webhook_configs": [{"url": f"{receiver.url}/from-alertmanager"}]}],
    }))
    address = f"127.0.0.1:{free_port()}"
    child = Child("alertmanager", [
        ALERTMANAGER, f"--config.file={config}", f"--storage.path={work / 'alertmanager.data'}",
        f"--web.listen-address={address}", "--cluster.listen-address="], work)
    child.start()

    def is_ready():
        try:
            return urllib.request.urlopen(f"http://{address}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    try:
        child.wait_until_ready(is_ready, BOUND_SECONDS, "the Alertmanager to be ready")
        yield address
    finally:
        child.stop()


class Control(Served):
    """A management plane whose first admin's token stands in its output."""

    def __init__(self, name, document, work):
        config = work / f"{name}.yaml"
        config.write_text(yaml.safe_dump(document, sort_keys=False))
        super().__init__(name, ["control", "--config", str(config), "--data", str(work / f"{name}.data")], work)

    def ask(self, method: str, path: str, body: object = None) -> dict:
        words = self.child.log_path.read_text().split()
        token = next(word for word in words if word.startswith("hf_admin_"))
        request = urllib.request.Request(
            f"http://{self.listen}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def control(work, receiver, alertmanager):
    control = Control("notifying", {
        "version": 1,
        "control": {
            "listen": LOOPBACK_ANY_PORT,
            "notifications": {
                "am": {"format": "alertmanager", "url": f"http://{alertmanager}", "resend": "1s"},
                "hook": {"format": "webhook", "url": f"{receiver.url}/from-holdfast"},
                "bus": {"format": "cloudevents", "url": f"{receiver.url}/events"},
            }},
        "providers": {"openai": {"base_url": "https://api.openai.com/v1"}},
        "routes": {"assistant": {"candidates": ["openai/gpt-4.1-mini"]}},
    }, work)
    control.start()
    try:
        yield control
    finally:
        control.stop()


@pytest.fixture(scope="module")
def restriction(control):
    return control.ask("POST", "/v1/overrides", {
        "effect": {"kind": "restrict", "provider": "openai"}, "reason": "the ruling of \"today\" \u00e9", "for": "1h"})


def alerts(address: str, subject: str) -> list[dict]:
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=5) as answer:
        return [alert for alert in json.loads(answer.read()) if alert["labels"]["subject"] == subject]


def bodies(receiver: Receiver, path: str, subject: str) -> list[dict]:
    found = [json.loads(body) for _, body in receiver.sent_to(path)]
    return [body for body in found if any(alert["labels"]["subject"] == subject for alert in body["alerts"])]


def test_a_real_alertmanager_shows_it_and_ends_it(control, alertmanager, receiver, restriction):
    subject = restriction["id"]
    found = wait_until(
        lambda: alerts(alertmanager, subject), BOUND_SECONDS, "the alert", lambda: control.ask("GET", "/v1/notifications"))
    assert len(found) == 1
    alert = found[0]
    assert alert["labels"]["alertname"] == "HoldfastRestriction"
    assert alert["labels"]["severity"] == "warning"
    assert "the ruling of \"today\" \u00e9" in alert["annotations"]["summary"]
    assert alert["status"]["state"] == "active"

    # What it sends to its own webhook is what ours gets: the same fields, and the same alert by its fingerprint.
    theirs = wait_until(
        lambda: bodies(receiver, "/from-alertmanager", subject), BOUND_SECONDS, "its webhook", lambda: found)[0]
    ours = wait_until(
        lambda: bodies(receiver, "/from-holdfast", subject), BOUND_SECONDS, "our webhook", lambda: found)[0]
    assert set(ours) == set(theirs)
    assert set(ours["alerts"][0]) == set(theirs["alerts"][0])
    assert ours["alerts"][0]["fingerprint"] == theirs["alerts"][0]["fingerprint"] == alert["fingerprint"]
    assert ours["alerts"][0]["labels"] == theirs["alerts"][0]["labels"]
    assert (ours["version"], ours["status"], ours["alerts"][0]["endsAt"]) == (
        theirs["version"], theirs["status"], theirs["alerts"][0]["endsAt"])
    assert ours["groupKey"] == theirs["groupKey"]

    control.ask("POST", f"/v1/overrides/{subject}/clear", {"reason": "it is over"})
    wait_until(
        lambda: not alerts(alertmanager, subject), BOUND_SECONDS, "its end", lambda: alerts(alertmanager, subject))
    wait_until(
        lambda: any(body["status"] == "resolved" for body in bodies(receiver, "/from-alertmanager", subject)),
        BOUND_SECONDS, "word of its end", lambda: bodies(receiver, "/from-alertmanager", subject))
    states = {view["name"]: view["state"] for view in control.ask("GET", "/v1/notifications")["items"]}
    assert states == {"am": "working", "hook": "working", "bus": "working"}


def test_cloudevents_are_what_their_library_reads(control, receiver, restriction):
    def events():
        found = [
            from_http_event(HTTPMessage(headers={name.lower(): value for name, value in headers.items()}, body=body))
            for headers, body in receiver.sent_to("/events")]
        return [event for event in found if event.get_subject() == restriction["id"]]

    event = wait_until(events, BOUND_SECONDS, "the event", lambda: control.ask("GET", "/v1/notifications"))[0]
    assert event.get_specversion() == "1.0"
    assert event.get_type() == "io.holdfast.restriction.began"
    assert event.get_source().startswith("urn:holdfast:control:")
    assert event.get_time() is not None
    assert event.get_data()["severity"] == "warning"


@pytest.mark.parametrize("name", ["am", "hook", "bus"])
def test_a_test_reaches_every_receiver(control, name):
    assert control.ask("POST", f"/v1/notifications/{name}/test", {})["state"] == "working"
