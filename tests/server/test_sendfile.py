"""Files as bodies: whole, in part, and to clients that leave or fall asleep on the way.

One table of ways for all: by ``sendfile`` on both event loops, and by TLS, which has to read.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.answer import FileRegion
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from streamserver.server.phase import Outcome
from support import peers
from support.handlers import answering
from support.inprocess import Served, running
from support.leaks import descriptors
from support.waiting import wait_until

CONTENT = bytes(range(256)) * 12289  # over 3 MiB, and no multiple of any buffer
HUGE = 1 << 30
SECONDS = 12.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"

Test = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Way:
    """An event loop to run a test in, and TLS or none for its server and its clients."""

    loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None

    def run(self, test: Test) -> None:
        """Run the test to its end."""

        async def bounded() -> None:
            # uvloop's first server opens a spare descriptor for good: it must not be ours.
            (await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1")).close()
            await asyncio.wait_for(test(), SECONDS)

        with asyncio.Runner(debug=True, loop_factory=self.loop) as runner:
            runner.run(bounded())

    async def connect(self, port: int, *, receive_buffer: int = 0) -> "Client":
        """A connection; with a small `receive_buffer` it stalls its peer early."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        name = "127.0.0.1" if self.client else None
        streams = asyncio.open_connection(
            sock=sock, ssl=self.client, server_hostname=name, limit=16384
        )
        return Client(*await streams)


@dataclass(slots=True)
class Client:
    """A client that reads no more than it is told to, give or take a buffer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def get(self, sent: bytes = GET) -> bytes:
        """Ask, and return the head of the answer."""
        self.writer.write(sent)
        return await self.reader.readuntil(b"\r\n\r\n")

    def abort(self) -> None:
        """Leave; what was not read makes it a reset."""
        self.writer.transport.abort()


@pytest.fixture(params=["asyncio", "uvloop", "tls"])
def way(request: pytest.FixtureRequest) -> Way:
    """Each way that the bytes of a file can take."""
    if request.param == "uvloop":
        return Way(peers.module("uvloop").new_event_loop)
    return Way(None, *request.getfixturevalue("contexts")) if request.param == "tls" else Way()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of known content."""
    (path := tmp_path / "file").write_bytes(CONTENT)
    return path


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A file that no buffer on the way can hold; it has a hole for content."""
    with open(path := tmp_path / "huge", "wb") as file:
        file.truncate(HUGE)
    return path


class Files:
    """A handler that answers with a region of the file, opened anew for each request."""

    def __init__(self, path: Path, offset: int = 0, count: int | None = None) -> None:
        self.path = path
        self._offset = offset
        self._count = path.stat().st_size - offset if count is None else count

    async def __call__(self, request: Request) -> Response:
        file = open(self.path, "rb")  # noqa: SIM115 (the engine closes it)
        return Response(FileRegion(file, self._offset, self._count))

    def is_open(self) -> bool:
        """Whether this process still has the file open."""
        return any(str(self.path) in name for name in descriptors())


async def the_end(server: Served, files: Files) -> Exchange:
    """The only exchange, once it has ended and let go of its file."""
    await wait_until(lambda: server.ended)
    await wait_until(lambda: not files.is_open())
    [exchange] = server.ended
    return exchange


def test_a_file_arrives_whole_and_the_connection_goes_on(way: Way, path: Path) -> None:
    async def test() -> None:
        files = Files(path)
        async with running(files, tls=way.server) as server:
            client = await way.connect(server.port)
            for _ in range(2):
                assert f"content-length: {len(CONTENT)}".encode() in await client.get()
                assert await client.reader.readexactly(len(CONTENT)) == CONTENT
            await wait_until(lambda: len(server.ended) == 2)
            client.abort()
        assert {exchange.outcome for exchange in server.ended} == {Outcome.COMPLETE}
        assert {exchange.bytes_sent for exchange in server.ended} == {len(CONTENT)}
        assert not files.is_open()

    way.run(test)


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, 1), (0, 0), (1, 4096), (len(CONTENT) - 1, 1), (70_000, 2_500_000)],
)
def test_a_region_is_sent_and_nothing_else(way: Way, path: Path, offset: int, count: int) -> None:
    async def test() -> None:
        async with running(Files(path, offset, count), tls=way.server) as server:
            client = await way.connect(server.port)
            assert b"connection: close" in await client.get(OLD)
            assert await client.reader.read(-1) == CONTENT[offset : offset + count]
            client.abort()

    way.run(test)


def test_pipelined_requests_get_their_files_in_order(way: Way, path: Path) -> None:
    async def test() -> None:
        async with running(Files(path, 0, 300_000), tls=way.server) as server:
            client = await way.connect(server.port)
            client.writer.write(GET * 3)
            for _ in range(3):
                await client.reader.readuntil(b"\r\n\r\n")
                assert await client.reader.readexactly(300_000) == CONTENT[:300_000]
            client.abort()

    way.run(test)


def test_a_client_that_leaves_in_mid_file_is_no_error(
    way: Way, huge: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        files = Files(huge)
        async with running(files, tls=way.server) as server:
            client = await way.connect(server.port, receive_buffer=4096)
            await client.get()
            assert files.is_open()
            client.abort()
            exchange = await the_end(server, files)
        assert exchange.outcome is Outcome.CLIENT_GONE
        assert [record for record in caplog.records if record.name == "streamserver"] == []

    way.run(test)


class Lost(Observer):
    """Loses the connection at the first bytes of a body, in the very call that writes them."""

    sees_streams = True

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        exchange.connection.transport.abort()


def test_nothing_more_is_read_once_the_connection_is_lost(way: Way, huge: Path) -> None:
    """Though it takes whatever is written from then on, and so is never full."""

    async def test() -> None:
        files = Files(huge)
        async with running(files, tls=way.server, observers=[Lost()]) as server:
            client = await way.connect(server.port)
            client.writer.write(GET)
            exchange = await the_end(server, files)
            client.abort()
        assert exchange.outcome is Outcome.CLIENT_GONE
        assert exchange.bytes_sent < HUGE // 2

    way.run(test)


def test_a_client_that_falls_asleep_is_cut(way: Way, huge: Path) -> None:
    async def test() -> None:
        files = Files(huge)
        async with running(files, tls=way.server, write_timeout=0.2) as server:
            client = await way.connect(server.port, receive_buffer=4096)
            await client.get()
            exchange = await the_end(server, files)
            client.abort()
        assert exchange.outcome is Outcome.STALLED
        assert 0 < exchange.bytes_sent < HUGE

    way.run(test)


def test_a_file_that_has_become_shorter_is_cut_where_it_ends(way: Way, path: Path) -> None:
    async def test() -> None:
        files = Files(path, 0, len(CONTENT) + 1)
        async with running(files, tls=way.server) as server:
            client = await way.connect(server.port)
            await client.get()
            assert await client.reader.read(-1) == CONTENT
            exchange = await the_end(server, files)
            client.abort()
        assert exchange.outcome is Outcome.TRUNCATED
        assert isinstance(exchange.error, ValueError)

    way.run(test)


def test_a_file_that_cannot_be_read_is_cut_after_its_head(way: Way, path: Path) -> None:
    async def test() -> None:
        write_only = open(path, "ab")  # noqa: SIM115 (the engine closes it)
        handler = answering(lambda: Response(FileRegion(write_only, 0, 10)))
        async with running(handler, tls=way.server) as server:
            client = await way.connect(server.port)
            assert b"content-length: 10" in await client.get()
            assert await client.reader.read(-1) == b""
            client.abort()
        [exchange] = server.ended
        assert exchange.outcome is Outcome.TRUNCATED
        assert isinstance(exchange.error, OSError)

    way.run(test)


def test_a_server_that_stops_lets_a_file_arrive_whole(way: Way, path: Path) -> None:
    async def test() -> None:
        async with running(Files(path), tls=way.server) as server:
            client = await way.connect(server.port, receive_buffer=65536)
            await client.get()
            stopping = asyncio.create_task(server.stop(grace=10))
            await asyncio.sleep(0)
            assert await client.reader.readexactly(len(CONTENT)) == CONTENT
            client.abort()
            await stopping
        assert [exchange.outcome for exchange in server.ended] == [Outcome.COMPLETE]

    way.run(test)


def test_others_are_served_while_a_file_goes_out(way: Way, huge: Path) -> None:
    async def test() -> None:
        files = Files(huge)

        async def handler(request: Request) -> Response:
            return await files(request) if request.path == "/" else Response(b"other")

        async with running(handler, tls=way.server) as server:
            client, other = await way.connect(server.port), await way.connect(server.port)
            await client.get()
            download = asyncio.ensure_future(client.reader.readexactly(16 << 20))
            await other.get(GET.replace(b"/", b"/other", 1))
            assert await other.reader.readexactly(5) == b"other"
            assert not download.done()
            download.cancel()
            client.abort()
            other.abort()

    way.run(test)
