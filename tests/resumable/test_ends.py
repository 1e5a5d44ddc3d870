"""The ends of an answer are true, for each reader, now and later."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from streamserver.proxy.settings import Timeouts
from support.rawsocket import RawClient, until_end
from support.relaying import EVENTS_HEAD, LAST_CHUNK, chunk
from support.resuming import (
    DONE,
    Kept,
    data_of,
    event,
    events_of,
    keeping,
    last_id,
    location_of,
    say,
)
from support.waiting import wait_until, within

BREAKS = {
    "RST": lambda peer: peer.reset(),
    "FIN": lambda peer: peer.end(),
    "a bad chunk": lambda peer: peer.sock.send(b"zz\r\n"),
    "inside an event": lambda peer: (peer.sock.send(chunk(b"data: unfin")), peer.reset()),
}
CHUNK = b'data: {"object":"chat.completion.chunk"}\n\n'
CREATED = b'event: response.created\ndata: {"type":"response.created"}\n\n'
STARTED = b'event: message_start\ndata: {"type":"message_start"}\n\n'
FORMS: dict[str, tuple[bytes, bytes, str | None]] = {
    "by the path": (b"/v1/chat/completions", event(0), None),
    "chat completions": (b"/any", CHUNK, None),
    "responses": (b"/v1/responses", CREATED, "error"),
    "messages": (b"/v1/messages", STARTED, "error"),
    "others": (b"/any", event(0), "error"),
}


@pytest.mark.parametrize("how", BREAKS.values(), ids=BREAKS)
async def test_a_break_is_reported_in_an_event(kept: Kept, how: Callable[[Any], object]) -> None:
    client, peer = await kept.begin(event(0))
    how(peer)
    await until_end(client)
    assert not client.received.endswith(LAST_CHUNK)
    first, error = events_of(client.received)
    assert json.loads(str(error.data))["error"]["code"] == 502
    assert b"unfin" not in client.received
    await wait_until(lambda: [one.outcome for one in kept.server.ended] == ["truncated"])
    # A later client gets the same, and one that has received all gets a 204.
    later = await kept.get(location_of(client.received), str(first.id))
    await until_end(later)
    assert events_of(later.received) == [error]
    assert not later.received.endswith(LAST_CHUNK)
    position = f"Last-Event-ID: {error.id}".encode()
    head = await kept.end("GET", location_of(client.received), position)
    assert head.startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize(("target", "first", "kind"), FORMS.values(), ids=FORMS)
async def test_its_form_is_that_of_the_service(
    kept: Kept, target: bytes, first: bytes, kind: str | None
) -> None:
    client, peer = await kept.begin(first, target=target)
    peer.reset()
    await until_end(client)
    error = events_of(client.received)[-1]
    data = json.loads(str(error.data))
    assert error.event == kind
    assert "the upstream" in str(data)
    assert ("status" in data) == (target == b"/any" and kind == "error")


async def test_silence_of_the_upstream() -> None:
    async with keeping(proxy={"timeouts": Timeouts(gap=0.05)}) as kept:
        client, _ = await kept.begin(event(0))
        await until_end(client)
        error = json.loads(data_of(client.received)[-1])["error"]
        assert error["message"] == "the upstream stopped sending"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nContent-Length: 27"
        b"\r\nConnection: close\r\n\r\n",
    ],
    ids=["by the end of the connection", "a length"],
)
async def test_other_framings_of_the_upstream(kept: Kept, head: bytes) -> None:
    client = await kept.post()
    peer = await kept.upstream.asked()
    await peer.send(head + event(0) + b"data: abc\n\n")
    peer.end()
    assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', "abc"]
    assert b"content-length" not in client.received


async def test_an_answer_without_events(kept: Kept) -> None:
    client, peer = await kept.begin()
    await say(peer, is_last=True)
    await client.read_until(LAST_CHUNK)
    assert events_of(client.received) == []


async def test_an_unfinished_event_at_the_end_is_passed_on(kept: Kept) -> None:
    """The standard discards it, but some clients read lines."""
    client, peer = await kept.begin(event(0))
    await say(peer, b"data: [DONE]", is_last=True)
    received = await client.read_until(LAST_CHUNK)
    assert b"\ndata: [DONE]\r\n" in received
    assert data_of(received) == ['{"n": 0}']
    position = f"Last-Event-ID: {last_id(received)}".encode()
    head = await kept.end("GET", location_of(received), position)
    assert head.startswith(b"HTTP/1.1 204 ")


# DELETE


async def test_delete_cancels_the_upstream(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    location = location_of(client.received)
    async with asyncio.timeout(10):
        await within(0.2, asyncio.wait_for(deleted(kept, location, peer), 10))
    await until_end(client)
    error = json.loads(data_of(client.received)[-1])["error"]
    assert error["message"] == "the answer was cancelled by a request"
    assert not client.received.endswith(LAST_CHUNK)
    later = await kept.get(location)
    await until_end(later)
    assert data_of(later.received) == data_of(client.received)
    assert (await kept.end("DELETE", location)).startswith(b"HTTP/1.1 204 ")


async def deleted(kept: Kept, location: str, peer: RawClient) -> None:
    """Cancel an answer, and return when the upstream knows."""
    assert (await kept.end("DELETE", location)).startswith(b"HTTP/1.1 204 ")
    await until_end(peer)


async def test_delete_of_an_answer_that_has_ended_changes_nothing(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    await say(peer, DONE, is_last=True)
    received = await client.read_until(LAST_CHUNK)
    assert (await kept.end("DELETE", location_of(received))).startswith(b"HTTP/1.1 204 ")
    later = await kept.get(location_of(received))
    assert data_of(await later.read_until(LAST_CHUNK)) == data_of(received)


# The server stops


async def test_a_server_that_stops_lets_an_answer_end(kept: Kept) -> None:
    """Within the grace period: it was paid for."""
    client, peer = await kept.begin(event(0))
    stopping = asyncio.create_task(kept.server.stop(grace=20.0))
    await wait_until(lambda: kept.server.listener._server.draining)
    await say(peer, DONE, is_last=True)
    assert data_of(await client.read_until(LAST_CHUNK)) == ['{"n": 0}', "[DONE]"]
    await stopping


async def test_after_the_grace_period_it_is_cut(kept: Kept) -> None:
    client, peer = await kept.begin(event(0))
    await kept.server.stop(grace=0.0)
    await until_end(client)
    await until_end(peer)
    assert not client.received.endswith(LAST_CHUNK)


@pytest.mark.parametrize("begun", [False, True])
async def test_an_answer_without_a_reader_ends_with_the_server(kept: Kept, begun: bool) -> None:
    client = await kept.post(key="k")
    peer = await kept.upstream.asked()
    if begun:
        await peer.send(EVENTS_HEAD)
        await client.read_until(b"\r\n\r\n")
    client.reset()
    await wait_until(lambda: kept.server.ended)
    await kept.server.stop()
    await until_end(peer)
