"""How long an answer runs without a reader, and how long it can be read after its end."""

import asyncio
import json
from typing import cast

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.memory import MemoryStore
from streamserver.resumable.producer import Producer
from streamserver.resumable.resumable import Resumable
from streamserver.server.deadlines import Deadlines
from streamserver.wire.problem import HTTPError
from support.clock import Clock
from support.inprocess import Serve
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.requests import post
from support.resuming import DONE, Kept, data_of, event, keeping, location_of, say
from support.waiting import wait_until

WINDOW, KEEP = 60.0, 600.0


def turn(kept: Kept) -> Clock:
    """Let the windows and the times of keeping run by a clock."""
    clock = Clock()
    loop = cast(asyncio.AbstractEventLoop, clock)
    assert kept.handler._answers._opened is not None
    store, windows = kept.handler._answers._opened
    assert isinstance(store, MemoryStore)
    kinds = cast(list[Deadlines[object]], [windows, store._kept])
    for deadlines in kinds:
        owners = [*deadlines._due]
        deadlines.close()
        deadlines._loop = loop
        for owner in owners:
            deadlines.start(owner)
    return clock


async def test_without_a_reader_it_is_cancelled(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    client, peer = await kept.begin(event(0), event(1))
    clock = turn(kept)
    clock.turn_to(10 * WINDOW)  # with a reader there is no window
    client.reset()
    await wait_until(lambda: clock.armed)
    await say(peer, event(2))
    clock.turn_to(11 * WINDOW - 0.001)
    assert not peer_is_closed(kept)
    clock.turn_to(11 * WINDOW)
    await until_end(peer)
    [line] = [record.message for record in caplog.records]
    assert "the answer was cancelled: it had no reader for 60 s ('/v1/chat/completions', " in line
    assert location_of(client.received)[-36:] not in line
    later = await kept.get(location_of(client.received))
    await until_end(later)
    *_, error = data_of(later.received)
    assert "it had no reader for 60 s" in json.loads(error)["error"]["message"]


def peer_is_closed(kept: Kept) -> bool:
    """Whether no answer is running."""
    return not kept.handler._answers._producers


async def test_a_reader_that_returns_ends_the_window(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    location = location_of(client.received)
    clock = turn(kept)
    for _ in range(3):
        client.reset()
        await wait_until(lambda: clock.armed)
        clock.turn_to(clock.now - 1000 + WINDOW - 1)
        client = await kept.get(location)
        await client.read_until(event(0))
    other = await kept.get(location)
    await other.read_until(event(0))
    client.reset()  # one of two
    clock.turn_to(clock.now - 1000 + 2 * WINDOW)
    await say(peer, DONE, is_last=True)
    assert data_of(await other.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]


async def test_before_the_head_the_window_is_for_keys(kept: Kept) -> None:
    """Others cannot come back, and cancel at once."""
    client = await kept.post(key="k")
    peer = await kept.upstream.asked()
    clock = turn(kept)
    client.reset()
    await wait_until(lambda: clock.armed)
    clock.turn_to(WINDOW)
    await until_end(peer)
    await wait_until(lambda: not len(kept.store))
    again, peer = await kept.begin(event(0), key="k")  # which is a new answer
    await say(peer, is_last=True)
    await again.read_until(LAST_CHUNK)


async def test_the_window_begins_with_an_answer_that_nobody_waits_for(kept: Kept) -> None:
    client = await kept.post(key="k")
    peer = await kept.upstream.asked()
    clock = turn(kept)
    client.reset()
    await wait_until(lambda: clock.armed)
    clock.turn_to(WINDOW - 1)
    await peer.send(EVENTS_HEAD)
    await wait_until(lambda: [each.phase.value for each in producers(kept)] == ["streaming"])
    clock.turn_to(WINDOW)
    await until_end(peer)


def producers(kept: Kept) -> list[Producer]:
    """Of the answers that run."""
    return [*kept.handler._answers._producers.values()]


async def test_the_window_begins_if_the_response_is_not_sent(
    serve: Serve, upstream: RawServer
) -> None:
    resumable = Resumable(Proxy(upstream.url), resume_window=0.05)

    async def handler(request: Request) -> Response:
        await resumable(request)
        raise HTTPError(500, "on purpose")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(post(b"{}"))
        peer = await upstream.asked()
        await peer.send(EVENTS_HEAD)
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 500 ")
        await until_end(peer)
    await resumable.aclose()


async def test_an_answer_is_kept_for_a_while(kept: Kept) -> None:
    client, peer = await kept.begin(event(0), key="k")
    clock = turn(kept)
    await say(peer, DONE, is_last=True)
    await client.read_until(LAST_CHUNK)
    location = location_of(client.received)
    clock.turn_to(KEEP - 0.001)
    assert (await kept.end("HEAD", location)).startswith(b"HTTP/1.1 200 ")
    slow = await kept.get(location)
    await slow.read_until(LAST_CHUNK)
    clock.turn_to(KEEP)
    assert len(kept.store) == 0
    assert (await kept.end("GET", location)).startswith(b"HTTP/1.1 404 ")
    peer.received = b""
    await kept.post(key="k")
    await peer.read_until(b"\r\n\r\n")  # the key is free, so the upstream is asked


async def test_a_reader_that_is_slower_than_that_is_cut(kept: Kept) -> None:
    """It would keep the log in memory."""
    client, peer = await kept.begin(event(0))
    clock = turn(kept)
    location = location_of(client.received)
    large = chunk(b"data: " + b"a" * 100_000 + b"\n\n")
    for _ in range(100):
        await peer.send(large)
    await say(peer, is_last=True)
    await client.read_until(LAST_CHUNK)
    slow = await kept.get(location)
    await slow.read_until(event(0))
    await wait_until(lambda: kept.store._held[location[-36:]].readers == 1)
    clock.turn_to(KEEP)
    await until_end(slow)
    assert not slow.received.endswith(LAST_CHUNK)


async def test_both_times_can_be_set() -> None:
    async with keeping(resume_window=0.05, resume_keep=0.05) as kept:
        client, peer = await kept.begin(event(0))
        client.reset()
        await until_end(peer)
        await wait_until(lambda: not len(kept.store))
