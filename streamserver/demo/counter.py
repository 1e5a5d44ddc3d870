"""Server-sent events: a counter with a fixed number of events.

An EventSource reconnects whenever its stream ends, and sends the id of the last event that it
received. If events are left, the server sends them. Otherwise it answers 204, which stops the
EventSource (WHATWG HTML, section 9.2.3).
"""

import time
from collections.abc import AsyncIterator

from streamserver.kit.events import EventStream
from streamserver.kit.pace import Pace
from streamserver.kit.params import duration, whole
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.wire.sse import Event

MOST = 100_000
COUNT = whole("count", 1, MOST, default=10)
INTERVAL = duration("interval", 0, 60, default=0.5)
LAST_EVENT_ID = whole("Last-Event-ID", 0, MOST - 1)
RETRY = 1000


async def counter(request: Request) -> Response:
    """``GET /api/counter?count=10&interval=0.5``: ``count`` events, ``interval`` seconds apart."""
    count, interval = COUNT.of(request.query), INTERVAL.of(request.query)
    first = 0
    if request.last_event_id:
        first = LAST_EVENT_ID.read(request.last_event_id) + 1
    if first >= count:
        return Response(status=204)
    return EventStream(_ticks(first, count, interval), retry=RETRY)


async def _ticks(first: int, count: int, interval: float) -> AsyncIterator[Event]:
    pace = Pace(interval)
    for n in range(first, count):
        await pace.until(n - first)
        yield Event({"count": n, "time": time.time_ns() // 1_000_000}, id=n)
