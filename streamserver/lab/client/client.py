"""The client: sends one request repeatedly and measures each exchange."""

import asyncio
from dataclasses import dataclass, field
from ssl import SSLContext, SSLError
from time import monotonic_ns

from streamserver.lab.client.answer_text import AnswerText
from streamserver.lab.client.connection import (
    Connection,
    ServerAddress,
    Timeouts,
    Timers,
    make_timers,
)
from streamserver.lab.client.events import EventObserver
from streamserver.lab.client.excerpt import Secrets
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import Encoder, Expectation, RequestSpec
from streamserver.lab.client.response import ResponseRecorder
from streamserver.proxy.origin import client_context


@dataclass(slots=True)
class Client:
    """Reuses connections, unless ``fresh``; ValueError for a request that cannot be encoded."""

    request: RequestSpec
    timeouts: Timeouts = field(default_factory=Timeouts)
    fresh: bool = False
    digest: bool = False
    """Whether each record has a digest of the response, for comparison."""
    tls: SSLContext | None = None
    """For https; by default certificates are verified against the system's authorities."""
    server: ServerAddress = field(init=False)
    encode: Encoder = field(init=False)
    """Encodes the requests by number."""
    _expectation: Expectation = field(init=False)
    _idle: list[Connection] = field(default_factory=list)
    _timers: Timers | None = None
    _secrets: Secrets | None = None

    def __post_init__(self) -> None:
        self.server = server_of(self.request, self.tls)
        self.encode = self.request.encoder(*([("connection", "close")] if self.fresh else []))
        self._expectation = self.request.expectation

    async def exchange(self, planned: int = 0, n: int = 0) -> Record:
        """Run exchange number ``n``, due at ``planned``; a failure is recorded, never raised."""
        request = self.encode(n)
        now = monotonic_ns()
        record = Record(planned or now, now)
        await self.run(record, request)
        return record

    async def run(
        self,
        record: Record,
        request: bytes = b"",
        observer: EventObserver | None = None,
        answer: AnswerText | None = None,
    ) -> None:
        """Run an exchange and fill its record, also if cancelled.

        ``request``: as ``encode`` returns it, by default that of number 0. ``observer`` receives
        the events, ``answer`` the text of a model's answer.
        """
        request = request or self.encode(0)
        record.began = monotonic_ns()
        record.planned = record.planned or record.began
        try:
            idle = self._take_idle()
            if idle is not None:
                await self._exchange(idle, request, self._response(record, observer, answer))
                if record.end != "unanswered":
                    return
                # The server closed it before the request arrived: send it again, once.
                record.end, record.detail, record.retries, record.sent = "stopped", "", 1, 0
            connection = await self._connect(record)
            if connection is not None:
                await self._exchange(connection, request, self._response(record, observer, answer))
        finally:
            record.ended = monotonic_ns()
            record.count_tokens()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().transport.abort()
        for deadlines in self._timers or ():
            deadlines.close()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, record: Record) -> Connection | None:
        if self._timers is None:
            self._timers = make_timers(self.timeouts)
        connection = Connection(self._timers)
        limit = self.timeouts.connect
        try:
            async with asyncio.timeout(limit or None):
                await self.server.connect(record, connection)
        except TimeoutError:
            record.end, record.detail = "connect_timeout", f"it took more than {limit:g} s"
        except OSError as error:
            untrusted = isinstance(error, SSLError) or record.connected
            record.end, record.detail = "untrusted" if untrusted else "unconnected", str(error)
        else:
            return connection
        return None

    def _response(
        self, record: Record, observer: EventObserver | None, answer: AnswerText | None
    ) -> ResponseRecorder:
        return ResponseRecorder(
            self.request.method,
            record,
            observer,
            expectation=self._expectation,
            digest=self.digest,
            answer=answer,
        )

    async def _exchange(
        self, connection: Connection, request: bytes, response: ResponseRecorder
    ) -> None:
        record = response.record
        await connection.exchange(request, response)
        if response.error_body or record.detail:
            self._secrets = self._secrets or self.request.secrets()
            self._secrets.complete(record, response.error_body)
        if not self.fresh and connection.is_open:
            self._idle.append(connection)
        else:
            connection.transport.abort()


def server_of(request: RequestSpec, tls: SSLContext | None = None) -> ServerAddress:
    """The server of a request. ``tls``: for https, instead of verification by the system's
    authorities."""
    url = request.split_url()
    secure = url.scheme == "https"
    context = (tls or client_context()) if secure else None
    return ServerAddress(url.hostname or "", url.port or (443 if secure else 80), context)
