"""Flow control: a slow client slows its producer down, a frozen one is cut, a slow one is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from server.conftest import Contexts
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.phase import Outcome
from streamserver.server.writer import HIGH_WATER
from support.inprocess import Serve
from support.rawsocket import RawClient, connect
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
PIECE = bytes(16384)


class Endless:
    """A handler whose answers never end; it counts the pieces that were asked for."""

    def __init__(self) -> None:
        self.pieces = 0

    async def __call__(self, request: Request) -> Response:
        return Response(self._produce())

    async def _produce(self) -> AsyncIterator[bytes]:
        while True:
            self.pieces += 1
            yield PIECE


async def still(endless: Endless) -> int:
    """The number of pieces, once the producer asks for no more."""
    while True:
        pieces = endless.pieces
        await asyncio.sleep(0.05)
        if pieces and endless.pieces == pieces:
            return pieces


async def test_a_producer_waits_for_a_client_that_waits_and_goes_on_with_it(serve: Serve) -> None:
    endless = Endless()
    server = await serve(endless)
    async with connect(server.port, receive_buffer=65536) as client:
        await client.send(GET)
        before = await still(endless)
        await client.read_until(lambda got: len(got) > (before + 10) * len(PIECE), 20.0)
        assert endless.pieces > before
        assert not server.ended
        client.reset()


async def test_a_fixed_body_that_nobody_takes_is_cut(serve: Serve) -> None:
    """Its exchange is over once the transport has all of it; the connection is not."""

    async def handler(request: Request) -> Response:
        return Response(bytes(16 << 20))

    server = await serve(handler, write_timeout=0.1)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(GET)
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not server.listener.connections)
        with pytest.raises(ConnectionResetError):
            await client.read_until()


async def test_a_last_answer_that_nobody_takes_is_cut(serve: Serve) -> None:
    """The deadline holds too where all that is left to do is to close."""

    async def handler(request: Request) -> Response:
        return Response(bytes(16 << 20), headers={"Connection": "close"})

    server = await serve(handler, write_timeout=0.1)
    async with connect(server.port, receive_buffer=4096) as client:
        await client.send(GET)
        await wait_until(lambda: server.ended)
        await wait_until(lambda: not server.listener.connections)


async def sip(client: RawClient, seconds: float) -> None:
    """Read a little every now and then; ConnectionResetError when the server has enough of it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await loop.sock_recv(client.sock, 65536)
        await asyncio.sleep(0.02)


async def test_a_client_that_takes_a_little_all_the_time_stays(serve: Serve) -> None:
    """Also while the kernel, which has megabytes of its own to send first, takes nothing of us."""
    server = await serve(Endless(), write_timeout=0.4)
    async with connect(server.port, receive_buffer=65536) as client:
        await client.send(GET)
        await sip(client, 1.5)
        assert not server.ended
        client.reset()


async def test_a_client_that_wakes_up_in_time_gets_the_full_time_again(serve: Serve) -> None:
    endless = Endless()
    server = await serve(endless, write_timeout=1.0)
    async with connect(server.port, receive_buffer=65536) as client:
        await client.send(GET)
        for _ in range(4):  # longer together than one deadline
            enough = await still(endless) + 10
            await asyncio.sleep(0.3)
            while endless.pieces < enough:
                client.received = b""
                await client.read_until(lambda got: len(got) >= len(PIECE))
        assert not server.ended
        await wait_until(lambda: server.ended)
    assert [exchange.outcome for exchange in server.ended] == [Outcome.STALLED]


async def test_a_client_waits_for_a_handler_that_does_not_read(serve: Serve) -> None:
    """TCP holds it back: of a large upload only so much leaves it."""
    step, size = asyncio.Event(), 24 << 20

    async def handler(request: Request) -> Response:
        request.max_body = None
        await step.wait()
        return Response(str(sum([len(part) async for part in request])))

    server = await serve(handler)
    async with connect(server.port) as client:
        sending = asyncio.ensure_future(client.send(POST % size + bytes(size)))
        await asyncio.sleep(0.5)
        assert not sending.done()
        step.set()
        await client.read_until(str(size).encode(), timeout=20)
        await sending


@pytest.mark.parametrize("most", [0, 1, 19])
async def test_every_request_is_answered_however_few_may_wait(serve: Serve, most: int) -> None:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(b"answer")

    server = await serve(handler, max_pipelined=most, head_timeout=1.0)
    async with connect(server.port) as client:
        await client.send(GET + GET + GET[:20])
        await client.read_until(lambda got: got.count(b"answer") == 2)
        await client.send(GET[20:])
        await client.read_until(lambda got: got.count(b"answer") == 3)


# --- TLS --------------------------------------------------------------------------------------


async def test_a_push_stream_that_is_full_drains_over_tls_too(
    serve: Serve, contexts: Contexts
) -> None:
    drained = asyncio.Event()
    stream = StreamController(on_drain=drained.set)

    async def handler(request: Request) -> Response:
        return Response(stream)

    server = await serve(handler, tls=contexts.server)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=contexts.client, limit=16384
    )
    writer.write(GET)
    await reader.readuntil(b"\r\n\r\n")
    while stream.desired_size > 0:
        stream.enqueue(bytes(8192))
        await asyncio.sleep(0)
    assert stream.desired_size <= 0 < HIGH_WATER
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while not drained.is_set():
                await reader.read(65536)
    writer.transport.abort()
    await wait_until(lambda: server.ended)
    assert drained.is_set()
