"""The client: requests to one URL, each of them measured."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from ssl import SSLContext, SSLError
from time import monotonic_ns

from streamserver.lab.client.asked import Ask
from streamserver.lab.client.connection import Connection
from streamserver.lab.client.events import Watch
from streamserver.lab.client.place import Place, place_of
from streamserver.lab.client.reading import Reading
from streamserver.lab.client.record import Record
from streamserver.lab.client.shown import Secrets
from streamserver.lab.client.timeouts import Clocks, Timeouts
from streamserver.lab.client.wanted import Wanted
from streamserver.proxy.origin import client_context

__all__ = ["Ask", "Client"]


@dataclass(slots=True)
class Client:
    """Asks one thing over and over; connections are kept, unless ``fresh``.

    ValueError for a request that cannot be written.
    """

    ask: Ask
    timeouts: Timeouts = field(default_factory=Timeouts)
    fresh: bool = False
    digest: bool = False
    """Whether each record gets a digest of its body, so that two can be compared."""
    tls: SSLContext | None = None
    """For an https URL; by default certificates are verified against the system's authorities."""
    place: Place = field(init=False)
    _write: Callable[[int], bytes] = field(init=False)
    _wanted: Wanted = field(init=False)
    _idle: list[Connection] = field(default_factory=list)
    _clocks: Clocks | None = None
    _secrets: Secrets | None = None

    def __post_init__(self) -> None:
        parts = self.ask.parts()
        secure = parts.scheme == "https"
        self.place = place_of(parts, (self.tls or client_context()) if secure else None)
        self._write = self.ask.writer(*([("connection", "close")] if self.fresh else []))
        self._write(0)
        self._wanted = self.ask.wanted

    async def exchange(self, planned: int = 0, n: int = 0) -> Record:
        """Ask once; never raises for what the other side does.

        ``planned``: when this was due. ``n``: its number, for what is asked.
        """
        now = monotonic_ns()
        record = Record(planned or now, now)
        await self.run(record, n)
        return record

    async def run(self, record: Record, n: int = 0, watch: Watch | None = None) -> None:
        """Ask once, and fill the record, also when cancelled; ``watch`` is told of the events."""
        record.began = monotonic_ns()
        record.planned = record.planned or record.began
        try:
            kept = self._kept()
            if kept is not None:
                await self._ask(kept, record, n, watch)
                if record.end != "unanswered":
                    return
                # It was closed before the request came; so that was never answered, nor tried.
                record.end, record.detail, record.retries, record.sent = "stopped", "", 1, 0
            connection = await self._connect(record)
            if connection is not None:
                await self._ask(connection, record, n, watch)
        finally:
            record.ended = monotonic_ns()

    def close(self) -> None:
        """Close what is kept open."""
        while self._idle:
            self._idle.pop().transport.abort()
        if self._clocks is not None:
            self._clocks.close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, record: Record) -> Connection | None:
        if self._clocks is None:
            self._clocks = Clocks(self.timeouts)
        connection = Connection(self._clocks)
        limit = self.timeouts.connect
        try:
            async with asyncio.timeout(limit or None):
                await self.place.connect(record, connection)
        except TimeoutError:
            record.end, record.detail = "connect_timeout", f"it took more than {limit:g} s"
        except OSError as error:
            untrusted = isinstance(error, SSLError) or record.connected
            record.end, record.detail = "untrusted" if untrusted else "unconnected", str(error)
        else:
            return connection
        return None

    async def _ask(
        self, connection: Connection, record: Record, n: int, watch: Watch | None
    ) -> None:
        reading = Reading(self.ask.method, record, watch, wanted=self._wanted, digest=self.digest)
        await connection.ask(self._write(n), reading)
        if reading.error_body or record.detail:
            self._secrets = self._secrets or self.ask.secrets()
            self._secrets.describe(record, reading.error_body)
        if not self.fresh and connection.is_open:
            self._idle.append(connection)
        else:
            connection.transport.abort()
