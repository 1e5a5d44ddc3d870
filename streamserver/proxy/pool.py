"""The connections to one origin.

The connection that became idle last is reused first: it is the least likely to be stale, and
those that are not needed reach their deadline. While as many as may be open are in use, requests
queue for the next connection that is released or closed: in order, and not without limit.
"""

import asyncio
import logging
import ssl

from streamserver.proxy.connector import Connector
from streamserver.proxy.origin import Origin
from streamserver.proxy.settings import PoolLimits
from streamserver.proxy.upstream import UpstreamConnection
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors, is_exhausted, unavailable
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

READ_SIZE = 64 * 1024
"""Bytes of one read from an upstream, and so the longest piece that is sent to a client."""

UPSTREAM = "a connection to the upstream"


class Pool:
    """Connections to ``origin``. ``open`` counts those that exist or are being opened.

    ``connect_timeout`` is in seconds; 0 is none. Each connection takes one of ``descriptors``.
    ``logs_refusals``: whether each connection that cannot be opened is logged.
    """

    def __init__(
        self,
        origin: Origin,
        limits: PoolLimits,
        connect_timeout: float,
        descriptors: Descriptors,
        logs_refusals: bool = True,
    ) -> None:
        self._origin = origin
        self._connector = Connector(origin)
        self._logs_refusals = logs_refusals
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._loop = asyncio.get_running_loop()
        self._descriptors = descriptors
        # Half of the budget, because the other half is for the clients.
        self._max_open = limits.open or descriptors.total // 2
        self._idle: dict[UpstreamConnection, None] = {}  # the newest is last
        self._idle_deadlines: Deadlines[UpstreamConnection] = Deadlines(
            self._loop, limits.idle_timeout, UpstreamConnection.abort
        )
        self._waiters: dict[asyncio.Future[UpstreamConnection | None], None] = {}
        self.open = 0
        self._buffer = memoryview(bytearray(READ_SIZE))

    @property
    def in_use(self) -> int:
        """Connections that are not idle."""
        return self.open - len(self._idle)

    async def reach(self) -> None:
        """Open a connection and close it; HTTPError if that is not possible. It is not counted as
        ``open``, so a pool whose connections are all in use can reach the origin."""
        self._descriptors.acquire(1, UPSTREAM)
        self.open += 1
        (await self._connect()).abort()

    def acquire(self) -> UpstreamConnection | None:
        """The newest idle connection, if there is one."""
        while self._idle:
            upstream, _ = self._idle.popitem()
            self._idle_deadlines.stop(upstream)
            if not upstream.is_stale():
                return upstream
            upstream.abort()
        return None

    async def connect(self) -> UpstreamConnection:
        """A new connection; at the limit, the next one that is released.

        HTTPError: 502 if the upstream cannot be reached, 503 if all connections stay in use, 504
        if the upstream does not accept in time.
        """
        if self.open < self._max_open or self._idle:
            if self.open >= self._max_open:
                next(iter(self._idle)).abort()  # the oldest makes room
            self._descriptors.acquire(1, UPSTREAM)
            self.open += 1
        elif (released := await self._wait()) is not None:
            if not released.is_stale():
                return released
            released.is_counted = False  # the new connection is counted in its place
            released.abort()
        return await self._connect()

    def release(self, upstream: UpstreamConnection) -> None:
        """Accept a connection whose response is complete."""
        upstream.become_idle()
        if upstream.transport.is_closing():
            return
        if self._waiters and (waiter := self._next_waiter()) is not None:
            waiter.set_result(upstream)
        elif len(self._idle) < self._limits.idle:
            self._idle[upstream] = None
            self._idle_deadlines.start(upstream)
        else:
            upstream.abort()

    def close(self) -> None:
        """Close the idle connections; relays close those that are in use."""
        for upstream in list(self._idle):
            upstream.abort()
        self._idle_deadlines.close()
        self._connector.close()

    def _on_close(self, upstream: UpstreamConnection) -> None:
        self._idle.pop(upstream, None)
        self._idle_deadlines.stop(upstream)
        if upstream.is_counted:
            upstream.is_counted = False
            self._free()

    def _free(self) -> None:
        """One connection fewer is open: the request that has waited longest may open another,
        unless it was one of ``reach``."""
        if self.open <= self._max_open and (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)
        else:
            self.open -= 1
            self._descriptors.release(1)

    def _next_waiter(self) -> asyncio.Future[UpstreamConnection | None] | None:
        while self._waiters:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            if not waiter.done():
                return waiter
        return None

    async def _wait(self) -> UpstreamConnection | None:
        """Wait for a released connection; None if a new one may be opened instead."""
        if len(self._waiters) >= self._limits.waiting:
            raise _busy("too many requests wait for the upstream")
        waiter: asyncio.Future[UpstreamConnection | None] = self._loop.create_future()
        self._waiters[waiter] = None
        try:
            async with asyncio.timeout(self._limits.wait):
                return await waiter
        except BaseException as error:
            self._waiters.pop(waiter, None)
            if waiter.done() and not waiter.cancelled():  # resolved in the same iteration
                released = waiter.result()
                if released is None:
                    self._free()
                else:
                    self.release(released)
            if isinstance(error, TimeoutError):
                raise _busy("all connections to the upstream are in use") from None
            raise

    async def _connect(self) -> UpstreamConnection:
        upstream = UpstreamConnection(self._buffer, self._on_close)
        try:
            async with asyncio.timeout(self._connect_timeout or None):
                await self._connector.connect(lambda: upstream)
        except BaseException as error:
            if upstream.connected:
                upstream.abort()
            self._on_close(upstream)  # uvloop may not call connection_lost
            if isinstance(error, TimeoutError):
                raise HTTPError(504, "the upstream did not accept a connection in time") from error
            if isinstance(error, OSError | UnicodeError):
                raise self._refusal(error) from error
            raise
        return upstream

    def _refusal(self, error: OSError | UnicodeError) -> HTTPError:
        """The error for the client, without the address; the log has the reason."""
        if is_exhausted(error):
            self._descriptors.report(error, "requests are answered with 503")
            return unavailable(UPSTREAM)
        if self._logs_refusals:
            log.warning("%s: %s", self._origin.authority, error)
        return HTTPError(502, _detail(error))


def _busy(detail: str) -> HTTPError:
    return HTTPError(503, detail, headers={"Retry-After": "1"})


def _detail(error: OSError | UnicodeError) -> str:
    """What the client may know: the kind of failure, without the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "the upstream's certificate is not valid"
    if isinstance(error, ssl.SSLError):
        return "the TLS handshake with the upstream failed"
    if isinstance(error, ConnectionRefusedError):
        return "the upstream refused the connection"
    return "the upstream cannot be reached"
