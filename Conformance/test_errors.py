"""Each failure becomes the SDK's own class for it, and says no more than a client should know."""
import time

import openai
import pytest

MESSAGES = [{"role": "user", "content": "hello"}]
OPTIONS = {"messages": MESSAGES, "max_tokens": 5}


def body_of(error: openai.APIStatusError) -> dict:
    """The error object of the dialect: the SDK has taken it out of its envelope."""
    assert error.response.headers["content-type"].startswith("application/json")
    assert set(error.response.json()) == {"error"}
    assert error.response.json()["error"]["message"]
    assert error.request_id, "x-request-id is on errors as well"
    return error.response.json()["error"]


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", **OPTIONS)
    assert body_of(caught.value)["code"] == "model_not_found"
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model_is_an_error_for_streams_too(client, stream):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", stream=stream, **OPTIONS)


def bad_keys(key) -> dict[str, str]:
    swapped = key.text[:-1] + ("0" if key.text[-1] != "0" else "1")
    return {"not a key at all": "sk-something", "a wrong check": swapped, "one letter short": key.text[:-1]}


@pytest.mark.parametrize("kind", ["not a key at all", "a wrong check", "one letter short"])
def test_a_key_of_the_wrong_shape(gateway, key, kind):
    with pytest.raises(openai.AuthenticationError) as caught:
        gateway.client(bad_keys(key)[kind]).chat.completions.create(model="assistant", **OPTIONS)
    error = body_of(caught.value)
    assert bad_keys(key)[kind] not in str(error)
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_well_made_key_that_is_not_configured(gateway):
    from harness.holdfast import Key

    with pytest.raises(openai.AuthenticationError):
        gateway.client(Key("stranger", "everything")).chat.completions.create(model="assistant", **OPTIONS)


def test_no_key(gateway, client):
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(
            model="assistant", extra_headers={"authorization": openai.Omit()}, **OPTIONS)


def test_a_key_in_the_other_header(client, key):
    answer = client.chat.completions.create(
        model="second-only", extra_headers={"authorization": openai.Omit(), "x-api-key": key.text}, **OPTIONS)
    assert answer.choices


def test_a_route_that_the_key_may_not_use(gateway, narrow_key):
    narrow = gateway.client(narrow_key)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        narrow.chat.completions.create(model="second-only", **OPTIONS)
    body_of(caught.value)
    assert narrow.chat.completions.create(model="assistant", **OPTIONS).choices


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"null", b"\xff\xfe{}", b'{"model": "assistant"} x'])
def test_a_body_that_is_no_json_object(client, content):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", content=content, cast_to=object,
                    options={"headers": {"content-type": "application/json"}})
    body_of(caught.value)


def test_a_body_without_a_model(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body=OPTIONS, cast_to=object)
    assert body_of(caught.value)["param"] == "model"


def test_a_caller_fault_found_by_the_real_server(client):
    """Its own words reach the client, and no other candidate is troubled with it."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body={"model": "second-only", "messages": ["no message"]}, cast_to=object)
    assert body_of(caught.value)["message"]
    assert caught.value.response.headers["x-holdfast-attempts"] == "1"


def test_a_caller_fault_is_not_routed_around(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="caller-fault", **OPTIONS)
    assert caught.value.response.headers["x-holdfast-attempts"] == "1"
    assert caught.value.response.headers["x-holdfast-deployment"].startswith("practice/")


def test_a_prompt_longer_than_the_context(client, real):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=f"{real.name}-only", messages=[{"role": "user", "content": "the " * 5000}], max_tokens=5)
    body_of(caught.value)


def test_the_client_s_own_timeout(gateway, key):
    impatient = gateway.client(key, timeout_seconds=0.5)
    started = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="slow", **OPTIONS)
    assert time.monotonic() - started < 5


def test_a_deadline_in_a_header_ends_in_504(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="slow", extra_headers={"x-holdfast-timeout": "500ms"}, **OPTIONS)
    assert caught.value.status_code == 504
    body_of(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_every_candidate_down(client, stream):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="all-down", stream=stream, **OPTIONS)
    assert caught.value.status_code in (502, 503)
    error = body_of(caught.value)
    assert "127.0.0.1" not in str(error), "an upstream's address is not the client's to know"
    if caught.value.status_code == 503:
        assert int(caught.value.response.headers["retry-after"]) >= 0


def test_an_upstream_that_refuses_our_key_is_not_the_client_s_affair(client):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="our-key-refused", **OPTIONS)
    message = body_of(caught.value)["message"].lower().replace("our-key-refused", "")
    assert not any(word in message for word in ("key", "credential", "unauthorized", "401"))


def test_an_upstream_that_refuses_our_key_is_passed_over(client):
    raw = client.chat.completions.with_raw_response.create(model="our-key-refused-first", **OPTIONS)
    assert raw.headers["x-holdfast-deployment"] == "second/tiny"
    assert raw.parse().choices


def test_the_gateway_still_serves_after_all_that(client):
    assert client.chat.completions.create(model="assistant", **OPTIONS).choices
