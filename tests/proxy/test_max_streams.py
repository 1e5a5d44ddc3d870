"""Upstreams with a limit of streams, and the requests that wait."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import PoolLimits, QueueLimits, Timeouts
from support.loops import Run
from support.problems import problem
from support.rawsocket import RawClient, connect
from support.relaying import CHUNKED_HEAD, chunk, ok
from support.requests import get, post
from support.stage import Stage, staged
from support.upstreams import has_caller, refusing_port
from support.waiting import wait_until

Ending = Callable[[RawClient, RawClient], Awaitable[object]]


NEW = PoolLimits(idle=0)
"""Each request has a connection of its own."""
ONE: dict[str, Any] = {"max_streams": 1, "pool": NEW}


async def served(at: Stage, client: RawClient, name: bytes) -> None:
    """The request with this target is the next one that the upstream gets, and it is answered."""
    peer = await at.upstream.asked()
    assert peer.received.startswith(b"GET %b " % name)
    await peer.send(ok(name))
    await client.read_until(b"\r\n\r\n" + name)


async def complete(client: RawClient, peer: RawClient) -> None:
    await peer.send(ok(b"whole"))


async def cut(client: RawClient, peer: RawClient) -> None:
    await peer.send(CHUNKED_HEAD + chunk(b"part"))
    await client.read_until(b"part")
    peer.reset()


async def malformed(client: RawClient, peer: RawClient) -> None:
    await peer.send(b"nonsense\r\n\r\n")


async def leaves_early(client: RawClient, peer: RawClient) -> None:
    client.reset()


async def leaves_late(client: RawClient, peer: RawClient) -> None:
    await peer.send(CHUNKED_HEAD + chunk(b"part"))
    await client.read_until(b"part")
    client.reset()


async def nothing(client: RawClient, peer: RawClient) -> None:
    """A deadline ends it."""


async def stalls(client: RawClient, peer: RawClient) -> None:
    await peer.send(CHUNKED_HEAD + chunk(b"part"))


ENDS: dict[str, tuple[Ending, dict[str, Any]]] = {
    "complete": (complete, {}),
    "cut": (cut, {}),
    "malformed": (malformed, {}),
    "the client leaves before the head": (leaves_early, {}),
    "the client leaves after the head": (leaves_late, {}),
    "late": (nothing, {"timeouts": Timeouts(first_byte=0.05)}),
    "stalled": (stalls, {"timeouts": Timeouts(gap=0.05)}),
}


@pytest.mark.usefixtures("steady_clock")
@pytest.mark.parametrize(("end", "options"), ENDS.values(), ids=ENDS)
async def test_every_end_of_a_stream_frees_one_slot(end: Ending, options: dict[str, Any]) -> None:
    async with staged(**ONE, **options) as at:
        first, peer = await at.ask(b"/1")
        second, third = [await at.begin(get(name)) for name in (b"/2", b"/3")]
        assert not has_caller(at.upstream)
        await end(first, peer)
        peer = await at.upstream.asked()
        assert not has_caller(at.upstream)
        await peer.send(ok(b"second"))
        await second.read_until(b"second")
        await served(at, third, b"/3")


async def test_a_connection_that_cannot_be_opened_frees_its_slot() -> None:
    with refusing_port() as port:
        async with staged(port=port, **ONE) as at:
            clients = [await at.begin(get(b"/")) for _ in range(3)]
            for client in clients:
                assert (await problem(client))[0] == 502


async def test_no_more_are_open_than_the_limit_says_and_their_connections_are_reused() -> None:
    async with staged(max_streams=2) as at:
        (first, peer), (second, other) = [await at.ask(name) for name in (b"/1", b"/2")]
        clients = [await at.begin(get(b"/%d" % number)) for number in range(3, 6)]
        for number, client in enumerate([second, *clients[:2]], 3):
            other.received = b""
            await other.send(ok(b"before %d" % number))
            await other.read_until(b"GET /%d " % number)
            await client.read_until(b"before %d" % number)
        assert not has_caller(at.upstream)
        await peer.send(ok(b"first"))
        await first.read_until(b"first")


async def test_the_pool_may_have_fewer_connections_than_the_upstream_streams() -> None:
    """Then requests that have got their place wait for a connection, in order."""
    async with staged(max_streams=3, pool=PoolLimits(open=1, wait=60)) as at:
        first, peer = await at.ask(b"/1")
        second, third = [await at.begin(get(name)) for name in (b"/2", b"/3")]
        for name, client in ((b"/1", first), (b"/2", second), (b"/3", third)):
            await peer.read_until(b"GET %b " % name)
            await peer.send(ok(name))
            await client.read_until(b"\r\n\r\n" + name)


async def test_a_slow_client_holds_no_stream_that_has_ended() -> None:
    body = bytes(1 << 20)
    async with staged(max_streams=1, pool=NEW) as at:
        _, peer = await at.ask(b"/1")  # it reads nothing
        second = await at.begin(get(b"/2"))
        sending = asyncio.create_task(peer.send(ok(body[: 1 << 16])))
        await served(at, second, b"/2")
        await sending


FULL = "too many requests wait for the upstream"


@pytest.mark.parametrize("waiting", [0, 2])
async def test_no_more_wait_than_the_limit_says(waiting: int) -> None:
    async with staged(**ONE, queue=QueueLimits(waiting, 60)) as at:
        first, peer = await at.ask(b"/0")
        names = [b"/%d" % number for number in range(1, waiting + 1)]
        clients = [await at.begin(get(name)) for name in names]
        assert await problem(await at.begin(get(b"/more"))) == (503, FULL)
        await peer.send(ok(b"first"))
        await first.read_until(b"first")
        for client, name in zip(clients, names, strict=True):
            await served(at, client, name)


async def test_the_wait_has_an_end() -> None:
    async with staged(**ONE, queue=QueueLimits(1, 0.05)) as at:
        first, peer = await at.ask(b"/1")
        for _ in range(2):
            late = await at.begin(get(b"/late"))
            assert await problem(late) == (503, "the upstream had no room within 0.05 s")
        await peer.send(ok(b"first"))
        await first.read_until(b"first")
        await served(at, await at.begin(get(b"/next")), b"/next")


async def test_the_only_upstream_gets_requests_also_after_failures() -> None:
    """A 429 of one client does not exclude the upstream for others."""
    answers = (
        b"HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
    )
    async with staged(**ONE) as at:
        for count, answer in enumerate((*answers, *answers), 1):
            _, peer = await at.ask()
            await peer.send(answer)
            await at.has_ended(count)
        await served(at, await at.begin(get(b"/next")), b"/next")


@pytest.mark.usefixtures("steady_clock")
async def test_the_deadline_of_an_exchange_includes_the_wait() -> None:
    async with staged(**ONE, timeouts=Timeouts(total=0.05)) as at:
        await at.ask(b"/1")
        second = await at.begin(get(b"/2"))
        assert await problem(second) == (504, "the upstream took too long")


async def test_clients_get_streams_in_rotation() -> None:
    """One with many requests delays another one by a single request."""
    async with staged(**ONE) as at:
        first, peer = await at.ask(b"/0")
        clients = [await at.begin(get(b"/many/%d" % number)) for number in range(3)]
        other = await at.clients.enter_async_context(connect(at.server.port, source="127.0.0.9"))
        await other.send(get(b"/other"))
        await wait_until(lambda: len(at.begun) == 5)
        await peer.send(ok(b"first"))
        await first.read_until(b"first")
        order = [*zip(clients, (b"/many/0", b"/many/1", b"/many/2"), strict=True)]
        for client, name in [order[0], (other, b"/other"), *order[1:]]:
            await served(at, client, name)


async def test_a_client_that_sends_its_body_slowly_takes_no_slot() -> None:
    async with staged(**ONE) as at:
        slow = await at.begin(post(b"slow")[:-1])
        client = await at.begin(get(b"/next"))
        await served(at, client, b"/next")
        await slow.send(b"w")
        peer = await at.upstream.asked()
        await peer.read_until(b"\r\n\r\nslow")
        await peer.send(ok(b"done"))
        await slow.read_until(b"done")


LEAVING: dict[str, Callable[[RawClient], object]] = {"FIN": RawClient.end, "RST": RawClient.reset}
ANSWERS: dict[str, Callable[[RawClient], object]] = {
    "answer": lambda peer: peer.sock.send(ok(b"first")),
    "close": lambda peer: peer.sock.shutdown(socket.SHUT_RDWR),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
@pytest.mark.parametrize("answers_first", [True, False])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_slot_is_not_lost_if_its_client_leaves_in_the_same_iteration(
    run: Run,
    leave: Callable[[RawClient], object],
    answer: Callable[[RawClient], object],
    answers_first: bool,
) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async with staged(**ONE) as at:
            _, peer = await at.ask(b"/1")
            second = await at.begin(post(b"", target=b"/2"))
            third = await at.begin(get(b"/3"))
            if answers_first:
                answer(peer)
            leave(second)
            if not answers_first:
                answer(peer)
            await at.has_ended(2)
            next_peer = await at.upstream.asked()
            if next_peer.received.startswith(b"POST"):  # it was sent just before the end
                next_peer = await at.upstream.asked()
            await next_peer.send(ok(b"third"))
            await third.read_until(b"third")

    run(main)


@pytest.mark.parametrize("streams", [-1, 1.5, "8"])
def test_the_limit_is_a_whole_number(streams: Any) -> None:
    with pytest.raises(ValueError, match="max_streams is a whole number"):
        Proxy("http://127.0.0.1:9", max_streams=streams)
