"""Many at once: each gets its own answer."""
import asyncio

import openai

QUESTIONS = [f"question number {index} about the {word}" for index in range(8) for word in ("sea", "sun", "sand")]
AT_ONCE = 16
# Straight to a server: llama.cpp's closes connections that it said it would keep, and may do so under a request.
STRAIGHT_RETRIES = 5


def options(question: str) -> dict:
    return {"messages": [{"role": "user", "content": question}], "max_tokens": 16, "temperature": 0}


async def text_of(client: openai.AsyncOpenAI, model: str, question: str, stream: bool) -> str:
    answer = await client.chat.completions.create(model=model, stream=stream, **options(question))
    if not stream:
        return answer.choices[0].message.content
    pieces = [chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices]
    return "".join(pieces)


async def ask_all(base_url: str, key: str, model: str, at_once: int, retries: int = 0) -> dict[tuple[str, bool], str]:
    """Every question in both forms. They are kept apart: where the limit cuts a character in half, a server may drop
    its first bytes in one form and not in the other."""
    places = asyncio.Semaphore(at_once)
    async with openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=60) as client:

        async def ask(question: str, stream: bool) -> tuple[tuple[str, bool], str]:
            async with places:
                return (question, stream), await text_of(client, model, question, stream)

        return dict(await asyncio.gather(*(ask(question, stream) for question in QUESTIONS for stream in (False, True))))


def test_concurrent_exchanges_are_not_mixed_up(gateway, key, real):
    expected = asyncio.run(ask_all(real.base_url, real.api_key, "tiny", at_once=1, retries=STRAIGHT_RETRIES))
    assert len(set(expected.values())) > len(QUESTIONS) // 2, "the answers differ, or a mix-up could not be seen"
    answers = asyncio.run(ask_all(gateway.base_url, key.text, f"{real.name}-only", AT_ONCE))
    assert {asked: (text, expected[asked]) for asked, text in answers.items() if text != expected[asked]} == {}
    assert len(answers) == 2 * len(QUESTIONS)
