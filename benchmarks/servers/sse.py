"""Starlette with sse-starlette: an idle event stream with heartbeats, and a feed.

The feed follows its documentation: each reader has a queue of events.
"""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.work import CHUNK, SILENCE, WORK

Queue = asyncio.Queue[ServerSentEvent]
_queues: list[Queue] = []


async def idle() -> AsyncIterator[bytes]:
    yield CHUNK
    await asyncio.sleep(SILENCE)


async def serve_idle(request: Request) -> EventSourceResponse:
    return EventSourceResponse(idle(), ping=15)


async def follow(queue: Queue) -> AsyncIterator[ServerSentEvent]:
    try:
        while True:
            yield await queue.get()
    finally:
        _queues.remove(queue)


async def subscribe(request: Request) -> EventSourceResponse:
    queue = Queue(maxsize=100)
    _queues.append(queue)
    return EventSourceResponse(follow(queue), ping=SILENCE)


async def publish(request: Request) -> Response:
    event = ServerSentEvent((await request.body()).decode())
    for queue in _queues:
        queue.put_nowait(event)
    return Response(status_code=204)


stream = {"idle-events": serve_idle, "fanout": subscribe}[WORK]

app = Starlette(routes=[Route("/stream", stream), Route("/publish", publish, methods=["POST"])])
