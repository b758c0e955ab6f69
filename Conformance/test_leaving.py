"""Clients that leave: the provider hears of it, and nobody else does."""
import http.client
import json
import threading
import time

import openai
import pytest

from harness.waiting import wait_until

# How long a test waits for the provider's record; how late the provider may have learnt of it.
RECORD_BOUND_SECONDS, NOTICE_BOUND_MILLISECONDS = 5, 100
MESSAGES = [{"role": "user", "content": "tell a long story"}]
LEAVERS, STAYERS, STAYS_EACH = 24, 4, 6


def notice(practice, model: str, earlier: int, stayed_seconds: float) -> tuple[float, dict]:
    """How many milliseconds late the provider learnt of it, and its record of the one request since number `earlier`; its
    clock starts a little after ours."""

    def record():
        found = [request for request in practice.requests_for(model, after=earlier)
                 if request["outcome"] == "client_left"]
        return found[0] if found else None

    seen = wait_until(record, RECORD_BOUND_SECONDS, f"the provider to see that the client of {model} left",
                      lambda: practice.requests_for(model, after=earlier))
    return seen["client_left_after_ms"] - stayed_seconds * 1000, seen


def leave_in_time(practice, model: str, leave) -> dict:
    """The provider's record of a client that left and of which it was told in time. A pause of the machine is nobody's
    lateness: three in a row are no pause.

    `leave` returns for how many seconds the client stayed."""
    tries = []
    for _ in range(3):
        earlier = practice.last_number()
        tries.append(notice(practice, model, earlier, leave()))
        if tries[-1][0] <= NOTICE_BOUND_MILLISECONDS:
            return tries[-1][1]
    raise AssertionError(f"the provider learns of it late: {tries}")


def test_a_stream_closed_early_is_cancelled_upstream(client, practice):
    def leave() -> float:
        started = time.monotonic()
        stream = client.chat.completions.create(model="leave-stream", messages=MESSAGES, max_tokens=2000, stream=True)
        for _ in range(5):
            next(stream)
        stream.close()
        return time.monotonic() - started

    seen = leave_in_time(practice, "practice-leave-stream", leave)
    assert seen["stream"] is True
    assert seen["tokens_sent"] < 2000


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_before_the_head_is_cancelled_upstream(gateway, key, practice, stream):
    impatient = gateway.client(key, timeout_seconds=0.3)

    def leave() -> float:
        started = time.monotonic()
        with pytest.raises(openai.APITimeoutError):
            impatient.chat.completions.create(model="leave-head", messages=MESSAGES, stream=stream)
        return time.monotonic() - started

    leave_in_time(practice, "practice-fault-silence", leave)


def test_exchanges_in_a_row_share_an_upstream_connection(client, practice):
    earlier = practice.last_number()
    for _ in range(5):
        client.chat.completions.create(model="practice", messages=MESSAGES, max_tokens=2)
    connections = {request["connection"] for request in practice.requests_for("practice-large", after=earlier)}
    assert len(connections) <= 2, "the SDK keeps one connection, and so has one event loop"


def leave(gateway, key, index: int) -> None:
    """A raw connection that is dropped: before the head where `index` is even, in the middle of a stream otherwise."""
    route = "second-only" if index % 3 else "leave-stream"
    connection = http.client.HTTPConnection(*gateway.listen.rsplit(":", 1), timeout=10)
    body = {"model": route, "messages": MESSAGES, "max_tokens": 1000, "stream": True}
    headers = {"authorization": f"Bearer {key.text}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body=json.dumps(body), headers=headers)
    if index % 2:
        response = connection.getresponse()
        assert response.status == 200
        response.read(40)
    connection.close()


def test_clients_that_leave_do_not_disturb_those_who_stay(gateway, client, key, second):
    options = {"messages": MESSAGES, "max_tokens": 60, "temperature": 0}
    expected = second.client().chat.completions.create(model="tiny", **options).choices[0].message.content
    failures: list[str] = []
    answered = []

    def stay() -> None:
        # A client of its own: one connection, kept alive over all of its exchanges.
        own = gateway.client(key)
        for turn in range(STAYS_EACH):
            try:
                if turn % 2:
                    stream = own.chat.completions.create(model="second-only", stream=True, **options)
                    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
                else:
                    text = own.chat.completions.create(model="second-only", **options).choices[0].message.content
            except openai.OpenAIError as error:
                failures.append(f"turn {turn}: {error!r}")
                continue
            answered.append(text)

    def go(index: int) -> None:
        try:
            leave(gateway, key, index)
        except (OSError, http.client.HTTPException, AssertionError) as error:
            failures.append(f"leaver {index}: {error!r}")

    threads = [threading.Thread(target=stay) for _ in range(STAYERS)]
    threads += [threading.Thread(target=go, args=(index,)) for index in range(LEAVERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    assert failures == []
    assert len(answered) == STAYERS * STAYS_EACH
    assert [text for text in answered if text != expected] == []


def test_the_one_at_a_time_server_is_free_again_after_a_client_left(client, gateway, key):
    """llama_cpp.server holds a lock for the length of a stream: it is only released when the gateway hangs up."""
    stream = client.chat.completions.create(model="llama-only", messages=MESSAGES, max_tokens=1500, stream=True)
    next(stream)
    stream.close()
    answer = gateway.client(key, timeout_seconds=10).chat.completions.create(
        model="llama-only", messages=MESSAGES, max_tokens=5)
    assert answer.choices
