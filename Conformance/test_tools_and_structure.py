"""Tool calls and structured output, unary and streamed."""
import json

import pydantic
import pytest

MESSAGES = [{"role": "user", "content": "what is the weather, use the tool"}]
TOOLS = [{
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {
            "type": "object",
            "properties": {"sunny": {"type": "boolean"}},
            "required": ["sunny"],
            "additionalProperties": False,
        },
    },
}]
NAMED = {"type": "function", "function": {"name": "weather"}}


class Weather(pydantic.BaseModel):
    sunny: bool
    windy: bool


def assemble(chunks) -> dict[int, dict]:
    """Tool calls of a stream, keyed by index as the dialect demands."""
    calls: dict[int, dict] = {}
    for chunk in chunks:
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls or []:
                call = calls.setdefault(piece.index, {"id": None, "name": None, "arguments": ""})
                call["id"] = call["id"] or piece.id
                call["name"] = call["name"] or (piece.function and piece.function.name)
                call["arguments"] += (piece.function and piece.function.arguments) or ""
    return calls


def test_tool_definitions_are_accepted_and_the_answer_parses(client, real):
    answer = client.chat.completions.create(
        model=f"{real.name}-only", messages=MESSAGES, tools=TOOLS, tool_choice="auto", max_tokens=40)
    assert answer.choices[0].finish_reason in ("length", "stop", "tool_calls")
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("route", ["llama-only", "practice"])
def test_a_tool_call(client, route):
    """llama_cpp.server holds a named tool to its schema with a grammar, whatever the model would rather say."""
    answer = client.chat.completions.create(
        model=route, messages=MESSAGES, tools=TOOLS, tool_choice=NAMED, max_tokens=60, temperature=0)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather"
    assert isinstance(json.loads(call.function.arguments)["sunny"], bool)


@pytest.mark.parametrize("route", ["llama-only", "practice"])
def test_a_streamed_tool_call(client, route):
    chunks = list(client.chat.completions.create(
        model=route, messages=MESSAGES, tools=TOOLS, tool_choice=NAMED, max_tokens=60, temperature=0, stream=True))
    calls = assemble(chunks)
    assert list(calls) == [0]
    assert calls[0]["name"] == "weather" and calls[0]["id"]
    assert isinstance(json.loads(calls[0]["arguments"])["sunny"], bool)


def test_the_result_of_a_tool_goes_back_to_the_model(client):
    messages = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"sunny\": true}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"done\": true}"},
    ]
    answer = client.chat.completions.create(model="practice", messages=messages, tools=TOOLS, max_tokens=10)
    assert answer.choices[0].finish_reason


@pytest.mark.parametrize("route", ["second-only", "practice"])
def test_structured_output(client, route):
    answer = client.chat.completions.parse(
        model=route, messages=MESSAGES, response_format=Weather, max_tokens=100, temperature=0)
    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_streamed_structured_output(client):
    with client.chat.completions.stream(
            model="second-only", messages=MESSAGES, response_format=Weather, max_tokens=100, temperature=0) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Weather)


def test_json_object_mode(client, real):
    answer = client.chat.completions.create(
        model=f"{real.name}-only", messages=MESSAGES, max_tokens=100, temperature=0,
        response_format={"type": "json_object", "schema": Weather.model_json_schema()})
    assert Weather.model_validate_json(answer.choices[0].message.content)


def test_a_server_that_breaks_on_a_schema_is_passed_over(client):
    """llama_cpp.server answers `json_schema` with a 500: any 5xx is transient, so the next candidate answers."""
    raw = client.chat.completions.with_raw_response.parse(
        model="odd-first", messages=MESSAGES, response_format=Weather, max_tokens=100, temperature=0)
    assert raw.headers["x-holdfast-deployment"] == "second/tiny"
    assert "failover" in raw.headers["x-holdfast-degraded"]
    assert isinstance(raw.parse().choices[0].message.parsed, Weather)
