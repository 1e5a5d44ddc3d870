"""Starlette with sse-starlette: an idle event stream with heartbeats."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from benchmarks.servers.work import CHUNK, SILENCE


async def events() -> AsyncIterator[bytes]:
    yield CHUNK
    await asyncio.sleep(SILENCE)


async def stream(request: Request) -> EventSourceResponse:
    return EventSourceResponse(events(), ping=15)


app = Starlette(routes=[Route("/stream", stream)])
