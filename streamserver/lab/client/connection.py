"""The way to the server: its address, a connection, and the timeouts of an exchange."""

import asyncio
import socket
from dataclasses import dataclass, field
from ssl import SSLContext
from time import monotonic_ns
from typing import Any, NamedTuple, cast

from streamserver.lab.client.record import End, Record
from streamserver.lab.client.response import ResponseRecorder
from streamserver.server.deadlines import Deadlines


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds; 0 is none."""

    connect: float = 10.0
    """For a connection, TLS included."""
    first_byte: float = 120.0
    """From the request to the first byte of the response: a model may think for a while."""
    gap: float = 60.0
    """Between two reads of the response."""
    total: float = 0.0
    """From the request to the end of the response. A stream may last for hours."""


class Dialed(asyncio.Protocol):
    """A protocol that a ``ServerAddress`` connects."""

    made = 0
    """When it was ready, TLS included."""
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made = monotonic_ns()
        self.transport = cast(asyncio.Transport, transport)
        # resume_writing is then called when the last byte of a large request has left.
        self.transport.set_write_buffer_limits(0)


class Connection(Dialed):
    """Sends one request at a time, and timestamps each read before it is parsed."""

    def __init__(self, timers: "Timers") -> None:
        self._timers = timers
        self._response: ResponseRecorder | None = None
        self._done: asyncio.Future[None] | None = None

    async def exchange(self, request: bytes, response: ResponseRecorder) -> None:
        """Send a request, and wait until its response is complete or has failed."""
        self._response = response
        self._done = asyncio.get_running_loop().create_future()
        self._timers.first_byte.start(self)
        self._timers.total.start(self)
        self.transport.write(request)
        if not self.transport.get_write_buffer_size():
            response.record.sent = monotonic_ns()
        try:
            await self._done
        except asyncio.CancelledError:
            # The response may be complete by now, but nothing reuses the connection.
            self.transport.abort()
            raise
        finally:
            for deadlines in self._timers:
                deadlines.stop(self)
            self._response = self._done = None
            if not response.keep_alive:
                self.transport.abort()

    @property
    def is_open(self) -> bool:
        """Whether it accepts another request."""
        return not self.transport.is_closing()

    def fail(self, end: End, detail: str) -> None:
        """End the exchange."""
        if self._response is not None:
            self._response.record.end, self._response.record.detail = end, detail
            self._finish()

    def resume_writing(self) -> None:
        if self._response is not None:
            self._response.record.sent = monotonic_ns()

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        if self._response is None:
            # No request is open, or its response has ended. uvloop delivers several reads before
            # the waiting coroutine runs: a finished record must not change.
            self.transport.abort()
        elif self._response.feed(data, now):
            self._finish()
        else:
            self._timers.first_byte.stop(self)
            self._timers.gap.start(self)

    def eof_received(self) -> None:
        if self._response is not None:
            self._response.feed_eof(monotonic_ns())
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        if self._response is not None:
            self._response.cut("reset", str(error or "the connection was closed"))
            self._finish()

    def _finish(self) -> None:
        """End the exchange; bytes that arrive later do not change its record."""
        self._response = None
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


class Timers(NamedTuple):
    """The timeouts of many connections, each kind on one timer."""

    first_byte: Deadlines[Connection]
    gap: Deadlines[Connection]
    total: Deadlines[Connection]


def make_timers(timeouts: Timeouts) -> Timers:
    """The timers of a client."""
    loop = asyncio.get_running_loop()

    def deadlines(seconds: float, end: End, detail: str) -> Deadlines[Connection]:
        return Deadlines(loop, seconds, lambda one: one.fail(end, f"{detail} {seconds:g} s"))

    return Timers(
        deadlines(timeouts.first_byte, "first_byte_timeout", "no byte arrived for"),
        deadlines(timeouts.gap, "gap_timeout", "nothing more arrived for"),
        deadlines(timeouts.total, "total_timeout", "it took more than"),
    )


@dataclass(slots=True)
class ServerAddress:
    """The host and port of a URL, resolved once, before the first exchange is timed."""

    host: str
    port: int
    tls: SSLContext | None = None
    resolving: int = 0
    """How long it took to resolve the name, in ns; 0 before."""
    _addresses: list[tuple[int, Any]] = field(default_factory=list)
    """Socket families and addresses; the one that accepted a connection last is the first."""

    @property
    def address(self) -> str:
        """The first resolved address with its port; "" before."""
        if not self._addresses:
            return ""
        host, port, *_ = self._addresses[0][1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def resolve(self) -> None:
        """Look the addresses up, once; OSError if there are none."""
        if self._addresses:
            return
        begin = monotonic_ns()
        found = await asyncio.get_running_loop().getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        )
        self.resolving = monotonic_ns() - begin
        self._addresses = [(int(family), address) for family, _, _, _, address in found]

    async def connect(self, record: Record, connection: Dialed) -> None:
        """Open the connection, and record the time of each step; OSError if one fails."""
        await self.resolve()
        record.dialed = monotonic_ns()
        sock = await self._dial()
        record.connected = monotonic_ns()
        name = self.host if self.tls else None
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection, sock=sock, ssl=self.tls, server_hostname=name
            )
        except BaseException:
            sock.close()
            raise
        if self.tls:
            record.secured = connection.made

    async def _dial(self) -> socket.socket:
        problem: OSError | None = None
        for family, address in self._addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                await asyncio.get_running_loop().sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = problem or error
                continue
            except BaseException:
                sock.close()
                raise
            if problem is not None:
                self._addresses.remove((family, address))
                self._addresses.insert(0, (family, address))
            return sock
        raise problem or OSError(f"{self.host} has no address")
