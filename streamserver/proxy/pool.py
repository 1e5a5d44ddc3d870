"""The connections to one origin.

The newest idle one is taken first: it is the likeliest to be alive, and those at the other
end grow old and leave. While all that may be open are in use, requests queue for the next
one that is let go, or for the place of the next that closes: in order, and not for ever.
"""

import asyncio
import logging
import ssl

from streamserver.proxy.origin import Origin
from streamserver.proxy.settings import PoolLimits
from streamserver.proxy.upstream import Upstream
from streamserver.server.deadlines import Deadlines
from streamserver.server.descriptors import Descriptors, is_exhausted, unavailable
from streamserver.wire.problem import HTTPError

log = logging.getLogger("streamserver")

READ_SIZE = 64 * 1024
"""Bytes taken from an upstream at once, and so the longest piece that goes to a client."""

UPSTREAM = "a connection to the upstream"


class Pool:
    """Connections to ``origin``: opened, taken, given back, and forgotten when they close.

    ``connect_timeout`` is in seconds; 0 is none. Each connection takes one of ``descriptors``.
    """

    __slots__ = (
        "_connect_timeout",
        "_descriptors",
        "_idle",
        "_idle_deadlines",
        "_limits",
        "_loop",
        "_origin",
        "_room",
        "_waiters",
        "open",
        "read_buffer",
    )

    def __init__(
        self,
        origin: Origin,
        limits: PoolLimits,
        connect_timeout: float,
        descriptors: Descriptors,
    ) -> None:
        self._origin = origin
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._loop = asyncio.get_running_loop()
        self._descriptors = descriptors
        # Half of the budget, because the other half is for the clients.
        self._room = limits.open or descriptors.total // 2
        self._idle: dict[Upstream, None] = {}  # the newest is last
        self._idle_deadlines: Deadlines[Upstream] = Deadlines(
            self._loop, limits.idle_timeout, Upstream.cut
        )
        self._waiters: dict[asyncio.Future[Upstream | None], None] = {}
        self.open = 0  # connections, and places kept for those that are being opened
        # One for all, since what is read is taken out before anything else is read.
        self.read_buffer = memoryview(bytearray(READ_SIZE))

    def take(self) -> Upstream | None:
        """The newest idle connection, if there is one."""
        while self._idle:
            upstream, _ = self._idle.popitem()
            self._idle_deadlines.stop(upstream)
            if upstream.is_silent():
                return upstream
            upstream.cut()
        return None

    async def connect(self) -> Upstream:
        """A new connection; when no more may be open, the next that is let go.

        HTTPError: 502 if there is no connection to be had, 503 when all stay in use, 504 when
        the upstream does not answer in time.
        """
        if self.open >= self._room and self._idle:
            next(iter(self._idle)).cut()  # the oldest makes place
            self._open_place()
        elif self.open >= self._room:
            given = await self._turn()
            if given is not None:
                if given.is_silent():
                    return given
                given.has_place = False  # it is ours now
                given.cut()
        else:
            self._open_place()
        return await self._connect()

    def release(self, upstream: Upstream) -> None:
        """Take back a connection whose response has ended properly."""
        upstream.let_go()
        if upstream.transport.is_closing():
            return
        if waiter := self._next_waiter():
            waiter.set_result(upstream)
        elif len(self._idle) < self._limits.idle:
            self._idle[upstream] = None
            self._idle_deadlines.start(upstream)
        else:
            upstream.cut()

    def forget(self, upstream: Upstream) -> None:
        """The connection is closed."""
        self._idle.pop(upstream, None)
        self._idle_deadlines.stop(upstream)
        if upstream.has_place:
            upstream.has_place = False
            self._free()

    def close(self) -> None:
        """Close what is idle; what is in use is closed by whoever uses it."""
        for upstream in list(self._idle):
            upstream.cut()
        self._idle_deadlines.close()

    def _open_place(self) -> None:
        self._descriptors.take(1, UPSTREAM)
        self.open += 1

    def _free(self) -> None:
        """A place is free, and goes to the request that has waited longest."""
        if waiter := self._next_waiter():
            waiter.set_result(None)
        else:
            self.open -= 1
            self._descriptors.give_back(1)

    def _next_waiter(self) -> asyncio.Future[Upstream | None] | None:
        while self._waiters:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            if not waiter.done():
                return waiter
        return None

    async def _turn(self) -> Upstream | None:
        """Wait for a connection, or for a place to open one."""
        if len(self._waiters) >= self._limits.waiting:
            raise _busy("too many requests wait for the upstream")
        waiter: asyncio.Future[Upstream | None] = self._loop.create_future()
        self._waiters[waiter] = None
        try:
            async with asyncio.timeout(self._limits.wait):
                return await waiter
        except BaseException as error:
            self._waiters.pop(waiter, None)
            if waiter.done() and not waiter.cancelled():  # given in the moment of leaving
                self._pass_on(waiter.result())
            if isinstance(error, TimeoutError):
                raise _busy("all connections to the upstream are in use") from None
            raise

    def _refusal(self, error: OSError | UnicodeError) -> HTTPError:
        """Log why there is no connection, and make the answer."""
        if is_exhausted(error):
            self._descriptors.report(error, "requests are answered with 503")
            return unavailable(UPSTREAM)
        log.warning("%s: %s", self._origin.authority, error)
        return _unreachable(error)

    def _pass_on(self, given: Upstream | None) -> None:
        if given is None:
            self._free()
        else:
            self.release(given)

    async def _connect(self) -> Upstream:
        upstream = Upstream(self)
        try:
            async with asyncio.timeout(self._connect_timeout or None):
                await self._origin.connect(lambda: upstream)
        except BaseException as error:
            if upstream.connected:
                upstream.cut()
            self.forget(upstream)  # uvloop may not tell that it is closed
            if isinstance(error, TimeoutError):
                raise HTTPError(504, "the upstream did not accept a connection in time") from error
            if isinstance(error, OSError | UnicodeError):
                raise self._refusal(error) from error
            raise
        return upstream


def _busy(detail: str) -> HTTPError:
    return HTTPError(503, detail, headers={"Retry-After": "1"})


def _unreachable(error: OSError | UnicodeError) -> HTTPError:
    """What the client may know: what went wrong, but not at which address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return HTTPError(502, "the upstream's certificate is not valid")
    if isinstance(error, ssl.SSLError):
        return HTTPError(502, "the upstream does not speak TLS as we do")
    if isinstance(error, ConnectionRefusedError):
        return HTTPError(502, "the upstream refused the connection")
    return HTTPError(502, "the upstream cannot be reached")
