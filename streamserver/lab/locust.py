"""A Locust user that measures streams, for load from more machines than one.

    # locustfile.py
    from locust import constant, task
    from streamserver.lab.locust import StreamUser

    class Reader(StreamUser):
        wait_time = constant(1)

        @task
        def read(self):
            self.stream("/sse?count=20&gap=0.1", name="sse")

Locust's own ``http`` client knows one time for a whole response. Here each milestone is an entry
of its own in Locust's statistics, in ms from the beginning of the exchange: ``head``,
``first byte``, ``first event``, ``first reasoning``, ``first token``, ``first tool call``. A
``gap`` is from event to event. The entry with the method is the whole exchange, and carries its
failure. Master and workers merge them like any other.

Locust runs on gevent, where sockets that look blocking give way to others; so this is the same
reading of the same bytes as the client's (``client.reading``), with a blocking socket below.
"""

import socket
import ssl
from itertools import pairwise
from time import monotonic_ns
from typing import Any
from urllib.parse import urlsplit

from streamserver.extras import install_hint
from streamserver.lab.client.reading import Reading
from streamserver.lab.client.record import Record
from streamserver.lab.client.shown import Secrets
from streamserver.lab.client.wanted import wanted_by
from streamserver.proxy.origin import client_context
from streamserver.wire.printable import printable
from streamserver.wire.request_heads import request_head

try:
    from locust import User
except ImportError as error:
    raise ImportError(f"streamserver.lab.locust needs Locust: {install_hint('locust')}") from error

MS = 1_000_000
READ = 64 * 1024
MILESTONES = (
    *("head", "first_byte", "first_event"),
    *("first_reasoning", "first_token", "first_tool_call"),
)


class StreamUser(User):
    """Asks for streams at ``host``; subclass it and define tasks, as for any user of Locust."""

    abstract = True
    timeout = 60.0
    """Seconds without a byte after which an exchange has failed."""

    def stream(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        name: str = "",
    ) -> Record:
        """Ask once, on a new connection, and report each milestone under ``name`` (the path).

        The path comes after that of ``host``, if it has one. A response is judged by what the
        request asks for, see ``client.wanted``; an error has no milestones, since it comes soon.

        It fails for Locust where it did not end well: never raises for what the server does.
        """
        record = Record(planned=monotonic_ns())
        record.began = record.planned
        try:
            self._exchange(record, path, method, headers or {}, body)
        except TimeoutError:
            record.end = "gap_timeout"
            record.detail = f"nothing came for {self.timeout:g} s"
        except OSError as error:
            record.end = "untrusted" if record.connected else "unconnected"
            record.detail = str(error)
        self._report(record, method, name or path)
        return record

    def _exchange(
        self, record: Record, path: str, method: str, headers: dict[str, str], body: bytes
    ) -> None:
        place = urlsplit(self.host or "")
        fields = [("host", place.netloc), ("accept", "*/*"), *headers.items()]
        if body:
            fields.append(("content-length", str(len(body))))
        reading = Reading(method, record, wanted=wanted_by(method, headers.items(), body))
        target = place.path.rstrip("/") + path
        with self._connect(record, place.hostname or "", place.port, place.scheme) as connection:
            record.sent = monotonic_ns()
            try:
                connection.sendall(request_head(method, target, fields) + body)
                while data := connection.recv(READ):
                    if reading.feed(data, monotonic_ns()):
                        break
                else:
                    reading.eof(monotonic_ns())
            except ConnectionError as error:
                reading.lost("reset", str(error))
        if record.detail:
            Secrets(fields, target, body).describe(record, None)

    def _connect(
        self, record: Record, host: str, port: int | None, scheme: str
    ) -> socket.socket | ssl.SSLSocket:
        secure = scheme == "https"
        port = port or (443 if secure else 80)
        connection = socket.create_connection((host, port), self.timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        record.connected = monotonic_ns()
        if not secure:
            return connection
        wrapped = client_context().wrap_socket(connection, server_hostname=host)
        record.secured = monotonic_ns()
        return wrapped

    def _report(self, record: Record, method: str, name: str) -> None:
        begin = record.planned
        for milestone in MILESTONES:
            if (moment := getattr(record, milestone)) and record.is_served:
                self._fire(milestone.replace("_", " "), name, moment - begin)
        for before, after in pairwise(record.arrivals):
            self._fire("gap", name, after - before)
        failed = None
        if record.end != "complete":
            why = record.detail or (record.status if record.end == "refused" else "")
            failed = StreamFailed(printable(f"{record.end} {why}".strip()))
        took = (record.last_byte or monotonic_ns()) - begin
        self._fire(method, name, took, record.size, failed)

    def _fire(self, kind: str, name: str, took: int, size: int = 0, failed: Any = None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=took / MS,
            response_length=size,
            exception=failed,
            context={},
        )


class StreamFailed(Exception):
    """A stream that did not end well, as Locust counts it: the end's name, and what went wrong."""
