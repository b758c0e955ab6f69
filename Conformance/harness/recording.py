"""What a client really received, beside what the SDK made of it.

The SDK stops at `[DONE]` and cannot tell a stream that was cut from one that ended, so each response's bytes are
recorded underneath it and judged here.
"""
import enum
import json
from collections.abc import Iterator

import httpx2
import openai

_KEY = "holdfast.recording"


class Ending(enum.Enum):
    COMPLETE = "complete"
    ERROR_EVENT = "ended with an error event"
    TRUNCATED = "truncated without an error event"
    ERROR_THEN_DONE = "an error event followed by [DONE]"


class Recording(httpx2.SyncByteStream):
    """Passes a response's bytes on and keeps a copy."""

    def __init__(self, stream: httpx2.SyncByteStream):
        self._stream = stream
        self.received = bytearray()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self.received += piece
            yield piece

    def close(self) -> None:
        self._stream.close()

    def events(self) -> list[str]:
        """The payload of every whole event; a line that never ended is no event."""
        return [line[5:].strip() for line in self._lines() if line.startswith("data:")]

    def comments(self) -> list[str]:
        """What a client library skips."""
        return [line[1:].strip() for line in self._lines() if line.startswith(":")]

    def error_codes(self) -> list[str]:
        """The code of every error event."""
        payloads = [json.loads(event) for event in self.events() if event != "[DONE]"]
        return [payload["error"].get("code") for payload in payloads if payload.get("error")]

    def _lines(self) -> list[str]:
        text = self.received.decode("utf-8", errors="replace").replace("\r\n", "\n")
        return text.rpartition("\n")[0].split("\n")

    def ending(self) -> Ending:
        events = self.events()
        done = "[DONE]" in events
        payloads = [json.loads(event) for event in events if event != "[DONE]"]
        failed = any(payload.get("error") for payload in payloads)
        finished = any(
            choice.get("finish_reason") for payload in payloads for choice in payload.get("choices") or [])
        if failed:
            return Ending.ERROR_THEN_DONE if done else Ending.ERROR_EVENT
        return Ending.COMPLETE if done and finished else Ending.TRUNCATED


class _RecordingTransport(httpx2.HTTPTransport):
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        response.stream = Recording(response.stream)
        response.extensions[_KEY] = response.stream
        return response


def recording_client(base_url: str, key: str, timeout_seconds: float = 60) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=base_url, api_key=key, max_retries=0, timeout=timeout_seconds,
        http_client=openai.DefaultHttpxClient(transport=_RecordingTransport()))


def recording_of(response: httpx2.Response) -> Recording:
    return response.extensions[_KEY]
