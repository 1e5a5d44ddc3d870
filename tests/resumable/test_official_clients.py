"""The official clients read an answer that is kept as any other: ids mean nothing to them.

They dispatch an event for each blank line once they have read an id, so the comments of the
upstream and the heartbeats of the server must not have one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest

from support.openai_client import Interface, client_of, reported_by, reported_by_node
from support.rawsocket import RawClient
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.resuming import DONE, Kept, keeping
from support.waiting import wait_until

INTERVAL = 0.02
DELTA = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n'
)
CREATED = b'event: response.created\ndata: {"type":"response.created","response":{}}\n\n'
COMPLETED = CREATED.replace(b"created", b"completed")
COMMENT = b": PROCESSING\n\n"


class Case(NamedTuple):
    """What the upstream sends, and what a client reports."""

    interface: Interface
    events: list[bytes]
    total: int
    is_whole: bool = True


CASES = (
    Case("chat", [COMMENT, DELTA, COMMENT, DELTA, DONE], 2),
    Case("responses", [CREATED, COMMENT, COMPLETED], 2),
    Case("chat", [DELTA], 1, is_whole=False),
)


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    async with keeping(settings={"heartbeat": INTERVAL}) as kept:
        yield kept


async def play(kept: Kept) -> None:
    """Play the upstream of each case: heartbeats come before each event."""
    peer: RawClient | None = None
    for case in CASES:
        if peer is None:
            peer = await kept.upstream.asked()
        else:
            peer.received = b""
            await peer.read_until(b"\r\n\r\n")
        await peer.send(EVENTS_HEAD)
        for event in case.events:
            await asyncio.sleep(2.5 * INTERVAL)  # in which a heartbeat is sent
            await peer.send(chunk(event))
        if case.is_whole:
            await peer.send(LAST_CHUNK)
        else:
            peer.reset()
    await wait_until(lambda: not kept.handler._answers._producers)


def check(reports: list[dict[str, Any]], kept: Kept) -> None:
    """Each case is reported as it is."""
    assert len(reports) == len(CASES)
    for case, report in zip(CASES, reports, strict=True):
        assert report["events"] == case.total, report
        if case.is_whole:
            assert not report.get("raised"), report
        else:
            assert report["raised"] == "APIError"
            assert "the upstream" in report["message"]
            assert report["error"]["code"] == 502


async def test_python(kept: Kept) -> None:
    playing = asyncio.create_task(play(kept))
    async with client_of(kept.server.url) as client:
        check([await reported_by(client, case.interface) for case in CASES], kept)
        await playing


async def test_node(kept: Kept, peer: Callable[[str], str]) -> None:
    playing = asyncio.create_task(play(kept))
    interfaces = [case.interface for case in CASES]
    check(await reported_by_node(peer("node"), kept.server.url, interfaces), kept)
    await playing


async def test_python_repeats_its_request_with_the_key(kept: Kept) -> None:
    """It gets the same answer again, which was paid for once."""
    key = {"Idempotency-Key": "a-key"}
    async with client_of(kept.server.url) as client:
        reading = asyncio.create_task(reported_by(client, "chat", key))
        peer = await kept.upstream.asked()
        await peer.send(EVENTS_HEAD + chunk(DELTA) + chunk(DONE) + LAST_CHUNK)
        assert (await reading)["events"] == 1
        assert (await reported_by(client, "chat", key))["events"] == 1
    kept.check_asked_once(peer)
