"""The side of a worker: what it inherits from its supervisor, and the orders that it obeys.

A socket pair, the lifeline, connects each worker to its supervisor. The worker writes a report to
it when it listens; the supervisor writes orders, one byte each. If one side dies, the other one
reads the end of the stream, so no worker outlives its supervisor.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import NamedTuple

VARIABLE = "STREAMSERVER_INHERITED"
"""The environment variable that makes a process a worker."""

RETIRE = b"r"
"""The order to drain, because another worker accepts on the same sockets."""
ABORT = b"!"
"""The order to cut all connections."""
PING, PONG = b"?", b"."
"""The order to answer, and the answer, which a worker sends if its event loop runs."""


class Report(NamedTuple):
    """What a worker reports when it listens: its URL, its grace period in seconds, and those of
    its settings that its supervisor decides, in words."""

    url: str
    grace: float
    fixed: str = ""

    def encode(self) -> bytes:
        """The bytes for the lifeline. The path of a Unix socket has any character but NUL."""
        return f"{self.url}\0{self.grace}\0{self.fixed}".encode()

    @classmethod
    def decode(cls, data: bytes) -> "Report":
        """The report in these bytes."""
        url, grace, fixed = data.decode().split("\0")
        return cls(url, float(grace), fixed)


def inherit(text: str) -> tuple[list[socket.socket], socket.socket]:
    """For a worker: its listening sockets and its lifeline, from the text of `VARIABLE`."""
    sockets = [socket.socket(fileno=int(number)) for number in text.split()]
    # A program that the app starts must not keep the port after this process has ended.
    for sock in sockets:
        sock.set_inheritable(False)
    *listening, lifeline = sockets
    return listening, lifeline


async def obey(
    lifeline: socket.socket,
    report: Report,
    *,
    drain: Callable[[], object],
    retire: Callable[[], object],
    abort: Callable[[], object],
) -> None:
    """For a worker: report to the supervisor that it listens, and obey its orders.

    `drain` is called when the supervisor has ended, and after `abort`.
    """
    loop = asyncio.get_running_loop()
    lifeline.setblocking(False)
    with contextlib.suppress(ConnectionError):
        await loop.sock_sendall(lifeline, report.encode())
        while order := await loop.sock_recv(lifeline, 1):
            if order == PING:
                await loop.sock_sendall(lifeline, PONG)
            elif order == RETIRE:
                retire()
            elif order == ABORT:
                abort()
                break
    drain()
