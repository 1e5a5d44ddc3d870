"""`serve` in a loop that runs other things too."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from serving.conftest import LIMIT
from streamserver import EventStream, Request, Response, Router, Settings, serve
from streamserver.server.listener import Listener
from support.leaks import no_leaks
from support.rawsocket import RawClient, connect
from support.relaying import LAST_CHUNK
from support.requests import get, post
from support.waiting import wait_until


async def ask(port: int, path: bytes = b"/") -> bytes:
    """The whole response."""
    async with connect(port) as client:
        await client.send(get(path, b"Connection: close"))
        return await client.read_until(timeout=LIMIT)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def text(said: str) -> Router:
    """An app that answers with a text, and an endless stream of events at ``/events``."""
    app = Router()

    @app.get("/")
    async def hello(request: Request) -> Response:
        return Response(said)

    @app.get("/events")
    async def events(request: Request) -> Response:
        async def ticks() -> AsyncIterator[str]:
            while True:
                yield "tick"
                await asyncio.sleep(0.01)

        return EventStream(ticks())

    return app


async def follow(clients: AsyncExitStack, server: Listener) -> RawClient:
    """A client of the endless stream, which outlives the server."""
    client = await clients.enter_async_context(connect(port_of(server.url)))
    await client.send(get(b"/events"))
    await client.read_until(b"data: tick", timeout=LIMIT)
    return client


async def test_two_servers_in_one_loop() -> None:
    async with no_leaks(), serve(text("a"), port=0) as a, serve(text("b"), port=0) as b:
        assert a.url != b.url
        assert (await ask(port_of(a.url))).endswith(b"\r\n\r\na")
        assert (await ask(port_of(b.url))).endswith(b"\r\n\r\nb")


async def test_an_open_stream_ends_cleanly_before_the_app_is_closed() -> None:
    app, order = text("a"), []

    async def close() -> None:
        order.append("closed")

    app.on_stop.append(close)
    async with no_leaks(), AsyncExitStack() as clients:
        async with serve(app, port=0) as server:
            client = await follow(clients, server)
        assert order == ["closed"]
        assert (await client.read_until(timeout=LIMIT)).endswith(LAST_CHUNK)
        with pytest.raises(ConnectionRefusedError):
            await ask(port_of(server.url))


async def test_an_exception_in_the_body_is_raised_after_the_drain() -> None:
    async with no_leaks(), AsyncExitStack() as clients:

        async def failing() -> None:
            async with serve(text("a"), port=0) as server:
                client.append(await follow(clients, server))
                raise KeyError("mine")

        client: list[RawClient] = []
        with pytest.raises(KeyError, match="mine"):
            await failing()
        assert (await client[0].read_until(timeout=LIMIT)).endswith(LAST_CHUNK)


async def stubborn(request: Request) -> Response:
    """An endless body, which cannot end cleanly."""

    async def pieces() -> AsyncIterator[str]:
        yield "data: tick"
        await asyncio.sleep(300)

    return Response(pieces())


async def test_a_stream_that_cannot_end_is_cut_after_the_grace_period() -> None:
    async with no_leaks(), AsyncExitStack() as clients:
        async with serve(stubborn, port=0, grace=0.05) as server:
            client = await follow(clients, server)
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)


async def test_a_cancellation_while_it_drains_cuts() -> None:
    async with no_leaks(), AsyncExitStack() as clients:
        started: asyncio.Future[Listener] = asyncio.get_running_loop().create_future()

        async def serving() -> None:
            async with serve(stubborn, port=0, grace=300) as server:
                started.set_result(server)
                await asyncio.Event().wait()

        task = asyncio.create_task(serving())
        client = await follow(clients, await started)
        task.cancel()  # drains, as asyncio.run does at the first Ctrl-C
        await wait_until(lambda: refuses(port_of(started.result().url)), LIMIT)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)


def refuses(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


async def test_abort_cuts_at_once() -> None:
    async with no_leaks(), AsyncExitStack() as clients, serve(text("a"), port=0) as server:
        client = await follow(clients, server)
        server.abort()
        with pytest.raises(ConnectionResetError):
            await client.read_until(timeout=LIMIT)


async def test_a_port_in_use_is_an_os_error() -> None:
    async with serve(text("a"), port=0) as server:
        port = port_of(server.url)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1, port {port}: Address "):
            async with serve(text("b"), port=port):
                pass
        assert (await ask(port)).endswith(b"a")


async def test_settings_and_single_fields() -> None:
    async def size(request: Request) -> Response:
        return Response(str(len(await request.body())))

    given = Settings(max_body=3)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(size, port=0, settings=given, max_body=4))
        client = await stack.enter_async_context(connect(port_of(server.url)))
        await client.send(post(b"four") + post(b"fives"))
        assert b"\r\n\r\n4" in await client.read_until(b"413", timeout=LIMIT)


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with serve(text("a"), uds=str(path)) as server:
        assert server.url == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, str(path))
            client = RawClient(sock)
            await client.send(get(b"/", b"Connection: close"))
            assert (await client.read_until(timeout=LIMIT)).endswith(b"a")
    assert not path.exists()


async def test_an_argument_that_is_not_allowed() -> None:
    with pytest.raises(TypeError, match="Settings called 'workers'"):
        async with serve(text("a"), workers=2):
            pass
