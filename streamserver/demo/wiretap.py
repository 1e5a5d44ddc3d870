"""What was really written to the socket, for a page that cannot see it.

Neither fetch nor EventSource shows how a body was framed. So the page sends a random token with
a request, what its answer writes is kept here for a while, and whoever has the token may read it.
Everything is bounded: the recordings, each one's writes, and the bytes that are kept of them.

The question may reach another worker than the one that recorded, and a stream that was cut may
have come back to a third. So all workers are asked, those that know the token publish what they
have to a feed of its own, and whoever was asked puts it together.
"""

import asyncio
import base64
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any, TypeAlias

from streamserver.demo.orders import Orders
from streamserver.feed.feed import Backend, Feed
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.server.exchange import Exchange
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event

RECORDINGS = 64
WRITES = 500
BYTES = 256 * 1024
SECONDS = 600.0
"""How long a recording is kept once nothing more is written."""
EXCHANGES = 20
"""As often as an EventSource may come back with the same token."""

PATIENCE = 1.0
"""Seconds in which some worker may say that it has a recording."""

GATHER = 0.2
"""Seconds after the first answer in which others may say that they have a part of it."""

Tapped: TypeAlias = Callable[[Handler], Handler]
"""Makes a handler one whose answers may be recorded."""

_is_token = re.compile(r"[0-9A-Za-z-]{16,64}").fullmatch


@dataclass(slots=True)
class Recorded:
    """One exchange: what was asked, each write, and what came of it."""

    request: str
    started: float
    at: float
    """When it began, by a clock that all workers share."""
    writes: list[dict[str, object]] = field(default_factory=list)
    outcome: str | None = None
    body: int = 0
    """Bytes of the body, those included that went from a file to the socket past us."""
    unkept: int = 0
    """Writes that were not kept, or not whole."""


@dataclass(slots=True)
class Recording:
    """The exchanges of one token, and what may still be kept of them."""

    exchanges: list[Recorded] = field(default_factory=list)
    writes_left: int = WRITES
    bytes_left: int = BYTES
    last: float = 0.0


class Wiretap:
    """The recordings of this process, and the way to those of the others with its backend."""

    __slots__ = ("_backend", "_orders", "_recordings", "_telling")

    def __init__(self, backend: Backend, orders: Orders) -> None:
        self._backend = backend
        self._orders = orders
        self._recordings: OrderedDict[str, Recording] = OrderedDict()
        self._telling: set[asyncio.Task[None]] = set()
        orders.define("tell", self._tell)

    def tapped(self, handler: Handler) -> Handler:
        """The handler, recorded where the request's query says ``wire=TOKEN``."""

        async def recorded(request: Request) -> Response:
            token = request.query.get("wire")
            if token is not None and _is_token(token):
                self._orders.begin()  # it need not have begun already
                self._record(token, request.exchange)
            return await handler(request)

        return recorded

    async def read(self, request: Request) -> Response:
        """``GET /api/wire/{token}``: what was written so far; HTTPError 404 where nothing was."""
        self._forget()
        token = request.params["token"]
        recording = self._recordings.get(token)
        told = [] if recording is None else _told(recording)
        if self._backend.is_shared:  # else there is nobody to ask
            with suppress(HTTPError):  # the store is out of reach: then what is here is told
                told += await self._ask(token)
        if not told:
            raise HTTPError(404, "no recording of that token is to be found")
        exchanges = {(one["at"], one["request"]): one for one in told}
        in_order = [exchanges[key] for key in sorted(exchanges)]
        return Response.json({"exchanges": in_order}, headers={"Cache-Control": "no-store"})

    async def _ask(self, token: str) -> list[Any]:
        """What all workers tell, this one included."""
        told: list[Any] = []
        if not _is_token(token):
            return told
        first = asyncio.Event()

        def hear(event: Event) -> None:
            told.extend(json.loads(event.data))
            first.set()

        leave = await self._feed(token).watch(hear)
        try:
            await self._orders.give("tell", token)
            async with asyncio.timeout(PATIENCE):
                await first.wait()
            await asyncio.sleep(GATHER)
        except TimeoutError:
            pass
        finally:
            leave()
        return told

    def _tell(self, token: str) -> bool:
        """Tell what is here to whoever waits at the token's feed. Others may have more of it, so
        the order is never carried out by one alone."""
        recording = self._recordings.get(token)
        if recording is not None:
            task = asyncio.create_task(_publish(self._feed(token), _told(recording)))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return False

    def _feed(self, token: str) -> Feed:
        return Feed(f"demo:wire:{token}", self._backend, max_events=16, ttl=60.0)

    async def close(self) -> None:
        """Tell nobody any more."""
        for task in self._telling:
            task.cancel()
        if self._telling:
            await asyncio.wait(self._telling)

    def _record(self, token: str, exchange: Exchange) -> None:
        recording = self._recordings.setdefault(token, Recording(last=monotonic()))
        self._recordings.move_to_end(token)
        self._forget()
        if len(recording.exchanges) < EXCHANGES:
            one = Recorded(f"{exchange.method} {exchange.target}", exchange.started, time())
            recording.exchanges.append(one)
            exchange.tap(_hearing(recording, one))
            exchange.on_end.append(lambda: _ended(one, exchange))

    def _forget(self) -> None:
        """Those beyond the bounds, oldest first."""
        now = monotonic()
        old = [t for t, one in self._recordings.items() if now - one.last > SECONDS]
        for token in [*old, *list(self._recordings)[:-RECORDINGS]]:
            # What is still open would go on recording for nobody.
            if (forgotten := self._recordings.pop(token, None)) is not None:
                forgotten.writes_left = 0
                forgotten.exchanges.clear()


def _told(recording: Recording) -> list[dict[str, Any]]:
    names = ("request", "at", "outcome", "body", "unkept", "writes")
    return [{name: getattr(one, name) for name in names} for one in recording.exchanges]


async def _publish(feed: Feed, told: list[dict[str, Any]]) -> None:
    with suppress(HTTPError):  # whoever asked will hear nothing, and says so
        await feed.publish(told)


def _hearing(recording: Recording, one: Recorded) -> Callable[[bytes], None]:
    def hear(data: bytes) -> None:
        recording.last = monotonic()
        if not recording.writes_left:
            one.unkept += 1
            return
        kept = data[: recording.bytes_left]
        recording.writes_left -= 1
        recording.bytes_left -= len(kept)
        one.unkept += len(kept) < len(data)
        ms = round((recording.last - one.started) * 1000, 2)
        text = base64.b64encode(kept).decode()
        one.writes.append({"ms": ms, "size": len(data), "bytes": text})

    return hear


def _ended(one: Recorded, exchange: Exchange) -> None:
    one.outcome = str(exchange.outcome)
    one.body = exchange.bytes_sent
