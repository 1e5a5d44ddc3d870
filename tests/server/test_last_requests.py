"""What a client has sent, or may still send, when its server begins to stop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from server.conftest import Contexts
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server import eager, state
from support.inprocess import Served, running
from support.loops import Run, open_spares
from support.rawsocket import RawClient, connect
from support.requests import GET, get
from support.waiting import wait_until

FOREVER = 60.0
LAST = b"\r\nconnection: close\r\n"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits a short time for a last request."""
    monkeypatch.setattr(state, "LAST_REQUEST", 0.05)


async def handler(request: Request) -> Response:
    """At once, or in two pieces with a wait between them."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"hel"
        await asyncio.sleep(0.05)
        yield b"lo"

    return Response(pieces() if request.path == "/pieces" else b"hello")


@contextlib.asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Served]:
    await open_spares()
    async with running(handler, **settings) as server:
        yield server


@contextlib.contextmanager
def blocking(port: int) -> Iterator[socket.socket]:
    """A client whose calls do not let the server run."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        yield sock


async def is_served_last(client: RawClient, server: Served) -> None:
    """Its request is answered, and then its connection and the server end."""
    received = await client.read_until()
    assert received.endswith(b"hello")
    assert received.count(LAST) == 1
    assert [exchange.outcome for exchange in server.ended[-1:]] == ["complete"]


def test_a_first_request_is_awaited(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as client:
            await wait_until(lambda: server.listener.connections)
            stopping = asyncio.create_task(server.stop(FOREVER))
            await wait_until(lambda: server.listener._server.draining)
            await client.send(GET[:9])
            await asyncio.sleep(0.01)
            await client.send(GET[9:])
            await is_served_last(client, server)
            await stopping

    run(main)


def test_a_first_request_is_not_awaited_for_long(run: Run, hasty: None) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as client:
            await wait_until(lambda: server.listener.connections)
            await asyncio.wait_for(server.stop(FOREVER), 5)
            assert await client.read_until() == b""

    run(main)


def test_a_connection_that_was_not_accepted_yet_is_served(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server:
            with blocking(server.port) as sock:
                stopping = asyncio.create_task(server.stop(FOREVER))
                sock.sendall(GET)
                await stopping
                assert sock.recv(4096).endswith(b"hello")

    run(main)


def test_a_tls_handshake_that_has_begun_is_completed(run: Run, contexts: Contexts) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving(tls=contexts.server) as server, connect(server.port) as client:
            await wait_until(lambda: server.listener.connections)
            stopping = asyncio.create_task(server.stop(FOREVER))
            await wait_until(lambda: server.listener._server.draining)
            reader, writer = await asyncio.open_connection(
                sock=client.sock, ssl=contexts.client, server_hostname="127.0.0.1"
            )
            writer.write(GET)
            assert (await reader.read()).endswith(b"hello")
            writer.close()
            await stopping

    run(main)


@pytest.mark.parametrize("target", [b"/", b"/pieces"])
def test_a_request_that_has_arrived_on_a_kept_connection_is_answered(
    run: Run, target: bytes
) -> None:
    """In the second case it arrives during a response that has announced to keep it."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as client:
            await client.send(get(target))
            await client.read_until(b"hello" if target == b"/" else b"hel")
            client.sock.send(GET)
            stopping = eager.start(server.listener.stop(FOREVER), loop)  # before it is read
            assert stopping is not None
            await is_served_last(client, server)
            assert len(server.ended) == 2
            await stopping

    run(main)


def test_an_idle_connection_is_closed_at_once(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as client:
            await client.send(GET)
            await client.read_until(b"hello")
            await asyncio.wait_for(server.stop(FOREVER), state.LAST_REQUEST / 2)
            assert LAST not in await client.read_until()

    run(main)


def test_with_a_successor_an_idle_connection_may_send_one_more_request(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as one, connect(server.port) as other:
            for client in (one, other):
                await client.send(GET)
                await client.read_until(b"hello")
            stopping = asyncio.create_task(server.listener.stop(FOREVER, has_successor=True))
            await wait_until(lambda: server.listener._server.draining)
            one.received = b""
            await one.send(GET)
            await is_served_last(one, server)
            assert server.listener.connections == 1
            server.listener.hurry()
            await asyncio.wait_for(stopping, state.LAST_REQUEST / 2)
            assert LAST not in await other.read_until()

    run(main)


def test_with_a_successor_an_idle_connection_is_not_kept_for_long(run: Run, hasty: None) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server, connect(server.port) as client:
            await client.send(GET)
            await client.read_until(b"hello")
            await asyncio.wait_for(server.listener.stop(FOREVER, has_successor=True), 5)
            assert LAST not in await client.read_until()

    run(main)
