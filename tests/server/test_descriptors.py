"""The budget of descriptors: what an exchange takes, and the answer where nothing is left."""

import asyncio
import contextlib
import errno
import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from server.conftest import Contexts
from streamserver.kit.files import FileResponse
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits
from streamserver.server.answer import FileRegion
from streamserver.server.descriptors import Descriptors, budget
from streamserver.wire.problem import HTTPError
from support.inprocess import Serve, running
from support.limits import no_descriptor_left
from support.rawserver import raw_server
from support.rawsocket import connect, raw
from support.relaying import ok
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 64 * 2**20
RETRY = (b"HTTP/1.1 503 ", b"\r\nretry-after: 1\r\n", b"\r\nconnection: close\r\n")


def is_refusal(answer: bytes) -> bool:
    """Whether a client is told to come back."""
    return answer.startswith(RETRY[0]) and all(part in answer for part in RETRY)


@pytest.mark.parametrize(
    ("limit", "total", "refusals"),
    [
        (resource.RLIM_INFINITY, 1_000_000, 128),
        (20_000, 19_744, 128),
        (1024, 768, 128),
        (256, 128, 64),
        (64, 32, 16),
    ],
)
def test_the_budget_by_the_limit(limit: int, total: int, refusals: int) -> None:
    made = budget(limit)
    assert (made.total, made.refusals) == (total, refusals)


def test_what_is_taken_must_be_given_back() -> None:
    descriptors = Descriptors(3, 1)
    descriptors.acquire(2, "a download")
    with pytest.raises(HTTPError, match="no descriptor left for a download") as refused:
        descriptors.acquire(2, "a download")
    assert refused.value.status == 503
    descriptors.release(2)
    descriptors.acquire(3, "a download")
    assert descriptors.in_use == 3


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of zeros that no socket buffer holds."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


async def test_a_download_takes_three(large: Path) -> None:
    """Room for two clients and one download: the second is told, and served later."""

    async def download(request: Request) -> Response:
        return FileResponse(large)

    descriptors = Descriptors(5, 5)
    async with running(download, descriptors=descriptors) as server:
        async with connect(server.port, receive_buffer=4096) as slow:
            await slow.send(GET)
            await slow.read_until(b"HTTP/1.1 200 ")
            assert descriptors.in_use == 3
            assert is_refusal(await raw(server.port, GET))
            await wait_until(lambda: descriptors.in_use == 3)
            slow.reset()
        await wait_until(lambda: descriptors.in_use == 0)
        answer = await raw(server.port, GET, until=lambda received: len(received) > 2**20)
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_over_tls_a_download_takes_two(large: Path, contexts: Contexts) -> None:
    """Nothing is duplicated: what is sent is encrypted first."""

    async def download(request: Request) -> Response:
        return FileResponse(large)

    descriptors = Descriptors(3, 5)
    async with running(download, tls=contexts.server, descriptors=descriptors) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=contexts.client
        )
        writer.write(GET)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert descriptors.in_use == 2
        writer.transport.abort()
        await wait_until(lambda: descriptors.in_use == 0)


async def test_a_relayed_exchange_takes_two() -> None:
    descriptors, pool = Descriptors(5, 5), PoolLimits(open=10)
    async with (
        raw_server() as upstream,
        running(Proxy(upstream.url, pool=pool), descriptors=descriptors) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(connect(server.port)) for _ in range(3)]
        await wait_until(lambda: descriptors.in_use == 3)
        peers = []
        for client in clients[:2]:
            await client.send(GET)
            peers.append(await upstream.asked())
        assert descriptors.in_use == 5
        await clients[2].send(GET)
        assert is_refusal(await clients[2].read_until())
        for client, peer in zip(clients[:2], peers, strict=True):
            await peer.send(ok(b"relayed"))
            await client.read_until(b"relayed")
        await wait_until(lambda: descriptors.in_use == 4)  # two clients, and two in the pool
        for peer in peers:
            peer.sock.close()
        await wait_until(lambda: descriptors.in_use == 2)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.ENOBUFS, 503),
        (errno.ENOMEM, 503),
        (errno.EIO, 500),
    ],
)
async def test_a_handler_that_finds_none_is_503(
    serve: Serve, number: int, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: Request) -> Response:
        raise OSError(number, "?")

    server = await serve(fail, descriptors=Descriptors(100, 5))
    for _ in range(3):
        answer = await raw(server.port, GET, until=b"\r\n\r\n")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert is_refusal(answer) == (status == 503)
    lines = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
    assert len(lines) == (1 if status == 503 else 3)
    assert bool(lines[0].exc_info) == (status == 500)


@pytest.mark.parametrize("when", ["the file is opened", "the socket is duplicated"])
async def test_the_kernel_refuses_before_the_head(serve: Serve, large: Path, when: str) -> None:
    """Whatever else holds the descriptors, the answer is 503, and not a 200 that is cut."""

    async def download(request: Request) -> Response:
        if when == "the file is opened":
            return FileResponse(large)
        return Response(FileRegion(opened, 0, LARGE))

    server = await serve(download, descriptors=Descriptors(100, 5))
    with large.open("rb") as opened:
        async with connect(server.port) as client:
            await wait_until(lambda: server.listener.connections == 1)
            with no_descriptor_left():
                await client.send(GET)
                assert is_refusal(await client.read_until())


def test_exchanges_and_clients_share_what_is_left() -> None:
    """A quarter is for exchanges alone, and these may also take what no client needs."""
    descriptors = Descriptors(8, 1)
    for _ in range(6):
        assert descriptors.has_room_for_client
        descriptors.add_client()
    assert not descriptors.has_room_for_client
    descriptors.acquire(2, "a download")
    for _ in range(3):
        descriptors.remove_client()
    descriptors.acquire(2, "a download")
    descriptors.add_client()
    assert descriptors.in_use == 8
    assert not descriptors.has_room_for_client


GROW = """
import os, re, resource
from streamserver.server.descriptors import grow_table

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, hard))

def state():
    size = re.search(r"FDSize:\\s+(\\d+)", open("/proc/self/status").read())[1]
    return size, len(os.listdir("/proc/self/fd"))

before = state()
grow_table()
print(*before, *state())
"""


def test_the_table_of_descriptors_grows_to_the_limit_and_none_stays_open() -> None:
    done = subprocess.run([sys.executable, "-c", GROW], capture_output=True, text=True, check=True)
    size, opened, reserved, left = map(int, done.stdout.split())
    assert size < 1000 <= reserved
    assert left == opened
