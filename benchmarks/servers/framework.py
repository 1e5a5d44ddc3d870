"""Starlette with one route: the cost of a framework above an ASGI callable."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE, SILENCE, WORK, count_of


async def alone(request: Request) -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK
        await asyncio.sleep(0)


async def burst(request: Request) -> AsyncIterator[bytes]:
    for _ in range(CHUNKS):
        yield CHUNK


async def long(request: Request) -> AsyncIterator[bytes]:
    for _ in range(count_of(request.url.query)):
        yield CHUNK


async def idle(request: Request) -> AsyncIterator[bytes]:
    yield CHUNK
    await asyncio.sleep(SILENCE)


produce = {"alone": alone, "burst": burst, "long": long, "idle": idle}[WORK]


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(
        produce(request), media_type=CONTENT_TYPE, headers={"cache-control": "no-cache"}
    )


app = Starlette(routes=[Route("/stream", stream)])
