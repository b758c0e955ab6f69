"""Chat completions and streams: what the real server said is what the client gets."""
import openai
import pytest

MESSAGES = [{"role": "user", "content": "say hello to the world"}]
# Greedy, so that the same question has the same answer, straight or through the gateway.
OPTIONS = {"messages": MESSAGES, "max_tokens": 40, "temperature": 0}


def deltas(stream) -> list[str]:
    return [chunk.choices[0].delta.content for chunk in stream if chunk.choices and chunk.choices[0].delta.content]


def test_a_unary_answer_is_the_upstream_s_own(client, real):
    straight = real.client().chat.completions.create(model="tiny", **OPTIONS)
    through = client.chat.completions.create(model=f"{real.name}-only", **OPTIONS)
    assert through.object == "chat.completion"
    assert through.choices[0].message.role == "assistant"
    assert through.choices[0].message.content
    assert through.choices[0].message.content == straight.choices[0].message.content
    assert through.choices[0].finish_reason == straight.choices[0].finish_reason
    assert through.usage.completion_tokens == straight.usage.completion_tokens
    assert through.model.endswith("tiny"), "the model names what really answered"


def test_a_stream_has_the_upstream_s_own_pieces(client, real):
    straight = deltas(real.client().chat.completions.create(model="tiny", stream=True, **OPTIONS))
    chunks = list(client.chat.completions.create(model=f"{real.name}-only", stream=True, **OPTIONS))
    assert deltas(chunks) == straight
    assert len(straight) > 5, "several pieces, or nothing was streamed"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_at_the_end_of_a_stream_for_those_who_ask(client):
    chunks = list(client.chat.completions.create(
        model="second-only", stream=True, stream_options={"include_usage": True}, **OPTIONS))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 40
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_usage_is_not_sent_to_those_who_did_not_ask(client, real):
    chunks = list(client.chat.completions.create(model=f"{real.name}-only", stream=True, **OPTIONS))
    assert all(chunk.choices for chunk in chunks), "a chunk without choices breaks clients that did not ask for one"
    assert all(chunk.usage is None for chunk in chunks)


def test_a_server_that_ignores_include_usage_does_no_harm(client):
    """llama_cpp.server accepts `stream_options` and sends no usage."""
    chunks = list(client.chat.completions.create(
        model="llama-only", stream=True, stream_options={"include_usage": True}, **OPTIONS))
    assert len(deltas(chunks)) > 5
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length"


def test_a_field_that_only_the_server_knows_passes_through(client):
    """`timings_per_token` is llama.cpp's own; its effect shows that the field arrived."""
    chunks = list(client.chat.completions.create(
        model="second-only", stream=True, extra_body={"timings_per_token": True}, **OPTIONS))
    with_timings = [chunk for chunk in chunks if (chunk.model_extra or {}).get("timings")]
    assert len(with_timings) > 5


def test_stop_sequences_and_several_messages(client, real):
    messages = [
        {"role": "system", "content": "You are \u201ctiny\u201d \u2014 a model. \U0001f600"},
        {"role": "user", "content": "one\ntwo\t\"three\" \\ four"},
        {"role": "assistant", "content": "five"},
        {"role": "user", "content": "six"},
    ]
    options = {"messages": messages, "max_tokens": 30, "temperature": 0, "stop": [" out"]}
    straight = real.client().chat.completions.create(model="tiny", **options)
    through = client.chat.completions.create(model=f"{real.name}-only", **options)
    assert through.choices[0].message.content == straight.choices[0].message.content
    assert through.usage.prompt_tokens == straight.usage.prompt_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_candidate_answers_while_it_can(client, stream):
    raw = client.chat.completions.with_raw_response.create(model="assistant", stream=stream, **OPTIONS)
    assert raw.headers["x-holdfast-deployment"] == "llama/tiny"
    answer = raw.parse()
    assert deltas(answer) if stream else answer.choices[0].message.content


def test_a_stream_used_as_a_context_manager_leaves_the_client_usable(client):
    with client.chat.completions.create(model="second-only", stream=True, **OPTIONS) as stream:
        assert deltas(stream)
    assert client.chat.completions.create(model="second-only", **OPTIONS).choices


def test_the_stream_helper_of_the_sdk_assembles_the_same_answer(client, real):
    straight = real.client().chat.completions.create(model="tiny", **OPTIONS).choices[0].message.content
    with client.chat.completions.stream(model=f"{real.name}-only", **OPTIONS) as stream:
        try:
            final = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:
            final = error.completion
    assert final.choices[0].message.content == straight
