"""A slow reader slows down the sender at the other end of the relay, and nothing is lost."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from streamserver.wire.chunked import Decoder, End
from support.kernel import in_kernel
from support.lane import Lane
from support.rawsocket import PART, RawClient, connect, until_end
from support.requests import GET, chunked, post
from support.waiting import wait_until

MIB = 1 << 20
ENDLESS = 1 << 40
PATTERN = bytes(range(251)) * 2000
"""What is sent repeatedly: no two buffers of it are equal."""

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ENDLESS
ONE_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % ENDLESS


async def stuff(connection: RawClient, sent: int = 0) -> int:
    """Send the pattern until nothing more is taken for a while; the number of bytes sent in all.

    The kernel alone has room for some MiB. AssertionError when the relay seems to have for any.
    """
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    refused = 0
    while refused < 50:
        at = sent % 251
        try:
            sent += connection.sock.send(PATTERN[at : at + 64 * 1024])
            refused = 0
        except BlockingIOError:
            refused += 1
        assert sent < 128 * MIB, "nobody waits"
        await asyncio.sleep(0 if refused < 40 else 0.005)
    return sent


async def held_by_the_relay(lane: Lane, under_way: int) -> int:
    """The number of bytes under way that are in no socket of the kernel."""
    held = []
    for _ in range(5):  # what is not acknowledged yet counts twice, for a moment
        held.append(under_way - in_kernel(lane.server.port, lane.upstream.port))
        await asyncio.sleep(0.005)
    return max(held)


@dataclass(slots=True)
class Taker:
    """Reads a body on demand."""

    connection: RawClient
    decoder: Decoder | None = None
    taken: bytearray = field(default_factory=bytearray)

    async def take(self, size: int) -> None:
        """Read up to this many bytes of the body; each must be the pattern's."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            while len(self.taken) < size:
                self._add(await loop.sock_recv(self.connection.sock, PART))
        times = size // len(PATTERN) + 1
        assert self.taken == (PATTERN * times)[:size]

    def _add(self, data: bytes) -> None:
        assert data, "the connection ended"
        for part in self.decoder.feed(data) if self.decoder else [data]:
            assert not isinstance(part, End)
            self.taken += part


Way = tuple[RawClient, Taker]
Open = Callable[[Lane], contextlib.AbstractAsyncContextManager[Way]]


def down(head: bytes) -> Open:
    """A path from the upstream to a client, which waits for the body after this head."""

    @contextlib.asynccontextmanager
    async def opened(road: Lane) -> AsyncIterator[Way]:
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(GET)
            peer = await road.upstream.asked()
            await peer.send(head)
            await client.read_until(b"\r\n\r\n")
            yield peer, Taker(client, None if head is COUNTED else Decoder())

    return opened


def up(head: bytes, *, is_chunked: bool) -> Open:
    """A path from a client to the upstream, which waits for the body after this head."""

    @contextlib.asynccontextmanager
    async def opened(road: Lane) -> AsyncIterator[Way]:
        async with connect(road.server.port) as client:
            await client.send(head)
            peer = await road.upstream.asked()
            yield client, Taker(peer, Decoder() if is_chunked else None)

    return opened


WAYS = [
    pytest.param(down(COUNTED), id="down, length"),
    pytest.param(down(ONE_CHUNK), id="down, chunked"),
    pytest.param(up(post(b"", length=ENDLESS), is_chunked=False), id="up, length"),
    pytest.param(up(chunked(end=b"%x\r\n" % ENDLESS), is_chunked=True), id="up, chunked"),
]


@pytest.mark.parametrize("way", WAYS)
def test_an_endless_body_for_a_frozen_reader_takes_less_than_a_mebibyte(
    road: Lane, way: Open
) -> None:
    """When the reader reads again it gets all that was sent meanwhile, and all that follows."""

    async def exchange() -> None:
        async with way(road) as (writer, reader):
            sent = await stuff(writer)
            assert abs(await held_by_the_relay(road, sent)) < MIB
            await reader.take(sent)
            at = sent % 251
            await writer.send(PATTERN[at : at + 1000])
            await reader.take(sent + 1000)
            writer.reset()
            await until_end(reader.connection)

    road.run(exchange())


async def echo(peer: RawClient) -> None:
    """Send back what is received, and read no more while that is not taken."""
    loop = asyncio.get_running_loop()
    while True:
        await peer.send(await loop.sock_recv(peer.sock, PART))


def test_both_directions_pause_and_resume_independently(road: Lane) -> None:
    """An upstream that echoes, and a client that does not read yet."""

    async def exchange() -> None:
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(post(b"", length=ENDLESS))
            peer = await road.upstream.asked()
            await peer.send(COUNTED)
            await client.read_until(b"\r\n\r\n")
            echoing = asyncio.ensure_future(echo(peer))
            sent = await stuff(client)
            assert abs(await held_by_the_relay(road, sent)) < MIB
            await Taker(client).take(sent)
            echoing.cancel()

    road.run(exchange())


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset])
def test_a_frozen_client_that_leaves_ends_the_upstream_connection(
    road: Lane, leave: Callable[[RawClient], None]
) -> None:
    async def exchange() -> None:
        ended = len(road.server.ended)
        async with down(COUNTED)(road) as (peer, frozen):
            await stuff(peer)
            leave(frozen.connection)
            await until_end(peer)
            await wait_until(lambda: len(road.server.ended) > ended)
        assert road.server.ended[-1].outcome == "client_gone"

    road.run(exchange())
