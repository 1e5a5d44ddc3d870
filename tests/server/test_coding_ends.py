"""The ends of bodies in a content coding: whole or detectably cut, and the coder freed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from streamserver.server.phase import Outcome
from streamserver.wire.content_coding import CODINGS, Coding
from support.coding import Pushed, decoded, is_whole, streaming
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, until_end
from support.waiting import wait_until

coded = pytest.mark.parametrize("coding", CODINGS)


@coded
async def test_a_farewell_is_the_last_event_of_a_whole_body(serve: Serve, coding: Coding) -> None:
    async with streaming(serve, Pushed(coding, heartbeat=0)) as (server, pushed, client):
        pushed.stream.enqueue("an event")
        await server.stop()
        await until_end(client)
        assert is_whole(client.received, coding)
        assert decoded(client.received, coding).startswith(b"data: an event\n\nretry: ")
    assert server.ended[0].outcome is Outcome.DRAINED


@coded
async def test_a_stream_that_expires_is_whole(serve: Serve, coding: Coding) -> None:
    async with streaming(serve, Pushed(coding, heartbeat=0), max_stream=0.05) as (
        server,
        _,
        client,
    ):
        await until_end(client)
        assert is_whole(client.received, coding)
        assert decoded(client.received, coding).startswith(b"retry: ")
    assert server.ended[0].outcome is Outcome.EXPIRED


@coded
async def test_a_stream_that_fails_has_no_end_of_either_kind(serve: Serve, coding: Coding) -> None:
    async with streaming(serve, Pushed(coding)) as (server, pushed, client):
        pushed.stream.enqueue("one ")
        pushed.stream.enqueue("two")
        pushed.stream.error(OSError("gone"))
        await until_end(client)
        assert decoded(client.received, coding) == b"one two", "what was sent before arrives"
        assert not is_whole(client.received, coding)
    assert server.ended[0].outcome is Outcome.TRUNCATED


async def ended_by_itself(server: Served, pushed: Pushed, client: RawClient) -> None:
    pushed.stream.close()


async def failed(server: Served, pushed: Pushed, client: RawClient) -> None:
    pushed.stream.error(OSError("gone"))


async def client_gone(server: Served, pushed: Pushed, client: RawClient) -> None:
    client.reset()


async def stalled(server: Served, pushed: Pushed, client: RawClient) -> None:
    noise = bytes(range(256)) * 64
    while pushed.exchange.outcome is None:
        pushed.exchange.connection.transport.write(noise * 64)
        await asyncio.sleep(0.01)


async def stopped(server: Served, pushed: Pushed, client: RawClient) -> None:
    await server.listener.stop(0)


ENDS: dict[Outcome, Callable[[Served, Pushed, RawClient], Awaitable[None]]] = {
    Outcome.COMPLETE: ended_by_itself,
    Outcome.TRUNCATED: failed,
    Outcome.CLIENT_GONE: client_gone,
    Outcome.STALLED: stalled,
    Outcome.DRAINED: stopped,
}


@pytest.mark.parametrize("outcome", ENDS)
async def test_the_coder_is_freed_at_every_end(serve: Serve, outcome: Outcome) -> None:
    settings = {"write_timeout": 0.1} if outcome is Outcome.STALLED else {}
    async with streaming(serve, Pushed(), **settings) as (server, pushed, client):
        pushed.stream.enqueue("one")
        pushed.stream.enqueue("held")
        deadlines = pushed.exchange.server.rest_deadlines
        assert pushed.exchange.coder is not None
        assert len(deadlines) == 1
        await ENDS[outcome](server, pushed, client)
        await wait_until(lambda: server.ended)
    assert pushed.exchange.outcome is outcome
    assert pushed.exchange.coder is None
    assert not len(deadlines)
