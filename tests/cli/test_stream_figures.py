"""What `/metrics` of real processes says of streams and of those who read feeds."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from cli.conftest import HELLO, LIMIT, Hello
from cli.hello import FEED_HOLDS, GAP
from cli.scraping import counted, until_figure
from support.hearing import hear_response
from support.kernel import holder
from support.process import RunServer, ServerProcess, workers_of
from support.rawsocket import RawClient, connect
from support.requests import get, post

WORKERS = pytest.mark.parametrize("workers", [1, 2])
LITTLE = 65536
"""Bytes that a client takes before it stalls its server."""
BIG = b"x" * 4 * LITTLE


@contextlib.asynccontextmanager
async def clients(server: ServerProcess, count: int) -> AsyncIterator[list[list[RawClient]]]:
    """For each process that serves, so many connections to it, of which any is soon full."""
    pids = workers_of(server) or [server.process.pid]
    found: dict[int, list[RawClient]] = {pid: [] for pid in pids}
    async with contextlib.AsyncExitStack() as stack:
        while any(len(own) < count for own in found.values()):
            client = await stack.enter_async_context(connect(server.port, receive_buffer=LITTLE))
            await client.send(get(b"/health"))
            await hear_response(client, timeout=LIMIT)  # so that it has been accepted
            found[holder(client, pids)].append(client)
        yield [own[:count] for own in found.values()]


@WORKERS
async def test_first_bytes_gaps_and_durations_are_told_apart(
    run_server: RunServer, workers: int
) -> None:
    server = run_server("hello:routed", "--metrics", "--workers", str(workers), env=HELLO)
    async with clients(server, 1) as each:
        for [client] in each:
            await client.send(get(b"/pieces"))
            assert (await hear_response(client, timeout=LIMIT)).content == b"onetwothree"
    route = {"route": "/pieces"}
    await until_figure(server, workers, "stream_seconds_count", **route)
    await until_figure(server, workers, "first_byte_seconds_count", **route)
    await until_figure(server, 2 * workers, "gap_seconds_count", **route)
    await until_figure(server, workers, "exchanges_total", outcome="complete", **route)
    await until_figure(server, workers * len(b"onetwothree"), "sent_bytes_total", **route)
    assert await counted(server, "open_streams", **route) == 0
    first, gaps, whole = [
        await counted(server, f"{name}_seconds_sum", **route)
        for name in ("first_byte", "gap", "stream")
    ]
    assert 0 < first < first + gaps <= whole
    assert gaps > 2 * GAP * workers * 0.9  # the grain of two clocks
    assert await counted(server, "gap_seconds_bucket", le="0.025", **route) == 0
    assert await counted(server, "stream_seconds_bucket", le="0.01", **route) == 0


@WORKERS
async def test_readers_their_lag_and_their_gaps(hello: Hello, workers: int) -> None:
    server = hello("--metrics", "--workers", str(workers))
    async with clients(server, 3) as each:
        for count, (slow, publisher, late) in enumerate(each, 1):
            await slow.send(get(b"/feed"))
            await slow.read_until(b"id: ", LIMIT)
            stalls = await counted(server, "write_stalls_total")
            while await counted(server, "write_stalls_total") == stalls:
                await publish(publisher, BIG)
            for number in range(FEED_HOLDS):
                await publish(publisher, b"missed %d" % number)
            await slow.read_until(b"missed %d" % number, LIMIT)
            await until_figure(server, count, "feed_lag_events_count")
            await until_figure(server, count * FEED_HOLDS, "feed_lag_events_sum")
            await late.send(get(b"/feed", b"Last-Event-ID: 1-0"))
            await late.read_until(b"event: gap", LIMIT)
            await until_figure(server, count, "feed_gaps_total")
            await until_figure(server, 2 * count, "feed_readers")
        for slow, _, late in each:
            slow.reset()
            late.end()
        await until_figure(server, 0, "feed_readers")
        await until_figure(server, workers, "feed_gaps_total")


async def publish(client: RawClient, event: bytes) -> None:
    """Have the worker at the other end publish this."""
    await client.send(post(event, target=b"/feed"))
    assert (await hear_response(client, "POST", LIMIT)).status == 201
