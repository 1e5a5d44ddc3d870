"""Clients that people have, which read a compressed feed event by event to its valid end."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import aiohttp
import httpx
import pytest

from streamserver.feed.feed import Feed
from streamserver.kit.compress import compress
from streamserver.server.exchange import Exchange
from streamserver.wire.sse import Parser
from support import peers
from support.following import app
from support.inprocess import Serve
from support.waiting import wait_until

Pieces = AsyncGenerator[bytes, None]
Read = Callable[[str, str], Pieces]
COUNT = 10
SCRIPT = Path(__file__).parents[1] / "clients" / "eventsource.mjs"


async def by_aiohttp(url: str, coding: str) -> Pieces:
    headers = {"Accept-Encoding": coding}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.headers["Content-Encoding"] == coding
        async for piece in response.content.iter_any():
            yield piece


async def by_httpx(url: str, coding: str) -> Pieces:
    headers = {"Accept-Encoding": coding}
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        assert response.headers["Content-Encoding"] == coding
        async for piece in response.aiter_bytes():
            yield piece


async def by_curl(url: str, coding: str) -> Pieces:
    """With its own field, which names several codings, replaced; it fails at a body that is cut."""
    command = [peers.program("curl"), "-sSN", "--compressed", "-H", f"Accept-Encoding: {coding}"]
    process = await asyncio.create_subprocess_exec(*command, url, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    while piece := await process.stdout.read(65536):
        yield piece
    assert await process.wait() == 0


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("read", [by_aiohttp, by_httpx, by_curl])
async def test_each_event_is_read_before_the_next_is_published(
    serve: Serve, read: Read, coding: str
) -> None:
    """Pauses, so that each event arrives alone: then the end of a frame is the end of a read."""
    feed, parser, received = Feed("news"), Parser(), list[object]()
    server = await serve(compress(app(feed)))
    await feed.publish(0)
    async with asyncio.timeout(20), aclosing(read(f"{server.url}/all", coding)) as pieces:
        async for piece in pieces:
            for event in parser.feed(piece):
                received.append(event.data)
                if len(received) < COUNT:
                    await feed.publish(len(received), last=len(received) == COUNT - 1)
    assert received == [str(n) for n in range(COUNT)]


async def test_the_event_source_of_node_resumes_a_compressed_feed(serve: Serve) -> None:
    feed, exchanges = Feed("news", retry=10), list[Exchange]()
    server = await serve(compress(app(feed, exchanges)))
    ids = [await feed.publish({"n": n}) for n in range(2)]
    command = [peers.program("node"), str(SCRIPT), f"{server.url}/all", "4"]
    environment = {**os.environ, "NODE_PATH": str(peers.node_package("eventsource"))}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment
    )
    [subscriber] = await wait_until(lambda: tuple(feed._topic.subscribers))
    assert exchanges[0].coder is not None
    subscriber.on_end()
    ids += [await feed.publish({"n": n}) for n in (2, 3)]
    output, _ = await process.communicate()
    report = json.loads(output)
    assert [event["n"] for event in report["events"]] == list(range(4))
    assert [event["id"] for event in report["events"]] == ids
    assert report["opened"] == len(exchanges) == 2
