"""An event stream that fails, with `on_break="event"`: one last event, and then the cut."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.proxy.settings import Timeouts
from streamserver.wire.sse import Parser
from support.answers import body, content, detail
from support.beating import ASK, events, last_words
from support.inprocess import Served
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, StartRelay, chunk
from support.requests import GET, OLD
from support.stage import staged
from support.waiting import wait_until

WHOLE = b"id: 1\ndata: a\n\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SOON = Timeouts(gap=0.1)
"""Only the silent failure should reach it."""


def end_in_a_chunk(peer: RawClient) -> None:
    """A FIN behind part of a chunk."""
    peer.sock.send(b"9\r\n")
    peer.end()


Break = Callable[[RawClient], object]
BREAKS: dict[str, tuple[Break, int]] = {
    "FIN": (RawClient.end, 502),
    "RST": (RawClient.reset, 502),
    "FIN in a chunk": (end_in_a_chunk, 502),
    "a bad chunk": (lambda peer: peer.sock.send(b"zz\r\n"), 502),
    "a bad trailer": (lambda peer: peer.sock.send(b"0\r\nno trailer\r\n\r\n"), 502),
    "silence": (lambda peer: None, 504),
}
breaks = pytest.mark.parametrize(("fail", "status"), BREAKS.values(), ids=BREAKS)

# What was passed on before the failure, and what ends an unfinished event.
INCOMPLETE = b"event: incomplete\n\n"
STATES = {
    "between events": (WHOLE, b""),
    "in a field": (WHOLE + b"id: 2\ndata: b", b"\0\nid: 1\n" + INCOMPLETE),
    "in an id": (WHOLE + b"data: b\nid: 2", b"\0\nid: 1\n" + INCOMPLETE),
    "behind a field": (WHOLE + b"id: 2\r\ndata: b\r", b"id: 1\n" + INCOMPLETE),
    "in its first event": (b"data: b\nevent: c\n", b"id: \n" + INCOMPLETE),
    "in a comment": (WHOLE + b": c", b"\0\nid: 1\n\n"),
}


@pytest.fixture
async def server(relay: StartRelay) -> Served:
    return await relay(on_break="event", timeouts=SOON)


async def passed(
    client: RawClient, upstream: RawServer, head: bytes, data: bytes, sent: bytes = GET
) -> RawClient:
    """The upstream's connection of a response of which this part was passed on."""
    await client.send(sent)
    peer = await upstream.asked()
    await peer.send(head + (chunk(data) if b"chunked" in head and data else data))
    await client.read_until(data or b"\r\n\r\n")
    return peer


@breaks
@pytest.mark.parametrize(("data", "end"), STATES.values(), ids=STATES)
async def test_a_failure_is_reported_in_an_event(
    server: Served, upstream: RawServer, fail: Break, status: int, data: bytes, end: bytes
) -> None:
    """The event is one of its own, and its id is that of the last whole event, so a client that
    reconnects will miss nothing."""
    async with connect(server.port) as client:
        fail(await passed(client, upstream, EVENTS_HEAD, data))
        received = await client.read_until()
    expected = last_words(received)
    assert expected["status"] == status
    assert "upstream" in expected["detail"]
    assert content(received).startswith(data + end + b"event: error\ndata: {")
    *before, last = events(received)
    whole = Parser().feed(data)
    assert before[: len(whole)] == whole
    assert [one.event for one in before[len(whole) :]] == ["incomplete"] * (INCOMPLETE in end)
    assert (last.id or "") == ("1" if whole else "")
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


@breaks
async def test_a_client_of_http_1_0_gets_the_event_before_the_reset(
    server: Served, upstream: RawServer, fail: Break, status: int
) -> None:
    """A FIN would signal completion."""
    async with connect(server.port) as client:
        fail(await passed(client, upstream, EVENTS_HEAD, WHOLE, OLD))
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    *before, last = Parser().feed(body(client.received))
    assert (len(before), last.event, last.id) == (1, "error", "1")
    assert json.loads(last.data)["status"] == status


@breaks
async def test_a_stream_that_has_only_a_head(
    server: Served, upstream: RawServer, fail: Break, status: int
) -> None:
    async with connect(server.port) as client:
        fail(await passed(client, upstream, EVENTS_HEAD, b""))
        received = await client.read_until()
    assert last_words(received)["status"] == status
    assert len(events(received)) == 1


async def test_a_stream_that_ends_by_its_close(server: Served, upstream: RawServer) -> None:
    """A FIN completes it."""
    async with connect(server.port) as client, connect(server.port) as other:
        (await passed(client, upstream, UNTIL_CLOSE, WHOLE)).end()
        assert content(await client.read_until(LAST_CHUNK)) == WHOLE
        (await passed(other, upstream, UNTIL_CLOSE, WHOLE)).reset()
        assert last_words(await other.read_until())["status"] == 502


@pytest.mark.parametrize("asked", [GET, ASK])
async def test_what_comes_with_the_head_counts_once(
    relay: StartRelay, upstream: RawServer, asked: bytes
) -> None:
    """Also if the relay could have sent an early head."""
    server = await relay(on_break="event", heartbeat=5.0)
    async with connect(server.port) as client:
        data = WHOLE + b"id: 2\nda"
        peer = await passed(client, upstream, EVENTS_HEAD, data, asked)
        peer.reset()
        received = await client.read_until()
    assert content(received).startswith(data + b"\0\nid: 1\n\nevent: error\n")
    assert [event.id for event in events(received)] == ["1", "1"]


async def test_a_stream_that_ends_as_it_should_gets_no_event(
    server: Served, upstream: RawServer
) -> None:
    async with connect(server.port) as client:
        peer = await passed(client, upstream, EVENTS_HEAD, WHOLE)
        await peer.send(LAST_CHUNK)
        assert content(await client.read_until(LAST_CHUNK)) == WHOLE
        peer.end()
        await wait_until(lambda: server.ended)
        with pytest.raises(TimeoutError):
            await client.read_until(timeout=0.05)
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


@pytest.mark.parametrize("asked", [GET, ASK])
@breaks
async def test_a_failure_before_the_head_is_reported_by_the_status(
    relay: StartRelay, upstream: RawServer, fail: Break, status: int, asked: bytes
) -> None:
    server = await relay(on_break="event", timeouts=Timeouts(first_byte=0.1))
    async with connect(server.port) as client:
        await client.send(asked)
        fail(await upstream.asked())
        received = await client.read_until(b"}")
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert "upstream" in detail(received)


OTHERS = {
    "text": EVENTS_HEAD.replace(b"event-stream", b"plain"),
    "compressed": EVENTS_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n",
    "of a length": UNTIL_CLOSE[:-2] + b"Content-Length: 1000\r\n\r\n",
    "an error": EVENTS_HEAD.replace(b"200", b"404"),
}


@breaks
@pytest.mark.parametrize("head", OTHERS.values(), ids=OTHERS)
async def test_what_is_no_plain_event_stream_is_cut(
    server: Served, upstream: RawServer, head: bytes, fail: Break, status: int
) -> None:
    await check_cut(server, upstream, head, fail)


@breaks
@pytest.mark.parametrize("options", [{}, {"on_break": "cut"}])
@pytest.mark.parametrize("asked", [GET, ASK])
async def test_without_the_option_a_break_is_a_cut(
    relay: StartRelay,
    upstream: RawServer,
    fail: Break,
    status: int,
    options: dict[str, Any],
    asked: bytes,
) -> None:
    server = await relay(timeouts=SOON, heartbeat=0.0, **options)
    await check_cut(server, upstream, EVENTS_HEAD, fail, asked)


async def check_cut(
    server: Served, upstream: RawServer, head: bytes, fail: Break, asked: bytes = GET
) -> None:
    """Every byte that the client gets is the upstream's."""
    chunked = b"chunked" in head
    async with connect(server.port) as client:
        peer = await passed(client, upstream, head, WHOLE, asked)
        before = client.received
        if not chunked:  # where there are no chunks, none is bad
            fail = RawClient.reset
        fail(peer)
        assert await until_end(client) == b""
        assert body(before) == (chunk(WHOLE) if chunked else WHOLE)
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


async def test_a_client_that_leaves_gets_no_event(server: Served, upstream: RawServer) -> None:
    async with connect(server.port) as client:
        peer = await passed(client, upstream, EVENTS_HEAD, WHOLE)
        client.reset()
        assert await until_end(peer) == b""
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


async def test_a_frozen_client_is_cut() -> None:
    """It takes no event; all that it receives is the upstream's."""
    async with (
        staged(on_break="event", timeouts=Timeouts(total=1.0)) as at,
        connect(at.server.port, receive_buffer=65536) as client,
    ):
        peer = await passed(client, at.upstream, EVENTS_HEAD, WHOLE)
        sending = asyncio.create_task(peer.send(chunk(b"data: " + b"x" * 9999 + b"\n\n") * 1000))
        await wait_until(lambda: at.begun[0].connection.paused)
        await at.has_ended(1)
        await asyncio.wait([sending])
        received = await until_end(client)
    assert b"event: error" not in received
    assert not received.endswith(LAST_CHUNK)
