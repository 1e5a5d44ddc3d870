"""Endpoints for the page's pitfalls: each makes a mistake on purpose.

The third pitfall needs no endpoint here: an EventSource that should POST fails at the chat. In the
fourth the browser makes the mistake: it has more EventSources than connections.
"""

import asyncio
from collections.abc import AsyncIterator

from streamserver.kit.events import EventStream
from streamserver.kit.pace import Pace
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.wire.problem import HTTPError

HELD = 30.0
"""Seconds after which a stream that is never closed fails, and one that stays open ends."""
WORDS = ("This ", "text ", "should ", "have ")


async def unlabelled(request: Request) -> Response:
    """``GET /pitfalls/unlabelled``: events, but no field of the head declares them."""
    return Response(_events())  # instead of EventStream(_events())


async def unclosed(request: Request) -> Response:
    """``GET /pitfalls/unclosed``: a text whose producer never closes its stream."""
    return TextStream(_forgotten())


async def unhandled(request: Request) -> Response:
    """``GET /pitfalls/unhandled``: a text whose producer fails halfway."""
    return TextStream(_failing())


async def crowded(request: Request) -> Response:
    """``GET /pitfalls/crowded``: one event, and a connection that stays open."""
    return EventStream(_held())


async def _events() -> AsyncIterator[bytes]:
    pace = Pace(0.25)
    for n in range(4):
        await pace.until(n)
        yield b"data: %d\n\n" % n


async def _held() -> AsyncIterator[str]:
    yield "connected"
    await asyncio.sleep(HELD)


async def _words() -> AsyncIterator[str]:
    pace = Pace(0.1)
    for n, word in enumerate(WORDS):
        await pace.until(n)
        yield word


async def _forgotten() -> AsyncIterator[str]:
    async for word in _words():
        yield word
    await asyncio.sleep(HELD)
    raise HTTPError(500, "the producer never closed this stream")


async def _failing() -> AsyncIterator[str]:
    async for word in _words():
        yield word
    await asyncio.sleep(0.25)  # the browser may discard the last word with the connection
    raise HTTPError(500, "the database has gone")
