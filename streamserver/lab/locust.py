"""A Locust user that measures streams, for load from more than one machine.

    # locustfile.py
    from locust import constant, task
    from streamserver.lab.locust import StreamUser

    class Reader(StreamUser):
        wait_time = constant(1)

        @task
        def read(self):
            self.stream("/sse?count=20&gap=0.1", name="sse")

Locust's own client measures one time for a whole response. Here each milestone is an entry of
Locust's statistics, in ms from the beginning of the exchange: ``head``, ``first byte``, ``first
event``, ``first reasoning``, ``first token``, ``first tool call``. A ``gap`` is from event to
event. The entry with the method is the whole exchange, and carries its failure. Locust merges them
over workers like any other entry.

Locust runs on gevent, whose blocking sockets yield to other greenlets. So this user feeds the
client's ``ResponseRecorder`` from a blocking socket.
"""

import socket
import ssl
from itertools import pairwise
from time import monotonic_ns
from typing import Any
from urllib.parse import urlsplit

from streamserver.extras import install_hint
from streamserver.lab.client.excerpt import Secrets
from streamserver.lab.client.record import MILESTONES, Record
from streamserver.lab.client.request import expectation_of
from streamserver.lab.client.response import ResponseRecorder
from streamserver.proxy.origin import client_context
from streamserver.wire.printable import printable
from streamserver.wire.request_heads import request_head

try:
    from locust import User
except ImportError as error:
    raise ImportError(f"streamserver.lab.locust needs Locust: {install_hint('locust')}") from error

READ_SIZE = 64 * 1024


class StreamUser(User):
    """Requests streams of ``host``; subclass it and define tasks, as for any user of Locust."""

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
        """Run one exchange on a new connection; report its milestones as ``name`` (the path).

        ``path`` is appended to that of ``host``. The kind of the response that completes the
        exchange follows from the request, see ``client.request``. A failure is reported to Locust,
        never raised, and has no milestones, since errors arrive early.
        """
        record = Record(planned=monotonic_ns())
        record.began = record.planned
        try:
            self._exchange(record, path, method, headers or {}, body)
        except TimeoutError:
            record.end, record.detail = "gap_timeout", f"no byte arrived for {self.timeout:g} s"
        except OSError as error:
            record.end = "untrusted" if record.connected else "unconnected"
            record.detail = str(error)
        self._report(record, method, name or path)
        return record

    def _exchange(
        self, record: Record, path: str, method: str, headers: dict[str, str], body: bytes
    ) -> None:
        url = urlsplit(self.host or "")
        fields = [("host", url.netloc), ("accept", "*/*"), *headers.items()]
        if body:
            fields.append(("content-length", str(len(body))))
        expectation = expectation_of(method, headers.items(), body)
        response = ResponseRecorder(method, record, expectation=expectation)
        target = url.path.rstrip("/") + path
        with self._connect(record, url.hostname or "", url.port, url.scheme) as connection:
            record.sent = monotonic_ns()
            try:
                connection.sendall(request_head(method, target, fields) + body)
                while data := connection.recv(READ_SIZE):
                    if response.feed(data, monotonic_ns()):
                        break
                else:
                    response.feed_eof(monotonic_ns())
            except ConnectionError as error:
                response.cut("reset", str(error))
        if record.detail:
            Secrets(fields, target, body).complete(record, None)

    def _connect(
        self, record: Record, host: str, port: int | None, scheme: str
    ) -> socket.socket | ssl.SSLSocket:
        secure = scheme == "https"
        connection = socket.create_connection((host, port or (443 if secure else 80)), self.timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        record.connected = monotonic_ns()
        if not secure:
            return connection
        wrapped = client_context().wrap_socket(connection, server_hostname=host)
        record.secured = monotonic_ns()
        return wrapped

    def _report(self, record: Record, method: str, name: str) -> None:
        begin = record.planned
        for milestone in MILESTONES[:-1]:  # the last is the entry with the method
            if (moment := getattr(record, milestone)) and record.is_served:
                self._fire(milestone.replace("_", " "), name, moment - begin)
        for before, after in pairwise(record.arrivals):
            self._fire("gap", name, after - before)
        failure = None
        if record.end != "complete":
            reason = record.detail or (record.status if record.end == "refused" else "")
            failure = StreamFailed(printable(f"{record.end} {reason}".strip()))
        duration = (record.last_byte or monotonic_ns()) - begin
        self._fire(method, name, duration, record.size, failure)

    def _fire(self, kind: str, name: str, ns: int, size: int = 0, failure: Any = None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=ns / 1e6,
            response_length=size,
            exception=failure,
            context={},
        )


class StreamFailed(Exception):
    """A stream that is not complete: the name of its end, and the reason."""
