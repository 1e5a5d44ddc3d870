"""Which targets name a file, and that none stays open."""

from pathlib import Path

import pytest

from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from support.folder import CONTENT, write
from support.inprocess import Serve, Served
from support.leaks import descriptors
from support.rawsocket import connect, raw
from support.waiting import wait_until

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/inner/../ten.txt", 200),
        ("/inner/%2e%2e/ten.txt", 200),
        ("/%E2%98%83.txt", 200),
        ("/../secret.txt", 404),
        ("/%2e%2e/secret.txt", 404),
        ("/..%2fsecret.txt", 404),
        ("/%2e%2e%2fsecret.txt", 404),
        ("/inner%2f..%2f..%2fsecret.txt", 404),
        ("/outside/secret.txt", 404),
        ("//etc/passwd", 404),
        ("/%2fetc/passwd", 404),
        ("/ten.txt%00", 404),
        ("/%00", 404),
        ("/%ff", 404),
        ("/%252e%252e/secret.txt", 404),
        ("/fifo", 404),
        ("/socket", 404),
        ("/inner", 404),
        ("/", 404),
    ],
)
async def test_targets(server: Served, target: str, status: int) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = await raw(server.port, request.encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (CONTENT in answer) is (status == 200)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
async def test_a_device_is_no_file(serve: Serve, device: str) -> None:
    async def handler(request: Request) -> Response:
        return FileResponse(device)

    server = await serve(handler)
    assert (await raw(server.port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=10-\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nIf-Match: x\r\n\r\n",
        b"GET /ten.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
        b"GET /fifo HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_no_file_stays_open(root: Path, server: Served, request_: bytes) -> None:
    async with connect(server.port) as client:
        for _ in range(3):
            await client.send(request_)
        await wait_until(lambda: len(server.ended) == 3)
        assert not [name for name in descriptors() if str(root) in name]


async def test_no_file_stays_open_when_the_client_leaves(root: Path, server: Served) -> None:
    with open(write(root / "large"), "wb") as file:
        file.truncate(256 * MIB)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_until(b"\r\n\r\n")
        assert [name for name in descriptors() if str(root) in name]
        client.reset()
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not [name for name in descriptors() if str(root) in name])
