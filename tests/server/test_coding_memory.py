"""Streams in a content coding that their clients abort: the server's memory stays where it was."""

import socket
import struct

import pytest

from benchmarks.machine import resident_kib
from streamserver.wire.content_coding import CODINGS
from support.process import RunServer, ServerProcess
from support.requests import get
from support.waiting import block_until

ABORTS = 500
"""``python -m benchmarks compression`` makes 10,000."""

BEFORE = 1100
"""So many precede, since the target collects garbage rarely: its memory grows until then."""

LEAK = 16 * ABORTS / 4
"""KiB: a quarter of the smallest compressors that could be left behind."""


def abort(port: int, request: bytes, count: int) -> None:
    """Open so many streams one after another, and reset each when its first piece has come."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(20)
            client.sendall(request)
            while not client.recv(65536).endswith(b"\r\n"):
                pass
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("coding", CODINGS)
def test_aborts_leave_the_memory_where_it_was(run_server: RunServer, coding: str) -> None:
    server = run_server("target", "--compress", "--log-format", "json")
    request = get(b"/sse?count=9&gap=60&size=200", b"Accept-Encoding: " + coding.encode())
    abort(server.port, request, BEFORE)
    before = resident_kib([server.process.pid])
    abort(server.port, request, ABORTS)
    block_until(lambda: ended(server) == ABORTS + BEFORE)
    assert resident_kib([server.process.pid]) - before < LEAK


def ended(server: ServerProcess) -> int:
    """How many exchanges have ended because their client has left."""
    return server.output().count('"outcome":"client_gone"')
