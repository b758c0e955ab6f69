"""Hundreds of gateways in one process of their own, which ask as `PullSchedule` does; what they met goes to a file.

usage: python -m fire.pulls ADDRESS TOKENS RECORDS SEED
A line `herd` on standard input has all of them ask at once, as after a network that was cut; its end ends them."""
from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import time
from pathlib import Path

# As in Sources/HoldfastCore/Snapshot/PullSchedule.swift.
INTERVAL, JITTER, LONGEST_BACKOFF, SHORTEST_BACKOFF, OBEYED_JITTER = 2.0, 0.4, 30.0, 0.2, 1.0
ANSWER_BOUND_SECONDS = 10


class Puller:
    def __init__(self, address: str, token: str, seed: int, records: list):
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._token = token
        self._random = random.Random(seed)
        self._records = records
        self._streams = None
        self._generation, self._failures = 0, 0
        self.awake = asyncio.Event()

    async def run(self) -> None:
        wait = self._random.uniform(0, INTERVAL)
        while True:
            try:
                await asyncio.wait_for(self.awake.wait(), wait)
                self.awake.clear()
            except asyncio.TimeoutError:
                pass
            began = time.monotonic()
            try:
                status, retry_after = await asyncio.wait_for(self._ask(), ANSWER_BOUND_SECONDS)
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
                status, retry_after = 0, None
                self._close()
            self._records.append((began, time.monotonic() - began, status, retry_after, self._generation))
            wait = self._next(status, retry_after)

    def _next(self, status: int, retry_after: int | None) -> float:
        if status in (200, 204):
            self._failures = 0
            return INTERVAL - JITTER + self._random.uniform(0, 2 * JITTER)
        self._failures += 1
        if retry_after is not None:
            return retry_after + self._random.uniform(0, OBEYED_JITTER)
        longest = min(INTERVAL * 2 ** min(self._failures, 10), LONGEST_BACKOFF)
        return SHORTEST_BACKOFF + self._random.uniform(0, longest - SHORTEST_BACKOFF)

    async def _ask(self) -> tuple[int, int | None]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        body = json.dumps({
            "version": "0.1.0", "generation": self._generation, "source": "control", "ready": True,
            "exchanges_in_flight": 0, "exchanges": 0, "failures": 0, "shedding": "none"}).encode()
        writer.write(
            f"POST /v1/pull HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {self._token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(head[0].split()[1])
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        answer = await reader.readexactly(int(fields.get("content-length", 0)))
        if status == 200:
            self._generation = json.loads(base64.b64decode(json.loads(answer)["payload"]))["number"]
        retry_after = fields.get("retry-after")
        return status, None if retry_after is None else int(retry_after)

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def main(address: str, tokens: Path, place: Path, seed: int) -> None:
    records: list = []
    pullers = [
        Puller(address, token, seed * 1_000_003 + number, records)
        for number, token in enumerate(tokens.read_text().split())]
    tasks = [asyncio.create_task(puller.run()) for puller in pullers]
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while await commands.readline():
        for puller in pullers:
            puller.awake.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    place.write_text(json.dumps(records))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
