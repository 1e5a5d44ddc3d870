"""Recording: one request, and each read of its response with the time when it arrived.

A read is timestamped in ``data_received``, before anything else is done with it, and only the
framing is read between two reads. The time is that of the event loop's read, not that of the
packet: the kernel reports arrival times of packets, but not those of bytes of TCP. Reads that
waited while this process was busy or had no CPU have later times, and may have become one read, so
a judgement of times has to permit what a busy machine adds.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic_ns
from typing import Protocol

from streamserver.lab.client.connection import Dialed, ServerAddress
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.client.response import MAX_HEAD
from streamserver.lab.inspect.recording import End, Read, Recording, method_of
from streamserver.wire.chunked import End as BodyEnd
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import BROKEN, ResponseHead
from streamserver.wire.responses import ResponseReader

SECOND = 1_000_000_000
PERIOD = 0.01
LIMITED = "the recording is limited to"
"""How the detail begins where a response is too large to be recorded to its end."""
USER_AGENT = ("user-agent", "streamserver-inspect")
CODINGS = ("accept-encoding", "gzip, deflate, br, zstd")
"""The codings that browsers accept."""
ACCEPT = ("accept", "text/event-stream, */*;q=0.9")
Until = Callable[[Read], object]
"""Gets each read, after it was timestamped; a true value ends the recording."""


class Observer(Protocol):
    """Follows a recording while it is made."""

    def begin(self, request: bytes) -> None:
        """This request will be sent."""

    def feed(self, read: Read) -> object:
        """A read arrived; a true value ends the recording."""

    def end(self, recording: Recording) -> None:
        """The recording has ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a recording."""

    connect: float = 10.0
    """Seconds for a connection, TLS included."""
    head: float = 60.0
    """Seconds from the request to the end of the final head: a model may think for a while, and a
    hop that buffers sends the head late."""
    seconds: float = 10.0
    """Seconds from the head to the end of the recording. A stream may be endless."""
    size: int = 8 * 1024 * 1024
    """Bytes of the response."""
    reads: int = 100_000


DEFAULTS = Limits()


def encode(spec: RequestSpec, *fields: tuple[str, str], version: str = "1.1", n: int = 0) -> bytes:
    """Request number ``n`` of ``spec``. ``fields`` replace those of the same names, which are in
    lower case; ValueError for a request that cannot be encoded."""
    replaced = {name for name, _ in fields}
    kept = [one for one in spec.fields if one[0].lower() not in replaced]
    if "user-agent" not in replaced | {name.lower() for name, _ in kept}:
        kept.append(USER_AGENT)
    request = replace(spec, fields=(*kept, *fields)).encoder()(n)
    line, end, rest = request.partition(b"\r\n")
    return line.removesuffix(b"1.1") + version.encode() + end + rest


async def record(
    request: bytes,
    server: ServerAddress,
    *,
    limits: Limits = DEFAULTS,
    until: Until | None = None,
) -> Recording:
    """Send a request on a new connection, and record the response until its body is complete, the
    connection ends, a limit is reached or ``until`` returns true.

    Never raises for anything that the server does: ``end`` and ``detail`` say it.
    """
    return await Recorder(request, limits, until).record(server)


class StallMeter:
    """Measures how late this process itself is, between ``start`` and ``stop``.

    A timer is due each ``PERIOD``. When the machine or the event loop is busy, it runs late, and a
    read that arrived meanwhile has a time that is late by as much.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        """The longest delay in seconds."""
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._loop.time() + PERIOD
        self._timer = self._loop.call_at(self._due, self._on_timer)

    def stop(self) -> None:
        """End the measurement."""
        if self._timer is not None:
            self._timer.cancel()
            self._measure()

    def _on_timer(self) -> None:
        self._measure()
        self.start()

    def _measure(self) -> None:
        self.worst = max(self.worst, self._loop.time() - self._due)


class Recorder(Dialed):
    """The connection of one recording."""

    def __init__(self, request: bytes, limits: Limits, until: Until | None) -> None:
        self.reads: list[Read] = []
        self.ended: tuple[End, float, str] = ("failed", 0.0, "")
        """The end, its time, and its detail."""
        self._request = request
        self._limits = limits
        self._until = until
        self._size = 0
        self._has_head = False
        self._reader = ResponseReader(method_of(request), MAX_HEAD)
        self.sent_at = 0
        """``monotonic_ns`` when the request was sent; 0 before."""
        self._done = asyncio.get_running_loop().create_future()
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def alpn(self) -> str | None:
        """The protocol that the server chose: "" if it chose none, None without TLS."""
        if not self.made:
            return None
        tls = self.transport.get_extra_info("ssl_object")
        return None if tls is None else tls.selected_alpn_protocol() or ""

    async def record(self, server: ServerAddress) -> Recording:
        """Record the response; ``end`` ends the recording early."""
        steps, stalls = Record(), StallMeter()
        began = monotonic_ns()
        try:
            async with asyncio.timeout(self._limits.connect or None):
                await server.connect(steps, self)
        except TimeoutError:
            self.end("failed", f"no connection within {self._limits.connect:g} s")
        except OSError as error:
            self.end("failed", str(error) or type(error).__name__)
        else:
            stalls.start()
            await self._run()
        finally:
            stalls.stop()
            self._close()
        made = steps.secured or steps.connected
        return Recording(
            self._request,
            self.reads,
            *self.ended,
            connected=(made - (steps.dialed or began)) / SECOND if made else 0.0,
            alpn=self.alpn,
            sent_at=self.sent_at,
            stalled=stalls.worst,
        )

    async def _run(self) -> None:
        """Send the request, and wait for the end of the recording."""
        if not self._done.done():
            seconds = self._limits.head
            self._start(seconds, "timeout", f"the head was not complete within {seconds:g} s")
            self.transport.write(self._request)
            self.sent_at = monotonic_ns()
        await self._done

    def end(self, end: End, detail: str = "", now: int = 0) -> None:
        """End the recording; what follows does not change it."""
        if not self._done.done():
            self.ended = end, self._seconds(now or monotonic_ns()), detail
            self._done.set_result(None)

    def _close(self) -> None:
        """Close the connection."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self.made:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        now = monotonic_ns()
        if self._done.done():
            return
        read = Read(self._seconds(now), data)
        self.reads.append(read)
        self._size += len(data)
        try:
            parts = self._reader.feed(data)
        except HTTPError as error:
            self._observe(read)
            return self.end("failed", error.detail.removeprefix(BROKEN), now)
        if not self._has_head:
            self._find_head(parts)
        enough = self._observe(read)
        if parts and isinstance(parts[-1], BodyEnd):
            self.end("complete", "", now)
        elif enough:
            self.end("stopped", "enough was seen", now)
        elif self._size >= self._limits.size or len(self.reads) >= self._limits.reads:
            bounds = f"{self._limits.size} bytes or {self._limits.reads} reads"
            self.end("stopped", f"{LIMITED} {bounds}", now)

    def eof_received(self) -> None:
        self.end("closed", "the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        self.end("reset", str(error or "the connection was lost"))

    def resume_writing(self) -> None:
        if not self.reads:
            self.sent_at = monotonic_ns()

    def _observe(self, read: Read) -> object:
        return self._until is not None and self._until(read)

    def _find_head(self, parts: Sequence[object]) -> None:
        for part in parts:
            if isinstance(part, ResponseHead) and part.status >= 200:
                self._has_head = True
                seconds = self._limits.seconds
                self._start(seconds, "stopped", f"{seconds:g} s after the head")

    def _start(self, seconds: float, end: End, detail: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.end, end, detail)

    def _seconds(self, now: int) -> float:
        """Seconds since the request was sent; 0 before."""
        return (now - self.sent_at) / SECOND if self.sent_at else 0.0
