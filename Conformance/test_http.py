"""HTTP as clients other than the SDK speak it: curl, and plain sockets."""
import http.client
import json
import shutil
import socket
import subprocess

import pytest

OPTIONS = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5, "temperature": 0}
LARGE_BYTES = 3 << 20

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(gateway, key: str, body: dict, work, *options: str) -> subprocess.CompletedProcess:
    document = work / "curl-body.json"
    document.write_text(json.dumps(body))
    command = [
        "curl", "--silent", "--show-error", "--verbose", "--no-buffer", "--max-time", "60",
        "-H", f"authorization: Bearer {key}", "-H", "content-type: application/json",
        "--data-binary", f"@{document}", *options, f"{gateway.base_url}/chat/completions",
    ]
    return subprocess.run(command, capture_output=True, text=True, errors="replace")


def headers(key) -> dict[str, str]:
    return {"authorization": f"Bearer {key.text}", "content-type": "application/json"}


def connect(gateway) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*gateway.listen.rsplit(":", 1), timeout=30)


def test_a_connection_is_kept_alive(gateway, key):
    """Unary, stream, error and list on one connection: none of them costs the client its connection."""
    connection = connect(gateway)
    connection.connect()
    first = connection.sock.getsockname()
    for body, status in (
        ({"model": "second-only", **OPTIONS}, 200),
        ({"model": "second-only", "stream": True, **OPTIONS}, 200),
        ({"model": "no-such-model", **OPTIONS}, 404),
        ({"model": "all-down", **OPTIONS}, (502, 503)),
        ({"model": "second-only", **OPTIONS}, 200),
    ):
        connection.request("POST", "/v1/chat/completions", body=json.dumps(body), headers=headers(key))
        response = connection.getresponse()
        text = response.read()
        assert response.status in (status if isinstance(status, tuple) else (status,)), text
        assert connection.sock is not None, f"closed after {body['model']}"
    connection.request("GET", "/v1/models", headers=headers(key))
    assert json.loads(connection.getresponse().read())["object"] == "list"
    assert connection.sock.getsockname() == first
    connection.close()


@pytest.mark.parametrize("streams", [False, True])
def test_an_upstream_that_closes_its_connections_does_no_harm(gateway, key, streams):
    """The C++ server closes a connection with its hundredth answer, which it says, and after every stream, which it
    does not say: it announces keep-alive, so that the next exchange may find the connection gone."""
    connection = connect(gateway)
    for turn in range(250):
        stream = streams and turn % 2 == 0
        connection.request("POST", "/v1/chat/completions", headers=headers(key),
                           body=json.dumps({"model": "second-only", **OPTIONS, "max_tokens": 1, "stream": stream}))
        response = connection.getresponse()
        text = response.read()
        assert response.status == 200, f"turn {turn}: {text[:300]!r}"
        assert not stream or text.rstrip().endswith(b"data: [DONE]"), f"turn {turn}: {text[-300:]!r}"
    connection.close()


def test_pipelined_requests_are_answered_in_order(gateway, key):
    """Each answer names its own model: a different route per request shows the order."""
    routes = ["second-only", "no-such-model", "practice", "second-only"]
    pieces = []
    for route in routes:
        body = json.dumps({"model": route, **OPTIONS}).encode()
        pieces.append(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: holdfast.test\r\ncontent-type: application/json\r\n"
            + f"authorization: Bearer {key.text}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    host, port = gateway.listen.rsplit(":", 1)
    answers = []
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"".join(pieces))
        reader = connection.makefile("rb")
        for _ in routes:
            answers.append(read_response(reader))
    assert [status for status, _, _ in answers] == [200, 404, 200, 200]
    assert [fields.get("x-holdfast-deployment") for _, fields, _ in answers][::2] == [
        "second/tiny", "practice/practice-large"]


def read_response(reader) -> tuple[int, dict[str, str], bytes]:
    status = int(reader.readline().split()[1])
    fields = {}
    while (line := reader.readline().strip()):
        name, _, value = line.decode().partition(":")
        fields[name.lower()] = value.strip()
    if "content-length" in fields:
        return status, fields, reader.read(int(fields["content-length"]))
    body = b""
    while (size := int(reader.readline().split(b";")[0], 16)):
        body += reader.read(size)
        reader.readline()
    reader.readline()
    return status, fields, body


@needs_curl
def test_http_1_0_unary(gateway, key, work):
    done = curl(gateway, key.text, {"model": "second-only", **OPTIONS}, work, "--http1.0")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"]
    assert "transfer-encoding" not in done.stderr.lower()


@needs_curl
def test_http_1_0_stream(gateway, key, work):
    """HTTP/1.0 has no chunked encoding: the stream ends with the connection, and the events are whole."""
    done = curl(gateway, key.text, {"model": "second-only", "stream": True, **OPTIONS}, work, "--http1.0")
    assert done.returncode == 0, done.stderr
    assert "transfer-encoding" not in done.stderr.lower()
    assert done.stdout.rstrip().endswith("data: [DONE]")
    assert done.stdout.startswith("data: ")


@needs_curl
def test_a_stream_with_curl(gateway, key, work):
    done = curl(gateway, key.text, {"model": "second-only", "stream": True, **OPTIONS}, work)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("data: [DONE]")


@needs_curl
def test_expect_100_continue_with_a_large_body(gateway, key, work):
    body = {"model": "practice", "messages": [{"role": "user", "content": "x" * LARGE_BYTES}], "max_tokens": 3}
    done = curl(gateway, key.text, body, work, "-H", "expect: 100-continue", "--expect100-timeout", "30")
    assert done.returncode == 0, done.stderr
    assert "< HTTP/1.1 100 Continue" in done.stderr, done.stderr[-2000:]
    assert json.loads(done.stdout)["choices"]


def test_expect_100_continue_without_a_key_is_refused_before_the_body(gateway):
    host, port = gateway.listen.rsplit(":", 1)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: holdfast.test\r\ncontent-type: application/json\r\n"
        f"expect: 100-continue\r\ncontent-length: {LARGE_BYTES}\r\n\r\n")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        status, _, _ = read_response(connection.makefile("rb"))
    assert status == 401


@needs_curl
def test_a_large_body_in_chunks(gateway, key, work):
    body = {"model": "practice", "messages": [{"role": "user", "content": "y" * LARGE_BYTES}], "max_tokens": 3}
    done = curl(gateway, key.text, body, work, "-H", "transfer-encoding: chunked", "-H", "expect:")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit(gateway, key, chunked):
    """10 MiB is the listener's bound; an honest length is refused before the body is read."""
    connection = connect(gateway)
    piece = b" " * (1 << 20)
    fields = headers(key)
    if not chunked:
        fields["content-length"] = str(11 << 20)
    try:
        connection.request("POST", "/v1/chat/completions", headers=fields, encode_chunked=chunked,
                           body=(piece for _ in range(11)) if chunked else piece)
    except (BrokenPipeError, ConnectionResetError):
        pass  # Refused while we were still sending, which is what the bound is for.
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["error"]["message"]
    connection.close()


def test_only_json_is_taken(gateway, key):
    connection = connect(gateway)
    connection.request("POST", "/v1/chat/completions", body="hello",
                       headers={**headers(key), "content-type": "text/plain"})
    response = connection.getresponse()
    assert response.status == 415
    assert json.loads(response.read())["error"]["message"]
    connection.close()
