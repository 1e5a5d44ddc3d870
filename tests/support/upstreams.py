"""Upstreams that cannot be reached, that are not called, or whose responses are not read."""

import asyncio
import contextlib
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from support.rawserver import RawServer
from support.rawsocket import RawClient

TURNS = 20
"""Turns of the loop in which nothing happens, after which nothing will."""


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
def refusing_port() -> Iterator[int]:
    """A port where no server listens, so connections are refused."""
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


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """The URL of a server that has one answer for its first request, and what to call with its last
    words, after which it hangs up; for tests that have no event loop."""
    last_words: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(20.0)

        def serve() -> None:
            connection, _ = sock.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                connection.sendall(last_words.get())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}", last_words.put
        finally:
            last_words.put(b"")
            thread.join()


def has_caller(server: RawServer) -> bool:
    """Whether a connection waits to be accepted."""
    return bool(select.select([server.sock], [], [], 0)[0])


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
