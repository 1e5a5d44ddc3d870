"""A server that stops: what is open ends as well as it can, and what cannot is cut."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.kit.stream import StreamController
from streamserver.server.phase import Outcome
from streamserver.wire.chunked import LAST_CHUNK
from support.inprocess import Serve
from support.rawsocket import connect
from support.requests import GET
from support.waiting import wait_until


@pytest.mark.parametrize("push", [True, False])
async def test_an_event_stream_is_told_to_end_and_its_producer_too(
    serve: Serve, push: bool
) -> None:
    ended: list[str] = []

    async def silent() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            ended.append("pull")

    async def handler(request: Request) -> Response:
        pushed = StreamController(on_cancel=lambda: ended.append("push"))
        return EventStream(pushed if push else silent())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        await server.stop()
        assert (await client.read_until()).endswith(LAST_CHUNK)
    await wait_until(lambda: ended)
    assert ended == ["push" if push else "pull"]
    assert [exchange.outcome for exchange in server.ended] == [Outcome.DRAINED]


@pytest.mark.parametrize("kind", [EventStream, Response])
async def test_a_server_has_not_stopped_before_its_producers_have(
    serve: Serve, kind: Callable[[AsyncIterator[str]], Response]
) -> None:
    """Else whoever runs the loop cancels their `finally` blocks a second time, halfway."""
    cleaned: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    async def handler(request: Request) -> Response:
        return kind(pieces())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"first")
        await server.stop(grace=0.01)
    assert cleaned == ["up"]


def body_in_two_steps(step: asyncio.Event) -> Handler:
    """Its second half, and so its end, comes after the step."""

    async def halves() -> AsyncIterator[bytes]:
        yield b"half"
        await step.wait()
        yield b"whole"

    async def handler(request: Request) -> Response:
        return Response(halves())

    return handler


async def test_a_body_that_ends_within_the_grace_period_is_whole(serve: Serve) -> None:
    step = asyncio.Event()
    server = await serve(body_in_two_steps(step))
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"half")
        stopping = asyncio.create_task(server.stop(grace=20))
        await asyncio.sleep(0)
        step.set()
        assert (await client.read_until()).endswith(b"whole\r\n" + LAST_CHUNK)
        await stopping
    assert [exchange.outcome for exchange in server.ended] == [Outcome.COMPLETE]


async def test_a_body_that_does_not_is_cut_by_a_reset(serve: Serve) -> None:
    server = await serve(body_in_two_steps(asyncio.Event()))
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"half")
        await server.stop(grace=0.05)
        with pytest.raises(ConnectionResetError):
            await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == [Outcome.DRAINED]


async def test_an_answer_that_begins_while_the_server_stops_says_that_it_is_the_last(
    serve: Serve,
) -> None:
    began, step = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        began.set()
        await step.wait()
        return Response(b"last")

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET + GET)
        await asyncio.wait_for(began.wait(), 5)
        stopping = asyncio.create_task(server.stop(grace=20))
        await asyncio.sleep(0)
        step.set()
        received = await client.read_until()
    await stopping  # which lingers for a client that has sent too much, until it goes
    assert b"\r\nconnection: close\r\n" in received
    assert received.count(b"last") == 1  # what was pipelined behind it is not run any more
