"""What all connections of a listener share: the handler, the limits, the deadlines."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING

from streamserver.server.answer import Answer
from streamserver.server.body import RequestBody
from streamserver.server.deadlines import Deadlines
from streamserver.server.exchange import Exchange
from streamserver.server.hangups import Hangups
from streamserver.server.observer import Observer
from streamserver.server.settings import Settings
from streamserver.server.watched import Watched
from streamserver.wire.fields import http_date
from streamserver.wire.problem import HTTPError

if TYPE_CHECKING:
    from streamserver.server.connection import Connection
    from streamserver.server.flow import Flow

READ_SIZE = 64 * 1024
"""Bytes taken from a socket at once: also how much of a body passes in one piece."""

Handler = Callable[[Exchange], Awaitable[Answer]]
"""What the engine is given: called once for each request, its answer sent to the client."""


class Shared:
    """One of it per listener. A queue of deadlines for each kind of wait."""

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        observer: Observer,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.handler = handler
        self.settings = settings
        self.observer = observer
        self.exchange: type[Exchange] = Watched if observer.sees_streams else Exchange
        self.loop = loop
        self.context = copy_context()  # in which requests begin
        self.draining = False
        self.connections: set[Connection] = set()
        self.refused: set[Connection] = set()  # those that only hear why
        self.unwinding: set[asyncio.Task[None]] = set()  # cancelled, and not yet done
        # One for all: what is read is taken out before anything else is read. Without it
        # the loop allocates 256 KiB for each read, which the kernel maps and unmaps anew.
        self.read_buffer = memoryview(bytearray(READ_SIZE))
        # What handlers keep open for the listener's sake, such as a pool, is closed with it.
        self.on_close: list[Callable[[], object]] = []
        self.emptied: asyncio.Future[None] | None = None
        self._room = settings.max_connections or _room_by_descriptors()

        self._make_deadlines(settings)
        self.hangups: Hangups[Flow] = Hangups(loop, lambda flow: flow.hung_up())
        self._second = 0
        self._date = ""

    def _make_deadlines(self, settings: Settings) -> None:
        loop = self.loop
        self.head_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.head_timeout, lambda connection: connection.head_is_late()
        )
        self.idle_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.keep_alive, lambda connection: connection.close()
        )
        self.linger_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.linger, lambda connection: connection.close()
        )
        self.write_deadlines: Deadlines[Flow] = Deadlines(
            loop, settings.write_timeout, lambda flow: flow.write_is_late()
        )
        self.body_deadlines: Deadlines[RequestBody] = Deadlines(
            loop, settings.body_timeout, _body_is_late
        )
        self.stream_deadlines: Deadlines[Exchange] = Deadlines(
            loop, settings.max_stream, Exchange.expire
        )
        self._beats: dict[float, Deadlines[Exchange]] = {}

    def admit(self, connection: "Connection") -> bool:
        """Count the connection in, if there is room for it."""
        self.connections.add(connection)
        if len(self.connections) - len(self.refused) <= self._room:
            return True
        self.refused.add(connection)
        self.observer.refused()
        return False

    def forget(self, connection: "Connection") -> None:
        """The connection is closed."""
        self.connections.discard(connection)
        self.refused.discard(connection)
        self.head_deadlines.stop(connection)
        self.idle_deadlines.stop(connection)
        self.linger_deadlines.stop(connection)
        self.write_deadlines.stop(connection)
        if not self.connections and self.emptied is not None and not self.emptied.done():
            self.emptied.set_result(None)

    def date(self) -> str:
        """The Date of an answer that begins now (RFC 9110, section 6.6.1)."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = http_date(now)
        return self._date

    def beats(self, interval: float | None) -> Deadlines[Exchange]:
        """The heartbeats of one interval; None means the one that the settings name.

        Looking twice in an interval whether a stream was silent bounds its silence by the
        interval, without a clock read for each piece.
        """
        seconds = self.settings.heartbeat if interval is None else interval
        if seconds not in self._beats:
            # Handlers may ask for any interval: those that nobody uses are forgotten.
            self._beats = {each: beats for each, beats in self._beats.items() if len(beats)}
            self._beats[seconds] = Deadlines(self.loop, seconds / 2, Exchange.beat)
        return self._beats[seconds]

    def close(self) -> None:
        """Forget every deadline, and close what was kept open."""
        while self.on_close:
            self.on_close.pop()()
        for connections in (self.head_deadlines, self.idle_deadlines, self.linger_deadlines):
            connections.close()
        self.write_deadlines.close()
        self.hangups.close()
        self.body_deadlines.close()
        for exchanges in (self.stream_deadlines, *self._beats.values()):
            exchanges.close()
        self.observer.closed()


_RESERVE = 256
"""Descriptors kept back for listeners, files, logs, upstreams and refusals on their way."""


def _room_by_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if soft == resource.RLIM_INFINITY else max(16, soft - _RESERVE)


def _body_is_late(body: RequestBody) -> None:
    body.fail(HTTPError(408, "the rest of the request body did not come in time"))
