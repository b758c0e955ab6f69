"""Questions that two model servers answer alike, and clients that judge what came."""
import dataclasses
import enum
import threading
import time
from collections.abc import Callable

import openai

from harness.recording import Ending, Recording, recording_client, recording_of

# Every token of the tiny model that is no word. Bytes make half characters, which servers drop or mark as they please;
# an answer in words alone is the same text from every server, streamed or whole.
NOT_WORDS = {str(token): -100 for token in range(259)}
QUESTIONS = [f"question {number}: what is the way home" for number in range(12)]
INTERRUPTED_CODE = "answer_interrupted"


def options(question: str, max_tokens: int) -> dict:
    """Nothing is left to chance or to a server's own defaults."""
    return {
        "messages": [{"role": "user", "content": question}], "max_tokens": max_tokens, "temperature": 0, "seed": 1,
        "logit_bias": NOT_WORDS, "extra_body": {"top_k": 1, "repeat_penalty": 1.0},
    }


def straight_answer(client: openai.OpenAI, question: str, max_tokens: int) -> str:
    """What a server says when nothing stands between, which is the same in a stream."""
    whole = client.chat.completions.create(model="tiny", **options(question, max_tokens))
    stream = client.chat.completions.create(model="tiny", stream=True, **options(question, max_tokens))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == whole.choices[0].message.content
    return text


class Outcome(enum.Enum):
    WHOLE = "whole"
    INTERRUPTED = "ended with the error event"
    TRUNCATED = "cut off in silence"
    ERROR_THEN_DONE = "an error event followed by [DONE]"
    FAILED = "failed"


@dataclasses.dataclass
class Exchange:
    """One request as its client saw it."""
    question: str
    streamed: bool
    started: float = 0
    ended: float = 0
    outcome: Outcome | None = None
    deployment: str = ""
    attempts: int = 0
    degraded: str = ""
    text: str = ""
    continued: bool = False
    comments: list[str] = dataclasses.field(default_factory=list)
    detail: str = ""


class Asker:
    """The official SDK, with the bytes beneath it recorded."""

    def __init__(self, base_url: str, key: str):
        self._client = recording_client(base_url, key)

    def ask(self, route: str, question: str, max_tokens: int, streamed: bool,
            on_piece: Callable[[Exchange, int], None] | None = None,
            on_head: Callable[[Recording], None] | None = None) -> Exchange:
        """Never raises for what the gateway does: that is for the caller to judge. `on_head` is given what a stream's
        bytes are recorded into, and `on_piece` is told of each piece of its text with the number."""
        exchange = Exchange(question, streamed, started=time.monotonic())
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=route, stream=streamed, **options(question, max_tokens))
            exchange.deployment = raw.headers["x-holdfast-deployment"]
            exchange.attempts = int(raw.headers["x-holdfast-attempts"])
            exchange.degraded = raw.headers.get("x-holdfast-degraded", "")
            if streamed:
                if on_head:
                    on_head(recording_of(raw.http_response))
                self._read(raw, exchange, on_piece)
            else:
                self._judge_whole(raw, exchange)
        except Exception as error:  # Whatever a client meets here is a failure to report, and not to die of.
            exchange.outcome = Outcome.FAILED
            exchange.detail += repr(error)
        exchange.ended = time.monotonic()
        return exchange

    @staticmethod
    def _judge_whole(raw, exchange: Exchange) -> None:
        choice = raw.parse().choices[0]
        exchange.text = choice.message.content
        is_whole = raw.status_code == 200 and choice.finish_reason in ("stop", "length")
        exchange.outcome = Outcome.WHOLE if is_whole else Outcome.FAILED

    @staticmethod
    def _read(raw, exchange: Exchange, on_piece) -> None:
        recording = recording_of(raw.http_response)
        pieces = 0
        try:
            for chunk in raw.parse():
                if chunk.choices and chunk.choices[0].delta.content:
                    exchange.text += chunk.choices[0].delta.content
                    pieces += 1
                    if on_piece:
                        on_piece(exchange, pieces)
        except openai.APIError as error:
            exchange.detail = repr(error)
        exchange.comments = recording.comments()
        exchange.continued = any(comment.startswith("holdfast: continued by ") for comment in exchange.comments)
        exchange.outcome = {
            Ending.COMPLETE: Outcome.WHOLE, Ending.ERROR_EVENT: Outcome.INTERRUPTED,
            Ending.TRUNCATED: Outcome.TRUNCATED, Ending.ERROR_THEN_DONE: Outcome.ERROR_THEN_DONE,
        }[recording.ending()]
        if exchange.outcome is Outcome.INTERRUPTED and recording.error_codes() != [INTERRUPTED_CODE]:
            exchange.outcome = Outcome.FAILED
        if exchange.outcome is not Outcome.WHOLE:
            exchange.detail += f" last bytes: {bytes(recording.received[-400:])!r}"


class Crowd:
    """A number of requests, unary ones and streams in turn, several at once. Once `after` of them are answered, the
    first stream of `deployment` that is past its first words has `strike` called, in the thread of its client."""

    PIECES_BEFORE_STRIKE = 3

    def __init__(self, asker: Asker, route: str, unary: int, streams: int, max_tokens: int, at_once: int = 8):
        self._asker = asker
        self._route = route
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._todo = interleaved(unary, streams)
        self._strike: Callable[[], None] | None = None
        self._strike_after = 0
        self._deployment = ""
        self.struck_at: float | None = None
        self.exchanges: list[Exchange] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(at_once)]

    def strike(self, deployment: str, after: int, action: Callable[[], None]) -> None:
        self._deployment, self._strike_after, self._strike = deployment, after, action

    def run(self, bound_seconds: float) -> list[Exchange]:
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + bound_seconds
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        hanging = any(thread.is_alive() for thread in self._threads)
        with self._lock:
            self._todo.clear()
            assert not hanging, f"clients hang; {len(self.exchanges)} answers so far"
            return list(self.exchanges)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    return
                number, streamed = self._todo.pop(0)
            exchange = self._asker.ask(
                self._route, QUESTIONS[number % len(QUESTIONS)], self._max_tokens, streamed, self._on_piece)
            with self._lock:
                self.exchanges.append(exchange)

    def _on_piece(self, exchange: Exchange, number: int) -> None:
        if number != self.PIECES_BEFORE_STRIKE or exchange.deployment != self._deployment:
            return
        with self._lock:
            if self._strike is None or self.struck_at is not None or len(self.exchanges) < self._strike_after:
                return
            self.struck_at = time.monotonic()
        self._strike()


def interleaved(unary: int, streams: int) -> list[tuple[int, bool]]:
    """Numbers in order, and whether each is a stream: the streams evenly among the others."""
    total = unary + streams
    return [(number, (number + 1) * streams // total > number * streams // total) for number in range(total)]
