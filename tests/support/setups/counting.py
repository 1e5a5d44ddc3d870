"""The stream of the healthy servers: ids that continue after Last-Event-ID."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

COUNT, GAP, FOREVER = 24, 0.05, 10**9
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


async def numbers(last: str | None, count: int = COUNT) -> AsyncIterator[tuple[int, str]]:
    """Number and data of each event, when it is due."""
    first = int(last or -1) + 1
    begin = time.monotonic()
    for n in range(first, count):
        await asyncio.sleep(begin + (n - first) * GAP - time.monotonic())
        yield n, json.dumps({"n": n, "text": "lorem ipsum"})


async def encoded(last: str | None, count: int = COUNT) -> AsyncIterator[bytes]:
    """The same as bytes of an event stream."""
    yield b"retry: 1500\n\n"
    async for n, data in numbers(last, count):
        yield f"id: {n}\ndata: {data}\n\n".encode()
