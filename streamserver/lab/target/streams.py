"""Streams on command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import time_ns

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.stamps import write_stamp
from streamserver.lab.target import knobs
from streamserver.lab.target.knobs import Knobs
from streamserver.lab.target.pacing import paced
from streamserver.lab.target.schedule import due_times
from streamserver.wire.sse import Event


async def sse(request: Request) -> Response:
    """``GET /sse``: server-sent events as the knobs command."""
    commanded = knobs.read(request)
    await asyncio.sleep(commanded.head_delay)
    stream = EventStream(_events(commanded), heartbeat=0)
    stream.endless = None  # it has an end of its own
    return stream


async def _events(commanded: Knobs) -> AsyncIterator[Event]:
    pad = "x" * commanded.size
    async with aclosing(paced(due_times(commanded))) as pace:
        async for seq, due, sent in pace:
            stamp = write_stamp(seq, due, sent, time_ns()) if commanded.stamps else f'"seq":{seq}'
            yield Event(f'{{{stamp},"pad":"{pad}"}}', id=seq)
