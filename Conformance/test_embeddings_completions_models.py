"""The other endpoints of the dialect."""
import math

import openai
import pytest


def test_embeddings_as_the_sdk_asks_for_them(client, real):
    """The SDK asks for base64 unless told otherwise and decodes what comes."""
    texts = ["hello", "the world is round", "hello"]
    straight = real.client().embeddings.create(model="tiny", input=texts)
    through = client.embeddings.create(model=f"{real.name}-only", input=texts)
    assert [row.index for row in through.data] == [0, 1, 2]
    assert all(len(row.embedding) == 64 for row in through.data)
    for row, expected in zip(through.data, straight.data, strict=True):
        assert all(map(lambda a, b: math.isclose(a, b, abs_tol=1e-5), row.embedding, expected.embedding))
    assert through.data[0].embedding == pytest.approx(through.data[2].embedding, abs=1e-5)
    assert through.data[0].embedding != pytest.approx(through.data[1].embedding, abs=1e-3)
    assert through.usage.prompt_tokens > 0


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_in_both_encodings(client, encoding):
    answer = client.embeddings.create(model="practice", input="hello", encoding_format=encoding)
    assert answer.data[0].embedding


def test_legacy_completions(client, real):
    options = {"prompt": "the world", "max_tokens": 20, "temperature": 0}
    straight = real.client().completions.create(model="tiny", **options)
    through = client.completions.create(model=f"{real.name}-only", **options)
    assert through.object == "text_completion"
    assert through.choices[0].text and through.choices[0].text == straight.choices[0].text


def test_streamed_legacy_completions(client, real):
    options = {"prompt": "the world", "max_tokens": 20, "temperature": 0, "stream": True}
    straight = [chunk.choices[0].text for chunk in real.client().completions.create(model="tiny", **options)]
    through = [chunk.choices[0].text for chunk in client.completions.create(model=f"{real.name}-only", **options)]
    assert through == straight
    assert "".join(through)


def test_models_are_the_routes(client):
    models = client.models.list().data
    assert {"assistant", "llama-only", "second-only"} <= {model.id for model in models}
    assert all(model.object == "model" for model in models)


def test_a_model_is_retrieved_by_its_name(client):
    assert client.models.retrieve("assistant").id == "assistant"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_key_sees_the_routes_it_may_use(gateway, narrow_key):
    assert [model.id for model in gateway.client(narrow_key).models.list().data] == ["assistant"]
