"""Requests that wait for a connection while all that may be open are in use."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

from streamserver.proxy.settings import PoolLimits
from support.loops import Run
from support.problems import problem
from support.rawsocket import RawClient, until_end
from support.relaying import ok
from support.requests import get, post
from support.stage import Stage, staged
from support.upstreams import has_caller
from support.waiting import wait_until

ONE = PoolLimits(open=1, wait=60, idle_timeout=60)
"""A single connection; requests wait for it longer than a test may take."""


async def served(client: RawClient, peer: RawClient, name: bytes) -> None:
    """The request with this target is received next, and is answered with it."""
    await peer.read_until(b" %b HTTP/1.1\r\n" % name)
    await peer.send(ok(name))
    await client.read_until(b"\r\n\r\n" + name)
    peer.received = b""


async def test_no_more_are_open_than_the_limit_says() -> None:
    async with staged(pool=PoolLimits(open=2, wait=60)) as at:
        (first, peer), (second, other) = [await at.ask(name) for name in (b"/1", b"/2")]
        third = await at.begin(get(b"/3"))
        await served(second, other, b"/2")
        await served(third, other, b"/3")
        await served(first, peer, b"/1")
        assert not has_caller(at.upstream)


async def test_waiting_requests_are_served_in_order() -> None:
    names = [b"/%d" % number for number in range(6)]
    async with staged(pool=ONE) as at:
        first, peer = await at.ask(names[0])
        clients = [first, *[await at.begin(get(name)) for name in names[1:]]]
        for client, name in zip(clients, names, strict=True):
            await served(client, peer, name)
            assert b" /" not in peer.received
    assert [exchange.target.encode() for exchange in at.server.ended] == names


async def test_a_connection_that_closes_makes_room() -> None:
    async with staged(pool=ONE) as at:
        first, peer = await at.ask(b"/1")
        second = await at.begin(get(b"/2"))
        assert not has_caller(at.upstream)
        await peer.send(ok(b"1", b"Connection: close"))
        await until_end(peer)
        await served(second, await at.upstream.asked(), b"/2")
        assert first.received == b""


async def test_a_connection_that_could_not_be_opened_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [asyncio.get_running_loop().create_future() for _ in range(2)]
    left = iter(answers)

    async def look_up(*_: object, **__: object) -> object:
        return await next(left)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    async with staged(host="upstream.test", pool=ONE) as at:
        clients = [await at.begin(get(name)) for name in (b"/1", b"/2")]
        for answer, client in zip(answers, clients, strict=True):
            answer.set_exception(OSError("no such name"))
            assert (await problem(client))[0] == 502


async def test_the_wait_has_an_end() -> None:
    async with staged(pool=PoolLimits(open=1, wait=0.05)) as at:
        first, peer = await at.ask(b"/1")
        second = await at.begin(get(b"/2"))
        assert await problem(second) == (503, "all connections to the upstream are in use")
        await served(first, peer, b"/1")
        await second.send(get(b"/3"))
        await served(second, peer, b"/3")


@pytest.mark.parametrize("waiting", [0, 2])
async def test_no_more_wait_than_the_limit_says(waiting: int) -> None:
    async with staged(pool=PoolLimits(open=1, waiting=waiting, wait=60)) as at:
        names = [b"/%d" % number for number in range(waiting + 1)]
        first, peer = await at.ask(names[0])
        clients = [first, *[await at.begin(get(name)) for name in names[1:]]]
        refused = await at.begin(get(b"/more"))
        assert await problem(refused) == (503, "too many requests wait for the upstream")
        for client, name in zip(clients, names, strict=True):
            await served(client, peer, name)


async def test_a_connection_that_ends_with_its_response_makes_room_for_one() -> None:
    async with staged(pool=ONE) as at:
        _, peer = await at.ask(b"/1")
        clients = [await at.begin(get(name)) for name in (b"/2", b"/3")]
        peer.sock.send(ok(b"1"))
        peer.end()
        await at.has_ended(1)
        again = await at.upstream.asked()
        await until_end(peer)
        await again.send(ok(b"/2"))
        await clients[0].read_until(b"/2")
        await served(clients[1], again, b"/3")
        assert not has_caller(at.upstream)


LEAVING: dict[str, Callable[[RawClient], object]] = {"FIN": RawClient.end, "RST": RawClient.reset}
leaving = pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)


@leaving
async def test_a_client_that_leaves_the_queue_makes_room_in_it(
    leave: Callable[[RawClient], object],
) -> None:
    async with staged(pool=PoolLimits(open=1, waiting=1, wait=60)) as at:
        first, peer = await at.ask(b"/1")
        for count in range(3):
            leave(await at.begin(get(b"/gone")))
            await at.has_ended(count + 1)
        last = await at.begin(get(b"/last"))
        await served(first, peer, b"/1")
        await served(last, peer, b"/last")


async def test_a_request_that_waited_too_long_makes_room_in_the_queue() -> None:
    async with staged(pool=PoolLimits(open=1, waiting=1, wait=0.05)) as at:
        await at.ask()
        for _ in range(3):
            late = await at.begin(get(b"/late"))
            assert await problem(late) == (503, "all connections to the upstream are in use")


def peer_answers(peer: RawClient) -> None:
    peer.sock.send(ok(b"first"))


def peer_answers_and_goes(peer: RawClient) -> None:
    peer.sock.send(ok(b"first"))
    peer.end()


def peer_goes(peer: RawClient) -> None:
    peer.sock.shutdown(socket.SHUT_RDWR)


@leaving
@pytest.mark.parametrize("answers_first", [True, False])
@pytest.mark.parametrize("answer", [peer_answers, peer_answers_and_goes, peer_goes])
def test_a_place_is_not_lost_if_its_client_leaves_in_the_same_iteration(
    run: Run,
    leave: Callable[[RawClient], object],
    answer: Callable[[RawClient], None],
    answers_first: bool,
) -> None:
    """Both in the same iteration of the event loop, in either order."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged(pool=ONE) as at:
            _, peer = await at.ask(b"/1")
            second = await at.begin(post(b"", target=b"/2"))
            if answers_first:
                answer(peer)
            leave(second)
            if not answers_first:
                answer(peer)
            await at.has_ended(2)
            await works(at, peer)

    run(main)


async def works(at: Stage, peer: RawClient) -> None:
    """A request is served, by the old connection or by a new one."""
    client = await at.begin(get(b"/next"))
    answering = [asyncio.create_task(answer(peer)), asyncio.create_task(answer_new(at))]
    await client.read_until(b"\r\n\r\nanswer")
    for task in answering:
        task.cancel()
    await asyncio.wait(answering)


async def answer(peer: RawClient) -> None:
    with contextlib.suppress(EOFError, ConnectionError):
        await peer.read_until(b"/next ")
        await peer.send(ok(b"answer"))


async def answer_new(at: Stage) -> None:
    while True:
        await answer(await at.upstream.accept())


@leaving
@pytest.mark.parametrize("turns", range(8))
def test_no_place_is_lost_if_a_client_leaves_while_the_relay_connects(
    run: Run, turns: int, leave: Callable[[RawClient], object]
) -> None:
    """That many iterations of the loop after the request: before, during and after connecting."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged(pool=ONE) as at:
            for _ in range(3):
                client = await at.client()
                client.sock.send(get(b"/gone"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                leave(client)
                await wait_until(lambda: not at.server.listener.connections)
            await works(at, await at.client())

    run(main)
