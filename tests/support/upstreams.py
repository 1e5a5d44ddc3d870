"""What befalls an upstream: nobody reaches it, nobody calls it, or its caller has gone."""

import asyncio
import contextlib
import fcntl
import select
import socket
import sys
import termios
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from support.rawserver import RawServer
from support.rawsocket import RawClient

TURNS = 20
"""Turns of the loop in which nothing happens, after which nothing will."""
TICK = 0.01


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port where a connection is neither accepted nor refused: others wait there already."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        assert select.select([server], [], [], 5.0)[0]
        yield server.getsockname()[1]


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port where connections are refused, as nobody listens there."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def unix_server(path: Path) -> Iterator[RawServer]:
    """A server of bytes on a unix socket."""
    with contextlib.ExitStack() as accepted, socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        sock.setblocking(False)
        yield RawServer(sock, accepted)


def has_caller(server: RawServer) -> bool:
    """Whether a connection waits to be accepted."""
    return bool(select.select([server.sock], [], [], 0)[0])


async def until_end(connection: RawClient, timeout: float = 5.0) -> None:
    """Read away what comes until the connection ends, by FIN or by RST; TimeoutError if it
    does not."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout):
        with contextlib.suppress(ConnectionResetError):
            while await loop.sock_recv(connection.sock, 1 << 20):
                pass


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> None:
    """Await the work; AssertionError unless it is done in so many seconds of this loop's time.

    They are counted in short waits, so that the time in which a busy machine lets neither
    side run, which both are in this loop, does not count.
    """
    task = asyncio.create_task(work)
    for _ in range(round(seconds / TICK)):
        if (await asyncio.wait([task], timeout=TICK))[0]:
            task.result()
            return
    task.cancel()
    raise AssertionError(f"not done within {seconds} s")


def unread(descriptor: int) -> int:
    """Bytes that have arrived on a socket, and that nobody has read."""
    answer = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(answer, sys.byteorder)


async def send_until_blocked(sender: RawClient) -> None:
    """Send zeros until the other side takes no more."""
    refused = 0
    while refused < TURNS:
        try:
            sender.sock.send(bytes(65536))
            refused = 0
        except BlockingIOError:
            refused += 1
        await asyncio.sleep(0.001)
