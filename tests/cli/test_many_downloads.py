"""More slow downloads than there are descriptors: each client is served, or asked to retry."""

import contextlib
import resource
import socket
from pathlib import Path

import pytest

from cli.conftest import LIMIT
from support.limits import file_limit
from support.process import RunServer

CLIENTS = 400
DESCRIPTORS = 1024
SERVED = (DESCRIPTORS - 256 - CLIENTS) // 2
"""Beside the reserve and one for each client, a download takes two more."""
LARGE = 64 * 2**20
GET = b"GET /files/large HTTP/1.1\r\nHost: localhost\r\n\r\n"


def head(client: socket.socket) -> bytes:
    """The head of the answer; ConnectionResetError and an empty one are failures."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(1024)
        assert part, f"the connection ended after {received!r}"
        received += part
    return received.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_everyone_is_served_or_told(run_server: RunServer, tmp_path: Path, loop: str) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CLIENTS + 100:
        pytest.skip("the system allows too few descriptors")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE)
    with file_limit(DESCRIPTORS):
        options = ("--files", str(tmp_path), "--no-access-log", "--loop", loop)
        server = run_server(*options, env={"PYTHONASYNCIODEBUG": ""})
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(CLIENTS):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(LIMIT)
            client.connect(("127.0.0.1", server.port))
            clients.append(client)
        for client in clients:
            client.sendall(GET)
        heads = [head(client) for client in clients]
    served = [each for each in heads if each.startswith(b"HTTP/1.1 200 ")]
    refused = [each for each in heads if each.startswith(b"HTTP/1.1 503 ")]
    assert len(served) + len(refused) == CLIENTS
    assert len(served) >= SERVED
    assert all(b"\r\nretry-after: 1\r\n" in each + b"\r\n" for each in refused)
    with socket.create_connection(("127.0.0.1", server.port), LIMIT) as client:
        client.sendall(GET)
        assert head(client).startswith(b"HTTP/1.1 200 ")
    log = server.stderr.read_text()
    assert log.count("no descriptor left for a download: answering 503") == 1
    assert "Traceback" not in log
