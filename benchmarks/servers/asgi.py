"""An ASGI callable without a framework, for uvicorn, hypercorn and granian."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.servers.work import (
    CHUNK,
    CHUNKS,
    CONTENT_TYPE,
    ROW,
    ROW_TYPE,
    SILENCE,
    WORK,
    count_of,
)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", CONTENT_TYPE.encode()), (b"cache-control", b"no-cache")],
}
PART = {"type": "http.response.body", "body": CHUNK, "more_body": True}
END = {"type": "http.response.body", "body": b"", "more_body": False}


async def alone(scope: Scope, receive: Receive, send: Send) -> None:
    await send(HEAD)
    for _ in range(CHUNKS):
        await send(PART)
        await asyncio.sleep(0)
    await send(END)


async def burst(scope: Scope, receive: Receive, send: Send) -> None:
    await send(HEAD)
    for _ in range(CHUNKS):
        await send(PART)
    await send(END)


async def long(scope: Scope, receive: Receive, send: Send) -> None:
    await send(HEAD)
    for _ in range(count_of(scope["query_string"].decode())):
        await send(PART)
    await send(END)


async def export(scope: Scope, receive: Receive, send: Send) -> None:
    await send({**HEAD, "headers": [(b"content-type", ROW_TYPE.encode())]})
    for n in range(count_of(scope["query_string"].decode())):
        body = ROW % (n, n)
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send(END)


async def idle(scope: Scope, receive: Receive, send: Send) -> None:
    await send(HEAD)
    await send(PART)
    await asyncio.sleep(SILENCE)


app = {"alone": alone, "burst": burst, "long": long, "export": export, "idle": idle}[WORK]
