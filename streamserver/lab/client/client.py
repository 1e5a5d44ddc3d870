"""The client: requests to one URL, each of them measured."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic_ns
from urllib.parse import urlsplit

from streamserver.lab.client.connection import Connection
from streamserver.lab.client.reading import Reading
from streamserver.lab.client.record import Record
from streamserver.proxy.origin import Origin, parse_origin
from streamserver.wire.request_heads import request_head


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, each time anew."""

    url: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    """Beside Host, Content-Length and, unless it is given, Accept."""
    body: bytes = b""

    def target(self) -> str:
        """The path and query of the URL."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def origin(self) -> Origin:
        """Where the request goes; ValueError for a URL that names no place."""
        parts = urlsplit(self.url)
        return parse_origin(f"{parts.scheme}://{parts.netloc}")

    def message(self) -> bytes:
        """The request as it is sent."""
        fields = [("host", self.origin().authority), *self.fields]
        if "accept" not in dict(fields):
            fields.append(("accept", "*/*"))
        if self.body:
            fields.append(("content-length", str(len(self.body))))
        return request_head(self.method, self.target(), fields) + self.body


@dataclass(slots=True)
class Client:
    """Asks one thing over and over; connections are kept, unless ``fresh``."""

    ask: Ask
    timeout: float = 300.0
    """Seconds that an exchange may take."""
    fresh: bool = False
    _idle: list[Connection] = field(default_factory=list)

    async def exchange(self, planned: int = 0) -> Record:
        """Ask once; never raises for what the other side does. ``planned``: when this was due."""
        began = monotonic_ns()
        record = Record(planned or began, began)
        try:
            async with asyncio.timeout(self.timeout):
                connection = self._kept() or await self._connect(record)
                await connection.ask(self.ask.message(), Reading(self.ask.method, record))
        except TimeoutError:
            record.end, record.detail = "total_timeout", f"it took more than {self.timeout:g} s"
        except OSError as error:
            record.end, record.detail = "unconnected", str(error)
        else:
            if connection.is_open and not self.fresh:
                self._idle.append(connection)
            else:
                connection.transport.abort()
        record.ended = monotonic_ns()
        return record

    def close(self) -> None:
        """Close what is kept open."""
        while self._idle:
            self._idle.pop().transport.abort()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, record: Record) -> Connection:
        connection, record.dialed = Connection(), monotonic_ns()
        await self.ask.origin().connect(lambda: connection)
        record.connected = monotonic_ns()
        return connection
