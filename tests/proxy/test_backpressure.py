"""Who is slow slows down whoever is at the other end of the relay, and nothing is lost."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from support.hearing import hear_request, hear_response, is_over
from support.kernel import in_kernel
from support.lane import Lane, lane
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, chunk, ok
from support.requests import GET, chunked, post
from support.waiting import wait_until

MIB = 1 << 20
LARGE = bytes(range(251)) * (24 * MIB // 251)
"""More than the kernel takes in for five sockets, and no two buffers of it are alike."""

ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40)
PIECE = bytes(64 * 1024)


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def road(request: pytest.FixtureRequest) -> Iterator[Lane]:
    with lane(request.param) as each:
        yield each


async def stuff(connection: RawClient, piece: bytes = PIECE) -> int:
    """Send until nothing more is taken for a while, and return how much was: 128 MiB at most."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    taken, idle = 0, 0
    while idle < 20 and taken < 128 * MIB:
        try:
            taken += connection.sock.send(piece)
            idle = 0
        except BlockingIOError:
            idle += 1
        await asyncio.sleep(0.01 if idle else 0)
    print('SENT', taken/MIB)
    return taken


async def held_by_the_relay(lane: Lane, sent: int) -> int:
    """How much of what was sent, and not read, is in no socket of the kernel."""
    ports = lane.server.port, lane.upstream.port
    least = sent
    for _ in range(10):  # acknowledgements may be late, and what they are for counts twice
        least = min(least, sent - in_kernel(*ports))
        await asyncio.sleep(0.01)
    return least


def test_an_endless_answer_to_a_frozen_client_takes_less_than_a_mebibyte(road: Lane) -> None:
    async def exchange() -> None:
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(GET)
            peer = await road.upstream.asked()
            await peer.send(ENDLESS)
            await client.read_until(b"\r\n\r\n")
            sent = await stuff(peer)
            assert 0 <= await held_by_the_relay(road, sent) < MIB
            client.reset()
            await is_over(peer)

    road.run(exchange())


def test_an_endless_upload_to_a_frozen_upstream_takes_less_than_a_mebibyte(road: Lane) -> None:
    async def exchange() -> None:
        async with connect(road.server.port) as client:
            await client.send(post(b"", length=1 << 40))
            peer = await road.upstream.asked()
            sent = await stuff(client)
            assert 0 <= await held_by_the_relay(road, sent) < MIB
            peer.reset()
            assert b" 502 " in await is_over(client)

    road.run(exchange())


async def stands_still(sending: "asyncio.Future[None]", road: Lane) -> None:
    """Wait until what the kernel holds changes no more, while not all is sent."""
    before, same = -1, 0
    while same < 5:
        held = in_kernel(road.server.port, road.upstream.port)
        same, before = (same + 1 if held == before else 0), held
        await asyncio.sleep(0.02)
    assert not sending.done()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(LARGE), id="length"),
        pytest.param(CHUNKED_HEAD + chunk(LARGE) + LAST_CHUNK, id="chunked"),
    ],
)
def test_a_client_that_wakes_up_gets_all(road: Lane, answer: bytes) -> None:
    """After each of the times that it slept."""

    async def exchange() -> None:
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(GET)
            peer = await road.upstream.asked()
            sending = asyncio.ensure_future(peer.send(answer))
            for _ in range(3):
                await stands_still(sending, road)
                enough = len(client.received) + MIB
                await client.read_until(lambda got, enough=enough: len(got) > enough)
            assert (await hear_response(client)).content == LARGE
            await sending

    road.run(exchange())


@pytest.mark.parametrize(
    "request_", [pytest.param(post(LARGE), id="length"), pytest.param(chunked(LARGE), id="chunked")]
)
def test_an_upstream_that_wakes_up_gets_all(road: Lane, request_: bytes) -> None:
    async def exchange() -> None:
        async with connect(road.server.port) as client:
            sending = asyncio.ensure_future(client.send(request_))
            peer = await road.upstream.accept()
            for _ in range(3):
                await stands_still(sending, road)
                enough = len(peer.received) + MIB
                await peer.read_until(lambda got, enough=enough: len(got) > enough)
            assert (await hear_request(peer)).content == LARGE
            await sending
            await peer.send(ok(b"thanks"))
            await client.read_until(b"thanks")

    road.run(exchange())


async def echo(peer: RawClient) -> None:
    """Send back what comes, and read no more while that is not taken."""
    loop = asyncio.get_running_loop()
    left = len(LARGE)
    while left:
        part = await loop.sock_recv(peer.sock, 65536)
        left -= len(part)
        await peer.send(part)


def test_both_directions_wait_at_once_and_go_on_at_once(road: Lane) -> None:
    """An upstream that answers with what it is sent, and a client that does not read yet."""

    async def exchange() -> None:
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(post(b"", length=len(LARGE)))
            peer = await road.upstream.asked()
            await peer.send(ok(LARGE)[: -len(LARGE)])
            echoing = asyncio.ensure_future(echo(peer))
            sending = asyncio.ensure_future(client.send(LARGE))
            await stands_still(sending, road)
            assert not echoing.done()
            assert (await hear_response(client)).content == LARGE
            await asyncio.gather(sending, echoing)

    road.run(exchange())


Leave = Callable[[RawClient], None]


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset])
def test_a_frozen_client_that_leaves_takes_the_upstream_with_it(road: Lane, leave: Leave) -> None:
    async def exchange() -> None:
        ended = len(road.server.ended)
        async with connect(road.server.port, receive_buffer=65536) as client:
            await client.send(GET)
            peer = await road.upstream.asked()
            await peer.send(ENDLESS)
            await stuff(peer)
            leave(client)
            await is_over(peer)
            await wait_until(lambda: len(road.server.ended) > ended)
        assert road.server.ended[-1].outcome == "client_gone"

    road.run(exchange())
