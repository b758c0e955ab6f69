"""What comes from outside and is wrong: refused in words with a mend, and nothing is lost. What one process can show by
itself stands in Tests/HoldfastControlTests; here is what takes the built binary, its clock, or another process."""
import http.client
import json
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fire import figures
from fire.ledger import Ledger, Operations
from fire.people import People
from fire.plane import API, NOBODY, Control, practice_document, verify_audit
from harness.holdfast import Gateway, Key, binary
from harness.waiting import wait_until

SCENARIO = "bad input"
HOUR = 3_600 * 1_000_000_000
DAY = 24 * HOUR
EXPIRY_BOUND_SECONDS = 10
FLOOD_SECONDS = 8
FLOODERS = 16
# Twice as often as a gateway asks.
HONEST_SECONDS = 1.0


@pytest.fixture(scope="module")
def control(work):
    made = Control("control", work, NOBODY)
    made.start()
    try:
        yield made
    finally:
        made.child.stop()


def check_problem(answer, status: int) -> dict:
    assert answer.status == status, (answer.status, answer.body[:300])
    problem = answer.problem
    assert problem["mend"] and problem["detail"] and problem["title"] and problem["instance"], problem
    assert len(answer.body) < 8_192, "a problem is for reading"
    return problem


def unchanged(api: API):
    """What there is before and after something that is to change nothing."""
    ledger = Ledger.read(api)
    return ([generation["number"] for generation in ledger.generations],
            [override["id"] for override in ledger.overrides], [token["id"] for token in ledger.tokens])


# Names and reasons


HOSTILE = {
    "kilobytes": "x" * 100_000,
    "control characters": "fine \x1b[2J\x1b]0;owned\x07",
    "a line end": "first\nsecond",
    "NUL": "a\x00b",
    "nothing": "",
    "blanks": "   ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_refused_with_their_field(control, name):
    api, text, before = control.api, HOSTILE[name], unchanged(control.api)
    document = control.config.read_text()
    effect = {"kind": "drain", "provider": "second"}
    for path, body, field in [
        ("/v1/overrides", {"effect": effect, "reason": text, "for": "1h"}, "reason"),
        ("/v1/overrides", {"effect": {"kind": "drain", "provider": text}, "reason": "x", "for": "1h"}, "provider"),
        ("/v1/overrides", {"effect": {"kind": text}, "reason": "x", "for": "1h"}, "kind"),
        ("/v1/overrides", {"effect": effect, "reason": "x", "for": text}, "for"),
        ("/v1/generations", {"document": document, "name": "a", "reason": text}, "reason"),
        ("/v1/generations", {"document": document, "name": text, "reason": "x"}, "name"),
        ("/v1/rollback", {"to": 1, "reason": text}, "reason"),
        ("/v1/tokens", {"id": text, "kind": "viewer"}, "id"),
        ("/v1/tokens", {"id": "a", "kind": text}, "kind"),
    ]:
        problem = check_problem(api.ask("POST", path, body), 422)
        assert field in [found["field"] for found in problem["fields"]], (path, problem)
    assert unchanged(api) == before


def test_markup_is_data(control):
    """It is kept as it is, told as JSON alone, and shown by commands without what a terminal obeys."""
    reason = "<script>alert(1)</script> ${jndi:ldap://x} {{7*7}} ' OR 1=1 -- "
    for hidden in ("\u202eevil", "\u2066x\u2069", "\u009b31m", "\u2028"):
        check_problem(control.api.drain("second", reason=reason + hidden), 422)
    answer = control.api.drain("second", reason=reason)
    assert answer.status == 201 and answer.json()["reason"] == reason
    hidden = control.api.publish(control.config.read_text(), reason=reason + "\u202eevil\u202c")
    assert hidden.status == 201
    assert answer.headers["content-type"] == "application/json" and answer.headers["x-content-type-options"] == "nosniff"
    for command in (["overrides", "list"], ["audit", "tail"], ["status"]):
        done = control.command(*command)
        assert done.returncode in (0, 1), done.stderr
        for bad in ("\u202e", "\u202c", "\u2066", "\x1b"):
            assert bad not in done.stdout, command
    assert "\\u202e" in control.command("audit", "tail").stdout


def raw(address: str, data: bytes, bound_seconds: float = 15) -> bytes:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=bound_seconds) as connection:
        found = b""
        try:
            connection.sendall(data)
            while part := connection.recv(65_536):
                found += part
                head, _, body = found.partition(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if length and len(body) >= int(length[0].split(b":")[1]):
                    break
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass
        return found


def test_bodies_that_are_none(control):
    api, before = control.api, unchanged(control.api)
    for body in [
        b"", b"null", b"[]", b"{", b"{}x", b'{"to": "1", "reason": "x"}', b'{"to": -1, "reason": "x"}',
        b'{"to": 1e400, "reason": "x"}', b'{"to": 1.5, "reason": "x"}', b'{"to": 99999999999999999999, "reason": "x"}',
        b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{\x00}\x00", b'{"to": 1, "reason": "\xff"}',
        b'{"to": 1, "reason": "\\ud800"}',
    ]:
        answer = api.ask("POST", "/v1/rollback", body)
        check_problem(answer, 422)
    check_problem(api.ask("POST", "/v1/rollback", b"to=1", {"content-type": "application/x-www-form-urlencoded"}), 415)
    check_problem(api.ask("POST", "/v1/generations", b'{"document": "' + b"x" * (5 << 20) + b'"}'), 413)
    for path in ("/v1/audit?limit=0", "/v1/audit?limit=99999999999999999999", "/v1/generations?after=x",
                 "/v1/audit?after=-9223372036854775809"):
        check_problem(api.ask("GET", path), 422)
    for path in ("/v1/generations/%00", "/v1/overrides/..%2f..%2fetc", "/v1/tokens/x", "/v1/../livez", "//v1/status",
                 "/v1/generations/18446744073709551616"):
        check_problem(api.ask("GET", path), 404)
    check_problem(api.ask("POST", "/v1/rollback", {"to": 1, "reason": "x"}, {"if-match": "W/\"soon\""}), 422)
    check_problem(api.ask("POST", "/v1/rollback", {"to": 18446744073709551615, "reason": "x"}), 404)
    assert unchanged(api) == before


def test_requests_that_are_none(control):
    """The listener answers or closes, and everybody else is served meanwhile."""
    token = f"authorization: Bearer {control.token}\r\n".encode()
    head = b"GET /v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\n" + token
    for data in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 1_000,
        b"GET /v1/status HTTP/1.1\r\n\r\n", head + b"x: " + b"y" * 40_000 + b"\r\n\r\n",
        head + b"".join(b"x-%d: 1\r\n" % number for number in range(300)) + b"\r\n",
        b"POST /v1/rollback HTTP/1.1\r\nhost: 127.0.0.1\r\n" + token
        + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ]:
        answer = raw(control.address, data, bound_seconds=3)
        assert not answer.startswith(b"HTTP/1.1 2"), (data[:60], answer[:200])
    assert control.api.ask("GET", "/v1/status").status == 200


def test_a_body_that_never_comes(control):
    """A slow client holds its own connection and nothing else, and is told in the end."""
    head = (f"POST /v1/rollback HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {control.token}\r\n"
            "content-type: application/json\r\ncontent-length: 100\r\n\r\n{").encode()
    began = time.monotonic()
    answer = raw(control.address, head)
    assert answer.startswith(b"HTTP/1.1 408"), answer[:200]
    assert b"mend" in answer and time.monotonic() - began < 14


def test_of_many_who_have_seen_the_same_one_wins(control):
    """A stale If-Match among twenty at once."""
    newest = control.api.get("/v1/status")["generation"]

    def publish(number):
        return control.api.ask(
            "POST", "/v1/generations",
            {"document": control.config.read_text() + f"# racer {number}\n", "name": "race", "reason": "a race"},
            {"if-match": f'"{newest}"'})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(publish, range(20)))
    assert sorted(answer.status for answer in answers) == [201] + [412] * 19
    for answer in answers:
        if answer.status == 412:
            made = control.api.get("/v1/status")["generation"]
            assert f'"{made}"' in check_problem(answer, 412)["mend"]
    # One, and where a roll-out was under way the last good document once more.
    assert control.api.get("/v1/status")["generation"] - newest in (1, 2)


# Tokens


def test_tokens_of_the_other_plane_open_nothing(control, work, providers):
    key = Key("app", "app")
    document = practice_document(providers, control.address)
    document["workloads"] = {"app": {"criticality": "standard"}}
    document["keys"] = [key.document()]
    gateway = Gateway("keyed", document, work, {})
    gateway.start()
    try:
        host, port = gateway.listen.rsplit(":", 1)
        node = control.api.token_of("node", "some-node")
        for text, status in ((key.text, 200), (control.token, 401), (node, 401), ("", 401)):
            connection = http.client.HTTPConnection(host, int(port), timeout=10)
            connection.request(
                "POST", "/v1/chat/completions", json.dumps({
                    "model": "assistant", "max_tokens": 3, "messages": [{"role": "user", "content": "hello"}]}),
                {"content-type": "application/json", "authorization": f"Bearer {text}"})
            response = connection.getresponse()
            body = response.read()
            connection.close()
            assert response.status == status, body
        refused = check_problem(API(control.address, key.text).ask("GET", "/v1/status"), 401)
        assert "holdfast tokens create" in refused["mend"]
        # A node asks for what it is to have, and nothing else.
        for method, path in (("GET", "/v1/status"), ("GET", "/v1/audit"), ("POST", "/v1/backups")):
            check_problem(API(control.address, node).ask(method, path, {} if method == "POST" else None), 403)
        entries = [entry for entry in control.api.all("/v1/audit") if entry["action"].endswith(".refused")]
        assert len(entries) >= 4, "whoever tried stands in the log"
    finally:
        gateway.stop()


# Gateways that lie or flood


LIE = {"version": "0.1.0", "generation": 0, "source": "control", "ready": True, "exchanges_in_flight": 0,
       "exchanges": 0, "failures": 0, "shedding": "none"}


def test_a_gateway_that_lies_is_believed_about_itself_alone(control):
    liar, honest = (API(control.address, control.api.token_of("node", name)) for name in ("liar", "honest"))
    assert honest.ask("POST", "/v1/pull", LIE).status == 200
    for lie in (
        {"version": "v" * 200_000, "refused": "r" * 2_000_000}, {"generation": 2 ** 64 - 1},
        {"exchanges": 2 ** 63 - 1, "failures": 2 ** 63 - 1}, {"exchanges": -5, "exchanges_in_flight": -(2 ** 63)},
        {"source": "\x1b[2J<b>", "shedding": "\u202e"}, {"shedding": "\u202e\x1b[2J"}, {"id": "honest"}):
        assert liar.ask("POST", "/v1/pull", {**LIE, **lie}).status in (200, 204, 422, 429)
        assert len(control.api.ask("GET", "/v1/status").body) < 100_000, "what it says fills no one's memory"
    for lie in ({"generation": -1}, {"generation": "7"}, {"ready": "yes"}, {"exchanges": 1e300}):
        check_problem(liar.ask("POST", "/v1/pull", {**LIE, **lie}), 422)
    shown = {gateway["id"]: gateway for gateway in control.api.get("/v1/gateways")["items"]}
    assert shown["honest"]["report"]["generation"] == 0 and shown["honest"]["report"]["version"] == "0.1.0"
    done = control.command("gateways")
    assert done.returncode in (0, 1) and "\x1b" not in done.stdout and "\u202e" not in done.stdout


def test_a_gateway_that_floods_is_in_nobodys_way(control):
    """Sixteen connections of one token ask without pause."""
    flooding, honest = (API(control.address, control.api.token_of("node", name)) for name in ("flood", "calm"))
    statuses: list[int] = []
    program = (
        "import http.client, json, sys, time\n"
        "host, port, token, seconds, body = sys.argv[1:]\n"
        "c, end, found = http.client.HTTPConnection(host, int(port)), time.monotonic() + float(seconds), {}\n"
        "while time.monotonic() < end:\n"
        "    c.request('POST', '/v1/pull', body, {'authorization': 'Bearer ' + token, 'content-type': 'application/json'})\n"
        "    r = c.getresponse(); r.read(); found[r.status] = found.get(r.status, 0) + 1\n"
        "print(json.dumps(found))\n")
    host, port = control.address.rsplit(":", 1)
    floods = [
        subprocess.Popen(
            ["python3", "-c", program, host, port, flooding.token, str(FLOOD_SECONDS), json.dumps(LIE)],
            stdout=subprocess.PIPE, text=True) for _ in range(FLOODERS)]
    served = []
    try:
        with People(control.api) as people:
            began = time.monotonic()
            while time.monotonic() - began < FLOOD_SECONDS - 1:
                served.append(honest.ask("POST", "/v1/pull", LIE).status)
                time.sleep(HONEST_SECONDS)
        for flood in floods:
            for status, count in json.loads(flood.communicate(timeout=20)[0]).items():
                statuses += [int(status)] * count
    finally:
        for flood in floods:
            flood.kill()
            flood.wait()
    figures.note(
        SCENARIO, **{
            "flood: pulls/s of one gateway": round(len(statuses) / FLOOD_SECONDS),
            "flood: of these answered": sum(status in (200, 204) for status in statuses),
            "flood: honest gateway refused": sum(status not in (200, 204) for status in served)},
        **people.figures("flood"))
    assert all(status in (200, 204) for status in served), f"what one takes is taken from another: {served}"
    assert set(statuses) <= {200, 204, 429, 503}
    assert sum(status == 429 for status in statuses) > len(statuses) / 2
    people.check()


# Clocks


@pytest.fixture
def shifted(work, clkshim):
    offset = work / "offset"
    offset.write_text("0")
    made = Control("shifted", work, NOBODY, environment={"LD_PRELOAD": str(clkshim), "CLKSHIM_FILE": str(offset)})
    made.start()
    try:
        yield made, offset
    finally:
        made.child.stop()


def test_a_clock_that_jumps(shifted):
    control, offset = shifted
    api = control.api
    viewer = API(control.address, api.make("/v1/tokens", {"id": "brief", "kind": "viewer", "for": "1h"})["token"])
    assert viewer.ask("GET", "/v1/status").status == 200
    brief = api.drain("second", span="1h").json()["id"]
    long = api.drain("second", span="7d").json()["id"]
    restriction = api.make(
        "/v1/overrides", {"effect": {"kind": "restrict", "provider": "second"}, "reason": "law", "for": "1h"})["id"]

    def in_force():
        return {override["id"] for override in api.get("/v1/generations/newest")["overrides"]}

    figures.say("bad input: the clock of control jumps a day on, and two days back")
    offset.write_text(str(DAY))
    wait_until(lambda: brief not in in_force(), EXPIRY_BOUND_SECONDS, "the drain of an hour to end", in_force)
    assert {long, restriction} <= in_force(), "a restriction is ended by a person alone"
    check_problem(viewer.ask("GET", "/v1/status"), 401)
    operations = Operations(control.config.read_text())
    for kind in Operations.KINDS:
        assert operations.run(kind, f"{kind}-ahead", api), operations.refusals
    assert api.get("/v1/status")["last_verified_backup_age_milliseconds"] < DAY / 2e6

    offset.write_text(str(-DAY))
    for kind in Operations.KINDS:
        assert operations.run(kind, f"{kind}-behind", api), operations.refusals
    assert brief not in in_force(), "what has ended does not come back"
    age = api.get("/v1/status")["last_verified_backup_age_milliseconds"]
    assert age >= 0, "no age is below nothing"
    assert control.child.stop() == 0
    verify_audit(control.data, control.public_key)
    control.start()
    Ledger.read(api).check(operations.acknowledged)
    assert brief not in in_force()
    for kind in ("snapshot", "override", "token"):
        assert operations.run(kind, f"{kind}-restarted", api), operations.refusals
    offset.write_text("0")
    assert operations.run("override", "override-back", api)
    Ledger.read(api).check(operations.acknowledged)
    verify_audit(control.data, control.public_key)


# Newer versions


def test_a_store_of_a_newer_version_is_left_as_it_is(work):
    control = Control("newer", work, NOBODY)
    operations = Operations(control.config.read_text())
    control.start()
    assert operations.run("override", "before", control.api)
    backup = control.api.make("/v1/backups", {})
    assert control.child.stop() == 0
    path = control.data / "control.sqlite"

    def mark(statement: str):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    mark("INSERT INTO grdb_migrations VALUES ('from-the-future')")
    control.child.start()
    assert control.child.wait(15) == 73
    assert "newer version" in control.child.log_tail() and "mend:" in control.child.log_tail()
    mark("DELETE FROM grdb_migrations WHERE identifier = 'from-the-future'")
    control.start()
    try:
        Ledger.read(control.api).check(operations.acknowledged)
        manifest = next((control.data / "backups" / backup["id"]).glob("*.json"))
        document = json.loads(manifest.read_text())
        manifest.write_text(json.dumps({**document, "format": 999}))
        listed = control.api.get("/v1/backups")["items"][0]
        assert listed["state"] == "failed" and listed["mend"], listed
        done = subprocess.run(
            [binary(), "restore", str(control.data / "backups" / backup["id"]), "--check"], capture_output=True,
            text=True, timeout=20)
        assert done.returncode not in (0, 70) and "mend:" in done.stderr, done.stderr
    finally:
        control.child.stop()
