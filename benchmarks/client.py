"""The client: blocking sockets and little Python, the same for every server.

It sends one request at a time on a kept connection, so nothing queues, and the server is otherwise
idle. The time is taken as soon as `recv` returns, before its bytes are read.
"""

import http.client
import socket
import struct
from time import monotonic_ns, perf_counter_ns
from typing import Self

from benchmarks.servers.work import CHUNK, CHUNKS, CONTENT_TYPE

HOST = "127.0.0.1"
PATIENCE = 20.0
"""Seconds without a byte after which a server counts as hanging."""

LAST_CHUNK = b"\r\n0\r\n\r\n"
REQUEST = (
    b"GET %b?n=%d HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
    b"Cache-Control: no-cache\r\nUser-Agent: streamserver-benchmarks\r\n\r\n"
)
_DATA_SEGMENTS_IN = 152
"""The offset in `struct tcp_info` of linux/tcp.h of the segments received with data."""


class WrongAnswer(Exception):
    """A server did not do the requested work, so that its time has no meaning."""


class Connection:
    """A connection to a server from the address `source`, for requests of one `path`.

    `fields` are lines that its requests have besides those of `REQUEST`. With a `body`, which is
    JSON, they are POST requests. Use it in a `with` block.
    """

    def __init__(
        self,
        port: int,
        path: bytes = b"/stream",
        source: str = "",
        fields: bytes = b"",
        body: bytes = b"",
    ) -> None:
        self._path = path
        self._body = body
        if body:
            fields += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        self._request = (b"POST" if body else b"GET") + REQUEST[3:-2] + fields + b"\r\n"
        own = (source, 0) if source else None
        self.socket = socket.create_connection((HOST, port), PATIENCE, own)
        self.socket.settimeout(None)
        # An option of the socket, because Python's own timeout polls before every recv.
        deadline = struct.pack("ll", int(PATIENCE), 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, deadline)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, serial: int) -> None:
        """Send a request with a number as its query."""
        self.socket.sendall(self._request % (self._path, serial) + self._body)

    def segments(self) -> int:
        """Return the number of segments with data received on this connection."""
        return data_segments(self.socket)

    def first_chunk(self, serial: int) -> tuple[int, bytes]:
        """Request a stream; return the nanoseconds to its first chunk, and the bytes so far."""
        receive = self.socket.recv
        request = self._request % (self._path, serial)
        started = perf_counter_ns()
        self.socket.sendall(request)
        received = receive(65536)
        stamp = perf_counter_ns()
        while CHUNK not in received:
            if not (more := receive(65536)):
                raise WrongAnswer(f"closed before the first chunk, after {received!r}")
            stamp = perf_counter_ns()
            received += more
        return stamp - started, received

    def exchange(self, serial: int) -> int:
        """Request ten chunks, read to the last-chunk, return the nanoseconds to the first."""
        first, received = self.first_chunk(serial)
        while not received.endswith(LAST_CHUNK):
            if not (more := self.socket.recv(65536)):
                raise WrongAnswer(f"closed before the last-chunk, after {received!r}")
            received += more
        if received.count(CHUNK) != CHUNKS:
            raise WrongAnswer(f"{CHUNKS} chunks were requested, received: {received!r}")
        return first

    def delays(self, count: int) -> list[int]:
        """Request `count` chunks with the time of sending; return the delay of each in ns."""
        receive = self.socket.recv
        self.send(count)
        delays: list[int] = []
        received = b""
        while not received.endswith(LAST_CHUNK):
            more = receive(65536)
            stamp = monotonic_ns()
            if not more:
                raise WrongAnswer(f"closed before the last-chunk, after {received!r}")
            *whole, received = (received + more).split(b"\n\n")
            delays += [stamp - int(event.rpartition(b"data: ")[2]) for event in whole]
        if len(delays) != count:
            raise WrongAnswer(f"{count} chunks were requested, {len(delays)} received")
        return delays

    def drain(self, count: int, least: int, buffer: memoryview) -> int:
        """Send a request with the query `count`, read into `buffer` up to the last-chunk.

        Return the nanoseconds. Raises `WrongAnswer` for fewer than `least` bytes.
        """
        receive = self.socket.recv_into
        started = perf_counter_ns()
        self.send(count)
        total, tail = 0, b""
        while not tail.endswith(LAST_CHUNK):
            if not (size := receive(buffer)):
                raise WrongAnswer(f"closed before the last-chunk, after {total} bytes")
            total += size
            tail = (tail + bytes(buffer[max(0, size - 8) : size]))[-8:]
        elapsed = perf_counter_ns() - started
        if total < least:
            raise WrongAnswer(f"a response of {least} bytes or more ended after {total} bytes")
        return elapsed

    def download(self, size: int, buffer: memoryview) -> int:
        """Download a file of `size` bytes through `buffer`; return the nanoseconds."""
        receive = self.socket.recv_into
        started = perf_counter_ns()
        self.send(0)
        head, _, body = self._head().partition(b"\r\n\r\n")
        if f"\r\ncontent-length: {size}".encode() not in head.lower():
            raise WrongAnswer(f"{size} bytes were requested, received: {head!r}")
        left = size - len(body)
        while left:
            if not (count := receive(buffer)):
                raise WrongAnswer(f"closed {left} bytes before the end")
            left -= count
        return perf_counter_ns() - started

    def _head(self) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            if not (more := self.socket.recv(4096)):
                raise WrongAnswer(f"closed inside the head, after {received!r}")
            received += more
        return received


def data_segments(connection: socket.socket) -> int:
    """Return the number of segments with data that the kernel received on a connection."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(info[_DATA_SEGMENTS_IN : _DATA_SEGMENTS_IN + 4], "little")


def prove(port: int) -> None:
    """Check the fields, the framing and the data of a server with an independent client."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    connection.request("GET", f"/stream?n={CHUNKS}", headers={"Accept": CONTENT_TYPE})
    response = connection.getresponse()
    fields = {name.lower(): value for name, value in response.getheaders()}
    got = response.status, fields.get("content-type", "").partition(";")[0], response.chunked
    if got != (200, CONTENT_TYPE, True):
        raise WrongAnswer(f"expected 200, {CONTENT_TYPE}, chunked; got {got}")
    if (body := response.read()) != CHUNK * CHUNKS:
        raise WrongAnswer(f"the body is {body!r}")
    connection.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.create_server((HOST, 0)) as unused:
        port: int = unused.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Return whether a connection to `port` is accepted."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
