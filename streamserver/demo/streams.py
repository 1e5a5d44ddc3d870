"""Two streams at a fixed rate: server-sent events, and text."""

import time
from collections.abc import AsyncIterator

from streamserver.kit.events import EventStream
from streamserver.kit.pace import Pace
from streamserver.kit.params import duration, json_object, number, text, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response, TextStream
from streamserver.wire.sse import Event

MAX_COUNT = 100_000
COUNT = whole("count", 1, MAX_COUNT, default=10)
INTERVAL = duration("interval", 0, 60, default=0.5)
LAST_EVENT_ID = whole("Last-Event-ID", 0, MAX_COUNT - 1)
RETRY = 1000

TEXT = text("text", 1, 10_000)
CPS = number("cps", 1, 1000, default=40)


async def counter(request: Request) -> Response:
    """``GET /api/counter?count=10&interval=0.5``: ``count`` events, ``interval`` seconds apart."""
    count, interval = COUNT.of(request.query), INTERVAL.of(request.query)
    first = 0
    if request.last_event_id:
        first = LAST_EVENT_ID.read(request.last_event_id) + 1
    if first >= count:  # an EventSource reconnects until it gets a 204 (WHATWG HTML, 9.2.3)
        return Response(status=204)
    return EventStream(_ticks(first, count, interval), retry=RETRY)


async def _ticks(first: int, count: int, interval: float) -> AsyncIterator[Event]:
    pace = Pace(interval)
    for n in range(first, count):
        await pace.until(n - first)
        yield Event({"count": n, "time": time.time_ns() // 1_000_000}, id=n)


async def type_text(request: Request) -> Response:
    """``POST /api/type`` with ``{"text": "...", "cps": 40}``: 40 characters per second.

    A character is a Unicode code point. A chunk contains whole characters.
    """
    parameters = await json_object(request)
    return TextStream(_typed(TEXT.of(parameters), CPS.of(parameters)))


async def _typed(text: str, cps: float) -> AsyncIterator[str]:
    pace = Pace(1 / cps)
    for n, character in enumerate(text):
        await pace.until(n)
        yield character
