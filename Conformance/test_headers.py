"""Every answer says who made it and how."""
import pytest

OPTIONS = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
# What the upstreams add for themselves, and must not reach a client.
UPSTREAM_ONLY = ("server", "set-cookie", "access-control-allow-origin", "openai-processing-ms", "via", "location")


def test_the_headers_of_an_answer(client, real):
    raw = client.chat.completions.with_raw_response.create(model=f"{real.name}-only", **OPTIONS)
    assert raw.headers["x-holdfast-deployment"] == f"{real.name}/tiny"
    assert raw.headers["x-holdfast-attempts"] == "1"
    assert int(raw.headers["x-holdfast-generation"]) >= 1
    assert "x-holdfast-degraded" not in raw.headers
    assert raw.parse()._request_id == raw.headers["x-request-id"]
    leaked = [name for name in UPSTREAM_ONLY if name in raw.headers]
    assert leaked == []


def test_the_headers_of_a_stream(client, real):
    raw = client.chat.completions.with_raw_response.create(model=f"{real.name}-only", stream=True, **OPTIONS)
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["cache-control"] == "no-cache"
    assert raw.headers["x-accel-buffering"] == "no"
    assert "content-length" not in raw.headers
    assert raw.headers["x-holdfast-deployment"] == f"{real.name}/tiny"
    assert raw.headers["x-request-id"]
    list(raw.parse())


def test_the_exchange_id_is_ours_and_new_each_time(client):
    ids = {
        client.chat.completions.with_raw_response.create(
            model="second-only", extra_headers={"x-request-id": "chosen-by-the-client"}, **OPTIONS,
        ).headers["x-request-id"]
        for _ in range(5)
    }
    assert len(ids) == 5
    assert "chosen-by-the-client" not in ids


@pytest.mark.parametrize("stream", [False, True])
def test_failover_is_said(client, stream):
    raw = client.chat.completions.with_raw_response.create(model="failing-over", stream=stream, **OPTIONS)
    assert raw.headers["x-holdfast-deployment"] == "second/tiny"
    assert "failover" in raw.headers["x-holdfast-degraded"]
    answer = raw.parse()
    assert list(answer) if stream else answer.choices


def test_what_reaches_the_provider(client, practice, key):
    """Neither the client's credential nor the SDK's telemetry is any business of a provider's."""
    client.chat.completions.create(model="practice", extra_headers={"x-forwarded-for": "10.1.2.3"}, **OPTIONS)
    seen = practice.requests_for("practice-large")[-1]
    names = {header["name"].lower() for header in seen["headers"]}
    assert not [name for name in names if name.startswith(("x-stainless", "x-holdfast", "x-forwarded"))]
    assert key.text not in str(seen)
