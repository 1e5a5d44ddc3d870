"""A client that leaves ends its request to the upstream, in every phase."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from streamserver.proxy.settings import PoolLimits, Timeouts
from streamserver.server.phase import Outcome
from support.kernel import unread
from support.loops import Run
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, chunk, ok
from support.requests import GET, chunked, get, post
from support.stage import Stage, staged
from support.upstreams import TURNS, full_backlog, send_until_blocked
from support.waiting import wait_until, within

WITHIN = 0.2
PATIENT = Timeouts(connect=0, first_byte=0, gap=0)
"""No deadline of the relay ends anything here."""
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
LEAVING: dict[str, Callable[[RawClient], object]] = {"FIN": RawClient.end, "RST": RawClient.reset}
leaving = pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)


# --- the phases: each function drives an exchange there, and returns the upstream's connection --


async def handshaking(at: Stage, client: RawClient) -> RawClient:
    await client.send(GET)
    peer = await at.upstream.accept()
    await peer.read_until(b"\x16\x03\x01")  # a TLS record with the beginning of a handshake
    return peer


async def waiting_for_the_head(at: Stage, client: RawClient) -> RawClient:
    await client.send(GET)
    return await at.upstream.asked()


async def after_an_interim_head(at: Stage, client: RawClient) -> RawClient:
    peer = await waiting_for_the_head(at, client)
    await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    await client.read_until(b"\r\n\r\n")
    return peer


async def waiting_for_the_head_again(at: Stage, client: RawClient) -> RawClient:
    """On a new connection, because the pooled one was stale."""
    first = await waiting_for_the_head(at, client)
    await first.send(ok(b"first"))
    await client.read_until(b"first")
    await client.send(GET)
    await first.read_until(lambda received: received.count(b"\r\n\r\n") == 2)
    first.sock.close()
    return await at.upstream.asked()


async def silent_behind_the_head(at: Stage, client: RawClient) -> RawClient:
    peer = await waiting_for_the_head(at, client)
    await peer.send(CHUNKED_HEAD)
    await client.read_until(b"\r\n\r\n")
    return peer


async def streaming(at: Stage, client: RawClient) -> RawClient:
    peer = await silent_behind_the_head(at, client)
    await peer.send(chunk(b"piece"))
    await client.read_until(b"piece")
    return peer


async def blocked_by_the_client(at: Stage, client: RawClient) -> RawClient:
    peer = await waiting_for_the_head(at, client)
    await peer.send(ENDLESS)
    await send_until_blocked(peer)
    assert at.begun[-1].desired_size <= 0
    return peer


async def uploading(at: Stage, client: RawClient) -> RawClient:
    await client.send(chunked(b"piece", end=b""))
    peer = await at.upstream.asked()
    await peer.read_until(b"piece")
    return peer


async def uploading_behind_an_early_answer(at: Stage, client: RawClient) -> RawClient:
    peer = await uploading(at, client)
    await peer.send(CHUNKED_HEAD + chunk(b"early"))
    await client.read_until(b"early")
    return peer


async def uploading_to_an_upstream_that_takes_nothing(at: Stage, client: RawClient) -> RawClient:
    """All that the client has sent is in the kernel of the relay, so its FIN can follow."""
    at.upstream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    await client.send(post(b"", length=10**9))
    peer = await at.upstream.asked()
    relay = at.begun[-1].connection.transport.get_extra_info("socket").fileno()
    turns = 0
    while turns < TURNS:
        turns = turns + 1 if unread(relay) else 0
        if not turns:
            await client.send(bytes(32768))
        await asyncio.sleep(0.001 if turns else 0)
    return peer


PHASES: list[Callable[[Stage, RawClient], Awaitable[RawClient]]] = [
    *(handshaking, waiting_for_the_head, after_an_interim_head, waiting_for_the_head_again),
    *(silent_behind_the_head, streaming, blocked_by_the_client),
    *(uploading, uploading_behind_an_early_answer, uploading_to_an_upstream_that_takes_nothing),
]


@leaving
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_the_upstream_sees_its_connection_end(
    run: Run,
    phase: Callable[[Stage, RawClient], Awaitable[RawClient]],
    leave: Callable[[RawClient], object],
) -> None:
    scheme = "https" if phase is handshaking else "http"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with (
            staged(scheme, timeouts=PATIENT, tls=tls, max_body=None) as at,
            connect(at.server.port, receive_buffer=4096) as client,
        ):
            peer = await phase(at, client)
            count = len(at.server.ended)
            leave(client)
            await within(WITHIN, until_end(peer))
            assert [each.outcome for each in at.server.ended[count:]] == [Outcome.CLIENT_GONE]

    run(main)


# --- phases that no connection to the upstream shows --------------------------------------------


async def leaves(at: Stage, client: RawClient, leave: Callable[[RawClient], object]) -> None:
    """Let the client leave; its exchange and its task end in time."""
    tasks = asyncio.all_tasks()
    leave(client)

    async def is_over() -> None:
        await wait_until(lambda: at.server.ended and len(asyncio.all_tasks() & tasks) < len(tasks))

    await within(WITHIN, is_over())
    assert [each.outcome for each in at.server.ended] == [Outcome.CLIENT_GONE]


@leaving
def test_a_connection_that_nobody_accepts_is_given_up(
    run: Run, leave: Callable[[RawClient], object]
) -> None:
    """The end of the stage checks that its socket is closed too."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        with full_backlog() as port:
            async with staged(port=port, timeouts=PATIENT) as at:
                await leaves(at, await at.begin(GET), leave)

    run(main)


@leaving
async def test_a_name_that_is_being_looked_up_is_given_up(
    monkeypatch: pytest.MonkeyPatch, leave: Callable[[RawClient], object]
) -> None:
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def look_up(host: str, *_: object, **__: object) -> object:
        asked.append(host)
        return await loop.create_future()

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    async with staged(host="upstream.test", timeouts=PATIENT) as at:
        await leaves(at, await at.begin(GET), leave)
    assert asked == ["upstream.test"]


@leaving
def test_a_place_in_the_queue_is_given_up(run: Run, leave: Callable[[RawClient], object]) -> None:
    """The upstream does not receive it, and the requests behind it keep their places."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged(timeouts=PATIENT, pool=PoolLimits(open=1, waiting=2, wait=60)) as at:
            first, peer = await at.ask(b"/first")
            second, third = await at.begin(get(b"/second")), await at.begin(get(b"/third"))
            await leaves(at, second, leave)
            await peer.send(ok(b"1"))
            await first.read_until(b"1")
            await peer.read_until(b"/third ")
            await peer.send(ok(b"3"))
            assert (await third.read_until(b"3")).endswith(b"3")
            assert b"/second" not in peer.received

    run(main)
