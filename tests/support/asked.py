"""An origin that keeps its requests, and the probes that are sent to it."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.client import server_of
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.probes import probe
from streamserver.lab.inspect.record import Limits
from streamserver.wire.sse import Event, encode
from support.inprocess import Served

GAP = 0.008
FOREVER = 10**9
MAIN = 800
"""Bytes: the head, and more than ten events."""


@dataclass
class Origin:
    """A server that keeps its requests."""

    count: int = FOREVER
    status: int = 200
    has_ids: bool = True
    gzip: bool = False
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        await request.body()
        self.requests.append(request)
        if request.method == "OPTIONS":
            return Response(status=204)
        if self.status != 200:
            return Response(status=self.status)
        if self.gzip and "gzip" in (request.headers.get("accept-encoding") or ""):
            headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
            return Response(self._coded(), headers=headers)
        return EventStream(self._events(int(request.last_event_id or -1) + 1))

    async def _events(self, first: int) -> AsyncIterator[Event]:
        for n in range(first, self.count):
            yield Event(str(n), id=n if self.has_ids else None)
            await asyncio.sleep(GAP)

    async def _coded(self) -> AsyncIterator[bytes]:
        coder = zlib.compressobj(wbits=31)
        async for event in self._events(0):
            yield coder.compress(encode(event)) + coder.flush(zlib.Z_SYNC_FLUSH)
        yield coder.flush()

    def values(self, name: str) -> list[str | None]:
        """The value of a field in each request."""
        return [request.headers.get(name) for request in self.requests]


async def probed(
    server: Served,
    method: str = "GET",
    *,
    fields: tuple[tuple[str, str], ...] = (),
    size: int = MAIN,
    **options: Any,
) -> Evidence:
    """What the probes record of a server. The main response is stopped after ``size`` bytes, so
    that the machine's load does not change what it holds."""
    spec = RequestSpec(f"{server.url}/{{n}}", method, fields)
    return await probe(spec, server_of(spec), limits=Limits(size=size), **options)
