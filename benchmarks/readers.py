"""Readers of a feed: a process with thousands of open streams that takes the time of each arrival.

The server is to be timed, so this client does little while events arrive. It reads no byte: epoll
reports once per reader (EPOLLONESHOT) that its event is there, and one time is taken for all
readers of a report. On its own core it never sleeps, so that no server spends time on waking it.
The events are read and checked when all have arrived.

An event contains the time of its publication. All processes share CLOCK_MONOTONIC, so readers in
other processes need no further information.
"""

import os
import re
import select
import socket
import struct
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context, parent_process
from time import monotonic, monotonic_ns, sleep
from typing import Self

from benchmarks.client import PATIENCE, Connection, WrongAnswer
from benchmarks.event import decoded, event
from benchmarks.servers.work import DATA

OPENED_AT_ONCE = 50
"""Connections that wait to be accepted: fewer than the shortest backlog of all servers (100)."""

FROM_ONE_ADDRESS = 4_000
"""Readers per source address: beyond half of the 28,000 ports of an address, Linux takes a thousand
times as long to find a free one."""

REPORTED_AT_ONCE = 256
"""The most readers of one report, which share a time."""

QUIET = 0.01
"""Seconds without a byte after which everything sent before has arrived."""

SETTLE = 0.5
"""Seconds in which every server has written one event to all readers."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s: closing resets the connection, and no port stays in TIME_WAIT."""

EVENT = re.compile(rb"data: [^\r\n]*?(\d{%d})[^\r\n]*\r?\n\r?\n" % len(DATA))
_PUBLISH = (
    b"POST /publish HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


class Readers:
    """Open streams of a feed at `port`, from addresses in 127.0.`net`.0/24.

    With a content `coding`, which may be "identity", they accept it alone, and the event is a
    notification; without one the event is the time alone. Use it in a `with` block, at whose end
    they are closed.
    """

    def __init__(self, port: int, net: int = 0, *, spin: bool = False, coding: str = "") -> None:
        self._port, self._net, self._coding = port, net, coding
        self._fields = b"Accept-Encoding: %b\r\n" % coding.encode() if coding else b""
        self._wait = 0 if spin else PATIENCE
        self._sockets: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._buffer = memoryview(bytearray(64 * 1024))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for reader in self._sockets.values():
            reader.close()

    def open(self, count: int) -> None:
        """Open `count` further streams, and wait until each has begun."""
        for begun in range(0, count, OPENED_AT_ONCE):
            some = range(begun, min(begun + OPENED_AT_ONCE, count))
            source = f"127.0.{self._net}.{1 + begun // FROM_ONE_ADDRESS}"
            opened = [Connection(self._port, source=source, fields=self._fields) for _ in some]
            for serial, connection in zip(some, opened, strict=True):
                connection.send(serial)
            for connection in opened:
                _await_head(connection.socket, self._coding)
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self._sockets[connection.socket.fileno()] = connection.socket
                self._poll.register(connection.socket, select.EPOLLIN | select.EPOLLONESHOT)
        self._await_silence()

    def deliver(self, publishes: bool) -> list[int]:
        """Wait until every reader has one event; publish it first if `publishes`.

        Return the nanoseconds from its publication to each reader, in order.
        """
        self._await_silence()
        with ExitStack() as stack:
            if publishes:
                publisher = stack.enter_context(Connection(self._port))
                _publish(publisher, self._coding)
            arrived = self._watch()
            published = self._read()
            if publishes:
                _await_answer(publisher)
        return [stamp - published for stamp, count in arrived for _ in range(count)]

    def alone(self) -> int:
        """Return the nanoseconds this client takes for an event that has already arrived."""
        self._await_silence()
        with Connection(self._port) as publisher:
            _publish(publisher, self._coding)
            _await_answer(publisher)
        sleep(SETTLE)
        started = monotonic_ns()
        arrived = self._watch()
        self._read()
        return arrived[-1][0] - started

    def _watch(self) -> list[tuple[int, int]]:
        """Return the times of arrival, each with the number of readers."""
        arrived = []
        left = len(self._sockets)
        deadline = monotonic() + PATIENCE
        while left > 0:
            if ready := self._poll.poll(self._wait, REPORTED_AT_ONCE):
                arrived.append((monotonic_ns(), len(ready)))
                left -= len(ready)
            elif monotonic() > deadline:
                raise WrongAnswer(f"{left} of {len(self._sockets)} readers got no event")
        return arrived

    def _read(self) -> int:
        """Read the event of every reader; return the time of its publication."""
        stamps: set[bytes] = set()
        for descriptor, reader in self._sockets.items():
            received = reader.recv(4096)
            while not (events := EVENT.findall(decoded(received, self._coding))):
                if not (more := reader.recv(4096)):
                    raise WrongAnswer(f"closed inside an event, after {received!r}")
                received += more
            stamps.update(events)
            if len(events) != 1 or len(stamps) != 1:
                raise WrongAnswer(f"one event was published, a reader got {received!r}")
            self._arm(descriptor)
        return int(stamps.pop())

    def _await_silence(self) -> None:
        """Read what arrives before or after an event."""
        while ready := self._poll.poll(QUIET):
            for descriptor, _ in ready:
                if not self._sockets[descriptor].recv_into(self._buffer):
                    raise WrongAnswer("a stream was closed")
                self._arm(descriptor)

    def _arm(self, descriptor: int) -> None:
        self._poll.modify(descriptor, select.EPOLLIN | select.EPOLLONESHOT)


def _await_head(reader: socket.socket, coding: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        if not (more := reader.recv(4096)):
            raise WrongAnswer(f"closed inside the head, after {head!r}")
        head += more
    if not head.startswith(b"HTTP/1.1 200 ") or b"text/event-stream" not in head:
        raise WrongAnswer(f"an event stream was requested, received: {head!r}")
    is_coded = b"content-encoding: %b\r\n" % coding.encode() in head
    if is_coded != (coding not in ("", "identity")):
        raise WrongAnswer(f"{coding or 'no coding'} was requested, received: {head!r}")


def _publish(publisher: Connection, coding: str) -> None:
    body = event(monotonic_ns(), coding)
    publisher.socket.sendall(_PUBLISH % (len(body), body))


def _await_answer(publisher: Connection) -> None:
    answer = publisher.socket.recv(4096)
    if not answer.startswith(b"HTTP/1.1 2"):
        raise WrongAnswer(f"the response to publishing is {answer!r}")


class ReaderProcess:
    """`Readers` in their own process, on `core` if it is given. Use it in a `with` block."""

    def __init__(self, port: int, net: int, *, core: int | None, coding: str = "") -> None:
        # Spawned, not forked, so that it inherits no descriptor.
        arguments = port, net, core, coding
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def open(self, count: int) -> Future[None]:
        """Call `Readers.open` in the process."""
        return self._pool.submit(_open, count)

    def deliver(self, publishes: bool = True) -> Future[list[int]]:
        """Call `Readers.deliver` in the process."""
        return self._pool.submit(_deliver, publishes)

    def alone(self) -> Future[int]:
        """Call `Readers.alone` in the process."""
        return self._pool.submit(_alone)


_here: Readers
"""The readers of this process, if it is a `ReaderProcess`."""


def _begin(port: int, net: int, core: int | None, coding: str) -> None:
    global _here
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if core is not None:
        os.sched_setaffinity(0, {core})
    _here = Readers(port, net, spin=core is not None, coding=coding)


def _end_with_parent() -> None:
    """Without this, a process of the pool waits for work forever after its parent was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _open(count: int) -> None:
    _here.open(count)


def _deliver(publishes: bool) -> list[int]:
    return _here.deliver(publishes)


def _alone() -> int:
    return _here.alone()
