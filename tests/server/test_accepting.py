"""Accepting pauses when it must, resumes by itself, and counts what it has accepted."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.conftest import Contexts
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server import listener
from streamserver.server.accepting import BATCH
from streamserver.server.descriptors import Descriptors
from support.inprocess import Served, running
from support.limits import no_descriptor_left
from support.loops import Run, open_spares
from support.rawsocket import RawClient, connect, raw
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FOREVER = 60.0
CLIENTS = 100


async def hello(request: Request) -> Response:
    """Answer at once."""
    return Response(b"hello")


@contextlib.asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None, descriptors: Descriptors | None = None, **settings: Any
) -> AsyncIterator[Served]:
    """A server while inside; what it leaves behind is a failure."""
    await open_spares()
    async with running(hello, tls=tls, descriptors=descriptors, **settings) as server:
        yield server


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the server logged, without what the loop says of a busy machine."""
    return [entry.getMessage() for entry in caplog.records if entry.name == "streamserver"]


def test_out_of_descriptors_it_pauses_and_resumes(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The backlog keeps the clients; the kernel is asked a few times a second, and one line says
    why nobody is accepted."""
    caplog.set_level(logging.INFO)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving(descriptors=Descriptors(10_000, refusals=5)) as server:
            clients = [RawClient(socket.socket()) for _ in range(CLIENTS)]
            with no_descriptor_left():
                for client in clients:
                    client.sock.setblocking(False)
                    await loop.sock_connect(client.sock, ("127.0.0.1", server.port))
                    await client.send(GET)
                await wait_until(lambda: logged(caplog))
                used = time.process_time()
                await asyncio.sleep(0.3)
                assert time.process_time() - used < 0.15
                assert server.listener.connections == 0
                (line,) = logged(caplog)
                assert line.startswith("accepting connections is paused (Too many open files; ")
            for client in clients:
                assert (await client.read_until(b"hello")).startswith(b"HTTP/1.1 200 ")
                client.sock.close()
            await wait_until(lambda: len(logged(caplog)) == 2)
            assert "accepting connections has resumed after " in logged(caplog)[1]

    run(main)
    assert not [entry for entry in caplog.records if entry.exc_info]


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM]
)
async def test_whatever_the_kernel_says_is_logged_once(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By the budget, since no test can make the kernel say all of these."""
    descriptors = Descriptors(10, 5)
    for _ in range(3):
        descriptors.report(OSError(number, "?"), "accepting connections is paused")
    descriptors.report(OSError(number, "?"), "requests are answered with 503")
    assert len(logged(caplog)) == 2


def test_a_refused_client_that_has_left_is_no_error(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel resets the connection at the 503, so it can no longer be shut down."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with (
            serving(max_connections=1, linger=FOREVER) as server,
            connect(server.port) as first,
        ):
            await wait_until(lambda: server.listener.connections == 1)
            for _ in range(3):
                socket.create_connection(("127.0.0.1", server.port)).close()
            await wait_until(lambda: len(server.ended) == 3)
            first.sock.close()
            await wait_until(lambda: server.listener.connections == 0)

    run(main)
    assert not logged(caplog)
    assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]


def test_a_handshake_counts_and_has_a_deadline(run: Run, contexts: Contexts) -> None:
    """Two clients that never say hello take all the room, and lose it."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        limits: Any = {"max_connections": 2, "head_timeout": 0.5, "linger": 0.1}
        async with serving(tls=contexts.server, **limits) as server:
            async with connect(server.port) as one, connect(server.port) as other:
                await wait_until(lambda: server.listener.connections == 2)
                refusal = await ask(server.port, contexts.client)
                assert refusal.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nretry-after: 1\r\n" in refusal
                for client in (one, other):
                    assert await end_of(client) == b""
            await wait_until(lambda: server.listener.connections == 0)
            assert (await ask(server.port, contexts.client)).startswith(b"HTTP/1.1 200 ")

    run(main)


def test_a_stop_does_not_wait_long_for_handshakes(
    run: Run, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "LAST_REQUEST", 0.1)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with (
            serving(tls=contexts.server, head_timeout=FOREVER) as server,
            connect(server.port) as client,
        ):
            await wait_until(lambda: server.listener.connections == 1)
            await asyncio.wait_for(server.stop(grace=FOREVER), 5)
            assert server.listener.connections == 0
            assert await end_of(client) == b""

    run(main)


async def ask(port: int, context: ssl.SSLContext) -> bytes:
    """The answer over TLS, to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return await reader.read()
    finally:
        writer.close()


async def end_of(client: RawClient) -> bytes:
    """What comes until the server closes or resets the connection."""
    try:
        return await client.read_until()
    except ConnectionResetError:
        return client.received


def test_with_all_refusals_in_use_the_next_client_waits(run: Run) -> None:
    """It is neither reset nor forgotten: as soon as there is room for either, it is answered."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        budget = Descriptors(100, refusals=2)
        async with (
            serving(descriptors=budget, max_connections=1, linger=FOREVER) as server,
            connect(server.port) as first,
        ):
            await wait_until(lambda: server.listener.connections == 1)
            async with connect(server.port) as one, connect(server.port) as other:
                for client in (one, other):
                    await client.read_until(b"503")
                async with connect(server.port) as waiting, connect(server.port) as last:
                    await waiting.send(GET)
                    with pytest.raises(TimeoutError):
                        await waiting.read_until(timeout=0.05)
                    one.sock.close()
                    await waiting.read_until(b"HTTP/1.1 503 ")
                    await last.send(GET)
                    first.sock.close()
                    await last.read_until(b"HTTP/1.1 200 ")

    run(main)


def test_clients_leave_room_for_their_exchanges(run: Run) -> None:
    """A quarter of the budget is not for connections."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        descriptors = Descriptors(8, 5)
        async with serving(descriptors=descriptors) as server:
            for _ in range(3):
                clients = [connect(server.port) for _ in range(7)]
                answers = []
                for each in clients:
                    client = await each.__aenter__()
                    await client.send(GET)
                    answers.append((await client.read_until(b"\r\n\r\n"))[:12])
                assert answers == 6 * [b"HTTP/1.1 200"] + [b"HTTP/1.1 503"]
                for each in clients:
                    await each.__aexit__(None, None, None)
                await wait_until(lambda: server.listener.connections == 0)
                assert descriptors.in_use == 0

    run(main)


def test_more_clients_at_once_than_a_batch(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with serving() as server:
            asking = [raw(server.port, GET, until=b"hello", timeout=9) for _ in range(3 * BATCH)]
            answers = await asyncio.gather(*asking)
            assert {answer[:13] for answer in answers} == {b"HTTP/1.1 200 "}

    run(main)
