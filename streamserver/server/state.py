"""What all connections of a listener share: the handler, the limits, the deadlines."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Protocol

from streamserver.server.answer import Answer
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors
from streamserver.server.hangups import Hangups
from streamserver.server.observer import Observer
from streamserver.server.ports import Connection, Exchange, Flow
from streamserver.server.settings import Settings
from streamserver.wire.content_coding import Coder
from streamserver.wire.fields import http_date
from streamserver.wire.forwarded import TrustedPeers
from streamserver.wire.problem import HTTPError

READ_SIZE = 64 * 1024
"""Bytes read from a socket at once: also the largest piece of a request body."""

REST = 5.0
"""Seconds of silence after which a coded stream frees its compressor; twice as many at most. They
are more than a model pauses between two tokens, and less than the silence of a feed."""

LAST_REQUEST = 3.0
"""Seconds, at most, that a connection keeps to send a request while the server drains. A first
request arrives one round trip after the accept, or after one retransmission of a lost packet."""

Handler = Callable[[Any], Awaitable[Answer]]
"""What the engine calls with the ``Exchange`` of each request; its answer is sent to the client."""


class Body(Protocol):
    """A request body, as its deadline uses it."""

    def fail(self, error: Exception) -> None:
        """The body will never be whole."""


class ServerState:
    """One for each listener, with a queue of deadlines for each kind of wait."""

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        observer: Observer,
        loop: asyncio.AbstractEventLoop,
        descriptors: Descriptors,
    ) -> None:
        self.handler = handler
        self.settings = settings
        self.observer = observer
        self.loop = loop
        self.context = copy_context()  # in which requests begin
        self.draining = False
        self.trusted: TrustedPeers | None = None  # None: no peer is trusted
        self.identifies = False  # whether each request has an id
        self.has_successor = False  # whether another process accepts on the same sockets
        self.descriptors = descriptors
        self._most_connections = settings.max_connections
        self.connections: set[Connection] = set()
        # Accepted, not yet in ``connections``; with the task that makes the TLS handshake.
        self.opening: dict[Connection, asyncio.Task[Any] | None] = {}
        self.refused: set[Connection] = set()  # of these, those that only get a 503
        self.on_room: Callable[[], object] | None = None  # called when a connection is forgotten
        self.unwinding: set[asyncio.Task[Any]] = set()  # cancelled, and not yet done
        # One for all connections: a read is consumed before the next one. Without it the loop
        # allocates 256 KiB for each read.
        self.read_buffer = memoryview(bytearray(READ_SIZE))
        # Called when the listener closes: handlers close what they keep open, such as a pool.
        self.on_close: list[Callable[[], object]] = []
        self.emptied: asyncio.Future[None] | None = None
        self._make_deadlines(settings)
        self.hangups: Hangups[Flow] = Hangups(loop, lambda flow: flow.hung_up())
        self._iteration = 1
        self._counts = False
        self._second = 0
        self._date = ""

    def _make_deadlines(self, settings: Settings) -> None:
        loop = self.loop
        self.head_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.head_timeout, lambda connection: connection.head_is_late()
        )
        # Of connections without a request so far, and of those that wait for another one.
        self.fresh_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.keep_alive, lambda connection: connection.close_unused()
        )
        self.idle_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.keep_alive, lambda connection: connection.close_unused()
        )
        self.linger_deadlines: Deadlines[Connection] = Deadlines(
            loop, settings.linger, lambda connection: connection.close()
        )
        self.write_deadlines: Deadlines[Flow] = Deadlines(
            loop, settings.write_timeout, lambda flow: flow.write_is_late()
        )
        self.body_deadlines: Deadlines[Body] = Deadlines(loop, settings.body_timeout, _body_is_late)
        self.stream_deadlines: Deadlines[Exchange] = Deadlines(
            loop, settings.max_stream, lambda exchange: exchange.expire()
        )
        self.rest_deadlines: Deadlines[Coder] = Deadlines(loop, REST, self._rest)
        self._beats: dict[float, Deadlines[Exchange]] = {}
        self._deadlines: tuple[Deadlines[Any], ...] = (
            *(self.head_deadlines, self.fresh_deadlines, self.idle_deadlines),
            *(self.linger_deadlines, self.write_deadlines, self.body_deadlines),
            *(self.stream_deadlines, self.rest_deadlines),
        )

    def _rest(self, coder: Coder) -> None:
        coder.rest()
        self.rest_deadlines.start(coder)

    def drain(self) -> None:
        """Let exchanges end; connections that may send a last request have a short time for it."""
        self.draining = True
        seconds = min(LAST_REQUEST, self.settings.head_timeout)
        self.fresh_deadlines.shorten(seconds)
        if self.has_successor:
            self.idle_deadlines.shorten(seconds)
        for connection in list(self.connections):
            connection.drain()

    @property
    def is_full(self) -> bool:
        """Whether a further connection must be refused."""
        most = self._most_connections
        if most and len(self.connections) + len(self.opening) - len(self.refused) >= most:
            return True
        return not self.descriptors.has_room_for_client

    def admit(self, connection: Connection) -> None:
        """Register an accepted connection, as refused if the server is full."""
        if self.is_full:
            self.refused.add(connection)
            self.observer.refused()
        else:
            self.descriptors.add_client()
        self.opening[connection] = None

    def opened(self, connection: Connection) -> bool:
        """The connection has its transport; False if it was forgotten in the meantime."""
        if connection not in self.opening:
            return False
        del self.opening[connection]
        self.connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """The connection is closed, or was never made."""
        if connection in self.refused:
            self.refused.discard(connection)
        elif connection in self.connections or connection in self.opening:
            self.descriptors.remove_client()
        self.connections.discard(connection)
        self.opening.pop(connection, None)
        self.head_deadlines.stop(connection)
        self.fresh_deadlines.stop(connection)
        self.idle_deadlines.stop(connection)
        self.linger_deadlines.stop(connection)
        self.write_deadlines.stop(connection)
        if self.on_room is not None:
            self.on_room()
        if self.is_empty and self.emptied is not None and not self.emptied.done():
            self.emptied.set_result(None)

    @property
    def leaving(self) -> int:
        """How many connections end when one is ended now: all of them while the server drains."""
        return len(self.connections) if self.draining else 1

    @property
    def is_empty(self) -> bool:
        """Whether no connection is open."""
        return not self.connections and not self.opening

    def iteration(self) -> int:
        """A number, from 1, that changes with each iteration of the event loop."""
        if not self._counts:
            self._counts = True
            self.loop.call_soon(self._next_iteration)
        return self._iteration

    def _next_iteration(self) -> None:
        self._iteration += 1
        self._counts = False

    def date(self) -> str:
        """The Date of a response that begins now (RFC 9110, section 6.6.1)."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._date = http_date(now)
        return self._date

    def beats(self, interval: float | None) -> Deadlines[Exchange]:
        """The heartbeats of one interval; None for the setting.

        They are called twice in an interval. This bounds the silence of a stream by the interval,
        without a clock read for each piece.
        """
        seconds = self.settings.heartbeat if interval is None else interval
        if seconds not in self._beats:
            # Handlers choose the interval: those that are not in use are removed.
            self._beats = {each: beats for each, beats in self._beats.items() if len(beats)}
            self._beats[seconds] = Deadlines(self.loop, seconds / 2, lambda each: each.beat())
        return self._beats[seconds]

    def close(self) -> None:
        """Stop every deadline, and close what was kept open."""
        while self.on_close:
            self.on_close.pop()()
        self.hangups.close()
        for kind in (*self._deadlines, *self._beats.values()):
            kind.close()
        self.observer.closed()


def _body_is_late(body: Body) -> None:
    body.fail(HTTPError(408, "the rest of the request body did not come in time"))
