"""A client with many open streams that counts the chunks of all of them over a time.

One thread sleeps in epoll and reads into one buffer. It counts a byte that occurs once in each
chunk and neither in heads nor in framing, so a relay may join chunks.
"""

import select
import socket
from contextlib import ExitStack
from time import perf_counter
from typing import Self

from benchmarks.client import PATIENCE, Connection, WrongAnswer
from benchmarks.servers.upstream import MARK

RECEIVE_BUFFER = 64 * 1024
"""The receive buffer of each stream in the kernel, in bytes."""


class EndlessStreams:
    """Endless streams, requested at the beginning of a `with` block and closed at its end.

    `mark` is what is counted. With a `body` the requests are POST requests.
    """

    def __init__(
        self, port: int, path: bytes, size: int, mark: bytes = MARK, body: bytes = b""
    ) -> None:
        self._port, self._path, self._size, self._mark = port, path, size, mark
        self._body = body
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(256 * 1024)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._poll = self._closing.enter_context(select.epoll())
        for serial in range(self._size):
            connection = self._closing.enter_context(
                Connection(self._port, self._path, body=self._body)
            )
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            connection.send(serial)
            self._poll.register(connection.socket, select.EPOLLIN)
            self._sockets[connection.socket.fileno()] = connection.socket
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def settle(self) -> None:
        """Read until every stream has begun."""
        silent = set(self._sockets)
        while silent:
            if not (ready := self._poll.poll(PATIENCE)):
                raise WrongAnswer(f"{len(silent)} streams have not begun, and nothing arrives")
            for descriptor, _ in ready:
                self._receive(descriptor)
                silent.discard(descriptor)

    def count(self, seconds: float) -> tuple[int, float]:
        """Read for about `seconds`; return the number of chunks and the exact seconds.

        Raises `WrongAnswer` without any chunk.
        """
        total, elapsed = self.read_for(seconds)
        if not total:
            raise WrongAnswer(f"no chunk of any stream within {seconds} s")
        return total, elapsed

    def read_for(self, seconds: float) -> tuple[int, float]:
        """Do the same; no chunk is not an error."""
        total = 0
        started = now = perf_counter()
        while (left := started + seconds - now) > 0:
            for descriptor, _ in self._poll.poll(left):
                total += self._buffer.count(self._mark, 0, self._receive(descriptor))
            now = perf_counter()
        return total, now - started

    def _receive(self, descriptor: int) -> int:
        if not (size := self._sockets[descriptor].recv_into(self._buffer)):
            raise WrongAnswer("an endless stream was closed")
        return size
