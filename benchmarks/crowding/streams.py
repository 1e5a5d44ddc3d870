"""Thousands of event streams in one thread, each read and checked, and opened again when it ends.

The streams share the cores with the server, so the client has to be cheap. epoll is edge-triggered
and reports many streams at once. Each of them costs one `read`, whose bytes are compared to those
that the first stream received. One time is taken for a batch, when it has been read.

A stream that ends is opened again like an EventSource does it: with the id of its last event, after
the reconnection time that the server sent.
"""

import heapq
import os
import random
import select
import socket
from collections import Counter
from dataclasses import dataclass
from itertools import count
from time import monotonic_ns, sleep
from typing import Self

from benchmarks.client import HOST, WrongAnswer
from benchmarks.crowding.reports import Progress, Report
from benchmarks.crowding.transcript import Transcript
from benchmarks.readers import FROM_ONE_ADDRESS, RESET

BATCH = 512
"""The most streams of one report of epoll, which share a time."""

PAUSE = 0.01
"""Seconds after a report of fewer streams. While the client waits in epoll, each event of a stream
wakes it up, which costs the server more than to send the event."""

SIZE = 16 * 1024
"""Bytes of a read; after fewer bytes the receive buffer is empty."""

OPENING = 200
"""The most streams of a process that are opened at a time, before they return by themselves."""

RETRY = 1.0
"""Seconds until a stream is opened again, unless the server has sent a reconnection time."""

BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of linux/in.h: the port is chosen when the stream is connected, so it
only has to be unique for its destination."""

_REQUEST = (
    b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
    b"Cache-Control: no-cache\r\nUser-Agent: streamserver-benchmarks\r\nLast-Event-ID: %b\r\n\r\n"
)
_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET


@dataclass(slots=True, eq=False)
class Stream:
    """One client of the feed: `position` is the number of its next event."""

    source: str
    retry: float
    """The reconnection time, in seconds."""
    position: int = 1
    sock: socket.socket | None = None
    live_since: int = 0
    """When the head was received, in nanoseconds; 0 before that."""
    rest: bytes = b""
    lost_at: int = 0
    """When it was requested for the first time, or ended, in nanoseconds."""


class Streams:
    """Streams of the feed at `port`, from addresses in 127.0.`net`.0/24. Use it in a `with` block,
    at whose end they are reset."""

    def __init__(self, port: int, net: int) -> None:
        self._address = HOST, port
        self._net = net
        self._all: list[Stream] = []
        self._open: dict[int, Stream] = {}
        self._due: list[tuple[int, int, Stream]] = []
        self._waiting: list[Stream] = []
        self._opening = self._live = 0
        self._serials = count()
        self._epoll = select.epoll()
        self._control = -1
        self._transcript = Transcript("")
        self._report = Report()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop(0)
        self._epoll.close()

    # What the process is asked for

    def open(self, number: int, first_id: str) -> None:
        """Begin to open so many streams, which resume after the event `first_id`."""
        self._transcript = Transcript(first_id)
        hosts = (1 + serial // FROM_ONE_ADDRESS for serial in range(number))
        self._all = [Stream(f"127.0.{self._net}.{host}", RETRY) for host in hosts]
        self._waiting = self._all[::-1]

    def drop(self, seconds: float) -> None:
        """Reset all streams at once, and open each again at a random time within `seconds`."""
        now = monotonic_ns()
        for stream in self._all:
            if stream.sock is not None:
                stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self._close(stream, now, random.uniform(0, seconds))

    def progress(self) -> Progress:
        """Return how many streams are live, and the lowest position of any."""
        return Progress(self._live, min(stream.position for stream in self._all))

    def report(self) -> Report:
        """Return what has happened since the last call."""
        report, self._report = self._report, Report()
        return report

    # The loop

    def watch(self, control: int) -> None:
        """Let `step` return when this descriptor is readable."""
        self._control = control
        self._epoll.register(control, select.EPOLLIN)

    def step(self) -> bool:
        """Open what is due, and read one batch; whether the watched descriptor is readable."""
        now = monotonic_ns()
        while self._due and self._due[0][0] <= now:
            self._connect(heapq.heappop(self._due)[2])
        while self._waiting and self._opening < OPENING:
            self._connect(self._waiting.pop())
        left = (self._due[0][0] - now) / 1e9 if self._due else 1.0
        ready = self._epoll.poll(max(left, 0), BATCH)
        is_asked = self._read_batch(ready)
        if 0 < len(ready) < BATCH:
            sleep(PAUSE)
        return is_asked

    def _read_batch(self, ready: list[tuple[int, int]]) -> bool:
        streams, read, is_asked, fresh = self._open, os.read, False, 0
        newest = len(self._transcript.chunks) - 1
        expected, after = self._transcript.chunks[newest], newest + 1
        sent = self._transcript.sent[newest]
        others: list[tuple[Stream, bytes, bool]] = []
        for descriptor, mask in ready:
            if descriptor == self._control:
                is_asked = True
                continue
            stream = streams[descriptor]
            try:
                data = read(descriptor, SIZE)
            except BlockingIOError:
                self._request(stream)
                continue
            except OSError:  # refused or reset
                others.append((stream, b"", True))
                continue
            is_next = data == expected and stream.position == newest
            if is_next and mask == select.EPOLLIN and stream.live_since < sent:
                stream.position = after
                fresh += 1
            elif mask == select.EPOLLIN and 0 < len(data) < SIZE:
                others.append((stream, data, False))
            else:
                others.append((stream, *_read_on(descriptor, data)))
        now = monotonic_ns()
        arrived = Counter({newest: fresh} if fresh else ())
        for stream, data, is_closed in others:
            self._receive(stream, data, now, arrived)
            if is_closed and stream.sock is not None:
                self._lose(stream, now)
        for number, streams_of_it in arrived.items():
            delay = now - self._transcript.sent[number]
            self._report.arrivals.append((number, delay, streams_of_it))
        return is_asked

    def _receive(self, stream: Stream, data: bytes, now: int, arrived: Counter[int]) -> None:
        data = stream.rest + data
        if not stream.live_since:
            stream.rest, data = self._read_head(stream, data, now)
        if not data:
            return
        before = stream.position
        try:
            reading = self._transcript.read(before, data)
        except WrongAnswer as fault:
            raise WrongAnswer(f"a stream from {stream.source}: {fault}") from None
        stream.position, stream.rest = reading.position, reading.rest
        if reading.retry is not None:
            stream.retry = reading.retry
        for number in range(before, stream.position):
            if self._transcript.sent[number] < stream.live_since:
                self._report.replayed += 1
            else:
                arrived[number] += 1
        if reading.has_ended:
            self._report.ended += 1
            self._close(stream, now, stream.retry)

    def _read_head(self, stream: Stream, data: bytes, now: int) -> tuple[bytes, bytes]:
        """Return the bytes that wait for the rest of a head, and those of the body."""
        head, end, body = data.partition(b"\r\n\r\n")
        if not end or head.startswith(b"HTTP/1.1 503 "):  # it is closed after that
            return data, b""
        if not head.startswith(b"HTTP/1.1 200 ") or b"text/event-stream" not in head:
            raise WrongAnswer(f"an event stream was requested, received: {head!r}")
        stream.live_since = now
        self._live += 1
        self._opening -= 1
        self._report.returns.append((now - stream.lost_at) / 1e9)
        return b"", body

    # The life of a stream

    def _connect(self, stream: Stream) -> None:
        stream.lost_at = stream.lost_at or monotonic_ns()
        stream.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        stream.sock.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        stream.sock.bind((stream.source, 0))
        stream.sock.connect_ex(self._address)
        self._opening += 1
        self._open[stream.sock.fileno()] = stream
        self._epoll.register(stream.sock, _READABLE | select.EPOLLOUT)
        self._request(stream)

    def _request(self, stream: Stream) -> None:
        """Send the request, unless the connection is not made yet."""
        assert stream.sock is not None
        id = self._transcript.id_before(stream.position)
        try:
            stream.sock.send(_REQUEST % id.encode())
        except BlockingIOError:
            return
        except OSError:
            return self._lose(stream, monotonic_ns())
        self._epoll.modify(stream.sock, _READABLE)

    def _lose(self, stream: Stream, now: int) -> None:
        """The server closed the connection without the last-chunk."""
        if stream.live_since:
            self._report.cut += 1
        elif stream.rest:
            self._report.refused += 1
        else:
            self._report.failed += 1
        self._close(stream, now, stream.retry)

    def _close(self, stream: Stream, now: int, delay: float) -> None:
        assert stream.sock is not None
        del self._open[stream.sock.fileno()]
        stream.sock.close()
        if stream.live_since:
            self._live -= 1
            stream.lost_at = now
        else:
            self._opening -= 1
        stream.sock, stream.live_since, stream.rest = None, 0, b""
        heapq.heappush(self._due, (now + int(delay * 1e9), next(self._serials), stream))


def _read_on(descriptor: int, data: bytes) -> tuple[bytes, bool]:
    """Read until nothing is left; return all bytes, and whether the stream was closed."""
    last = data
    while last:
        try:
            last = os.read(descriptor, SIZE)
        except BlockingIOError:
            return data, False
        except OSError:
            break
        data += last
    return data, True
