"""Listen, admit, drain, stop: what a listener does with connections as a whole."""

import asyncio
import socket
from pathlib import Path

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import service
from streamserver.server.listener import Listener
from streamserver.server.phase import Outcome
from streamserver.server.settings import Settings
from support.inprocess import Ended, Serve
from support.loops import Run
from support.rawsocket import connect, raw
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = 60.0


async def hello(request: Request) -> Response:
    """Answer at once."""
    return Response(b"hello")


class Busy:
    """A handler that answers when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.asked += 1
        await self.go.wait()
        return Response(b"done")


# --- where it listens -------------------------------------------------------------------------


async def url_of(sock: socket.socket) -> str:
    """What a listener on this socket says of itself."""
    listener = Listener(service(hello))
    await listener.start(sock=sock)
    await listener.stop()
    return listener.url


async def test_its_url_names_the_port() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    assert await url_of(sock) == f"http://127.0.0.1:{port}"


async def test_its_url_puts_an_ipv6_address_in_brackets() -> None:
    sock = socket.create_server(("::1", 0), family=socket.AF_INET6)
    port = sock.getsockname()[1]
    assert await url_of(sock) == f"http://[::1]:{port}"


async def test_its_url_names_the_path_of_a_unix_socket(tmp_path: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(tmp_path / "s"))
    assert await url_of(sock) == f"unix:{tmp_path}/s"
    assert (tmp_path / "s").exists(), "whoever bound it removes it"


async def test_a_client_of_a_unix_socket_has_no_address(tmp_path: Path) -> None:
    listener = Listener(service(hello), observer=(ended := Ended()))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path := str(tmp_path / "s"))
    await listener.start(sock=sock)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(GET)
    await reader.readuntil(b"hello")
    writer.close()
    await listener.stop()
    assert [exchange.client for exchange in ended.exchanges] == ["unix"]


def test_what_it_accepts_sends_each_chunk_at_once(run: Run) -> None:
    """On every socket: asyncio by itself sees to those only that name their protocol."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        assert sock.proto == 0
        listener = Listener(service(hello), observer=(ended := Ended()))
        await listener.start(sock=sock)
        async with connect(sock.getsockname()[1]) as client:
            await client.send(GET)
            (exchange,) = await wait_until(lambda: ended.exchanges)
            accepted = exchange.connection.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await listener.stop()

    run(main)


# --- how many it admits -----------------------------------------------------------------------


async def test_one_too_many_is_refused_at_once_and_told_when_to_return(serve: Serve) -> None:
    server = await serve(hello, max_connections=1, linger=FOREVER)
    async with connect(server.port) as first:
        await wait_until(lambda: server.listener.connections == 1)
        received = await raw(server.port, b"")
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in received
        await first.send(GET)
        await first.read_until(b"hello")
    assert server.ended[0].outcome is Outcome.REJECTED


async def test_who_leaves_makes_room(serve: Serve) -> None:
    server = await serve(hello, max_connections=1)
    for _ in range(3):
        async with connect(server.port) as client:
            await client.send(GET)
            await client.read_until(b"hello")
        await wait_until(lambda: server.listener.connections == 0)


async def test_who_was_refused_and_lingers_takes_no_room(serve: Serve) -> None:
    server = await serve(hello, max_connections=1, linger=FOREVER)
    async with connect(server.port) as first, connect(server.port) as second:
        await second.read_until(b"503")
        first.sock.close()
        await wait_until(lambda: server.listener.connections == 1)
        assert (await raw(server.port, GET, until=b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


# --- how it stops -----------------------------------------------------------------------------


async def test_it_stops_at_once_when_all_are_idle(serve: Serve) -> None:
    server = await serve(hello)
    async with connect(server.port) as one, connect(server.port) as other:
        for client in (one, other):
            await client.send(GET)
            await client.read_until(b"hello")
        await asyncio.wait_for(server.stop(grace=FOREVER), 5)
        for client in (one, other):
            assert (await client.read_until()).endswith(b"hello")


async def test_nobody_is_accepted_while_it_stops(serve: Serve) -> None:
    busy = Busy()
    server = await serve(busy)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: busy.asked)
        stopping = asyncio.create_task(server.stop(grace=FOREVER))
        await wait_until(lambda: server.listener._server.draining)
        with pytest.raises(ConnectionError):
            await raw(server.port, GET)
        busy.go.set()
        assert (await client.read_until()).endswith(b"done")
        await asyncio.wait_for(stopping, 5)


async def test_it_waits_for_nothing_once_the_last_has_ended(serve: Serve) -> None:
    busy = Busy()
    server = await serve(busy)
    async with connect(server.port) as one, connect(server.port) as other:
        for client in (one, other):
            await client.send(GET)
        await wait_until(lambda: busy.asked == 2)
        stopping = asyncio.create_task(server.stop(grace=FOREVER))
        one.reset()
        await wait_until(lambda: server.ended)
        assert not stopping.done()
        busy.go.set()
        await other.read_until()
        await asyncio.wait_for(stopping, 5)
    assert [exchange.outcome for exchange in server.ended] == [
        Outcome.CLIENT_GONE,
        Outcome.COMPLETE,
    ]


async def test_who_is_not_done_after_the_grace_period_is_cut(serve: Serve) -> None:
    busy = Busy()
    server = await serve(busy)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: busy.asked)
        await asyncio.wait_for(server.stop(grace=0.05), 5)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == [Outcome.DRAINED]


async def test_the_grace_period_is_that_of_the_settings_where_none_is_told() -> None:
    busy = Busy()
    listener = Listener(service(busy), Settings(grace=0.05))
    sock = socket.create_server(("127.0.0.1", 0))
    await listener.start(sock=sock)
    async with connect(sock.getsockname()[1]) as client:
        await client.send(GET)
        await wait_until(lambda: busy.asked)
        await asyncio.wait_for(listener.stop(), 5)
        assert listener.connections == 0


async def test_an_abort_waits_for_nobody(serve: Serve) -> None:
    busy = Busy()
    server = await serve(busy)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: busy.asked)
        stopping = asyncio.create_task(server.stop(grace=FOREVER))
        await asyncio.sleep(0)
        server.listener.abort()
        await asyncio.wait_for(stopping, 5)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == [Outcome.DRAINED]


async def test_it_may_be_stopped_twice_and_before_it_started(serve: Serve) -> None:
    server = await serve(hello)
    await server.stop()
    await server.stop()
    await Listener(service(hello)).stop()
