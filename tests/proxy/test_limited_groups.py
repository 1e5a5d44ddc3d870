"""Limits of several upstreams, and limits that several workers share."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from streamserver.kit import slots
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.limited import LimitedGroup
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.settings import Backoff, PoolLimits, QueueLimits
from support.holding import Holding, holding
from support.inprocess import Served, running
from support.problems import problem
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import LAST_CHUNK, ok
from support.replicas import Replicas, replicas, serve
from support.requests import get
from support.waiting import wait_until

LONG = Backoff(first=60, longest=60)


async def waiting(at: Replicas, count: int) -> None:
    """Return once so many requests wait."""
    group = at.group
    assert isinstance(group, LimitedGroup)
    await wait_until(lambda: len(group.queue) == count)


async def test_each_upstream_has_its_limit_and_one_queue_is_for_all() -> None:
    async with replicas(max_streams=1) as at:
        first, second = [await at.begin(get(b"/%d" % number)) for number in range(2)]
        peers = dict([await at.asked(), await at.asked()])
        assert at.open == [1, 1]
        third = await at.begin(get(b"/2"))
        await waiting(at, 1)
        await serve(peers[1], b"done")  # whichever ends first has room
        number, peer = await at.asked()
        assert number == 1
        await serve(peer, b"third")
        await third.read_until(b"third")
        await serve(peers[0], b"done")
        for client in (first, second):
            await client.read_until(b"done")
        assert at.open == [0, 0]


async def test_a_request_waits_for_a_healthy_upstream_and_is_not_sent_to_an_excluded_one() -> None:
    async with replicas(max_streams=1, backoff=LONG) as at:
        await at.begin(get(b"/held"))
        number, held = await at.asked()
        busy, free = at.servers[number], at.servers[1 - number]
        free.sock.close()
        client = await at.begin(get(b"/next"))  # it is refused there, which excludes it
        await waiting(at, 1)
        other = await at.begin(get(b"/other"))
        await waiting(at, 2)
        await serve(held, b"done")
        for each, name in ((client, b"/next"), (other, b"/other")):
            peer = await busy.asked()
            assert peer.received.startswith(b"GET %b " % name)
            await serve(peer, b"served")
            await each.read_until(b"served")


async def test_an_upstream_that_is_available_again_gets_the_requests_that_wait() -> None:
    """Also if no stream ends: its exclusion does."""
    async with replicas(max_streams=1, backoff=Backoff(first=0.1, longest=0.1)) as at:
        _, free = await at.occupy()
        port = free.port
        free.sock.close()
        client = await at.begin(get(b"/next"))
        await waiting(at, 1)
        with contextlib.ExitStack() as accepted, socket.create_server(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            peer = await RawServer(sock, accepted).asked()
            await peer.send(ok(b"served"))
            await client.read_until(b"served")


async def test_a_failure_while_it_waits_costs_no_request() -> None:
    """The only other upstream is down, and is tried by the request whenever its exclusion ends."""
    async with replicas(max_streams=1, backoff=Backoff(first=0.02, longest=0.02)) as at:
        await at.begin(get(b"/held"))
        number, held = await at.asked()
        at.servers[1 - number].sock.close()
        dead = at.group.replicas[1 - number]
        client = await at.begin(get(b"/next"))
        await wait_until(lambda: dead.failures > 3)
        await serve(held, b"done")
        await serve(await at.servers[number].asked(), b"served")
        await client.read_until(b"served")


async def test_failures_while_it_waits_do_not_lengthen_the_wait() -> None:
    limits = QueueLimits(5, 0.1)
    async with replicas(max_streams=1, backoff=Backoff(0.02, 0.02), queue=limits) as at:
        await at.begin(get(b"/held"))
        number, _ = await at.asked()
        at.servers[1 - number].sock.close()
        status, _ = await problem(await at.begin(get(b"/next")))
        assert status in (502, 503)
        dead = at.group.replicas[1 - number]
        assert dead.failures > 1


async def test_the_wait_ends_while_every_upstream_is_full() -> None:
    async with replicas(max_streams=1, queue=QueueLimits(5, 0.05)) as at:
        for _ in range(2):
            await at.begin(get(b"/"))
            await at.asked()
        client = await at.begin(get(b"/late"))
        assert await problem(client) == (503, "the upstream had no room within 0.05 s")


# Workers


@contextlib.asynccontextmanager
async def workers(upstream: Holding, count: int, max_streams: int) -> AsyncIterator[Served]:
    """As many relays as workers have, each with locks of its own; a field of the request selects
    one. (In a server, each has its own listener.)"""
    queue, pool = QueueLimits(wait=60), PoolLimits(idle=2)
    relays = [
        Proxy(upstream.url, max_streams=max_streams, queue=queue, pool=pool) for _ in range(count)
    ]

    async def relay(request: Request) -> Response:
        return await relays[int(request.headers["worker"])](request)

    async with running(relay) as server:
        yield server


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a supervisor gives to its workers."""
    with slots.shared_file() as descriptors:
        monkeypatch.setattr(slots, "_inherited", [*descriptors])
        yield


async def ask(server: Served, worker: int, seconds: float, leaves_after: float = 0.0) -> None:
    async with connect(server.port) as client:
        await client.send(get(b"/%.3f" % seconds, b"Worker: %d" % worker))
        if leaves_after:
            with contextlib.suppress(TimeoutError):
                await client.read_until(LAST_CHUNK, leaves_after)
            return client.reset()
        await client.read_until(LAST_CHUNK)


@pytest.mark.usefixtures("shared")
async def test_all_workers_together_send_no_more_than_the_limit() -> None:
    """Streams end and clients leave at random; no other client gets an error."""
    choices = random.Random(7)
    async with holding() as upstream, workers(upstream, 2, 4) as server:
        await asyncio.gather(
            *(
                ask(
                    server,
                    choices.randrange(2),
                    choices.uniform(0.001, 0.02),
                    choices.choice((0, 0, 0, 0.015)),
                )
                for _ in range(120)
            )
        )
        await wait_until(lambda: not upstream.open)
        assert upstream.most == 4
        assert upstream.total >= 80


@pytest.mark.usefixtures("shared")
async def test_a_busy_worker_leaves_slots_to_another_one() -> None:
    async with holding() as upstream, workers(upstream, 2, 1) as server:
        many = [asyncio.create_task(ask(server, 0, 0.001)) for _ in range(100)]
        await wait_until(lambda: upstream.total > 2)
        await ask(server, 1, 0.001)
        assert not all(task.done() for task in many)
        for task in many:
            task.cancel()
        await asyncio.wait(many)
