"""A client that leaves: its exchange ends, and so does the handler, where it stands.

The `finally` blocks of a producer run in the task that opened them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.server.phase import Outcome
from support.inprocess import Serve
from support.producers import Producer
from support.rawsocket import RawClient, connect
from support.requests import GET
from support.waiting import wait_until

Leave = Callable[[RawClient], object]
LEAVING = {
    "close": lambda client: client.sock.close(),
    "half-close": RawClient.end,
    "reset": RawClient.reset,
}
leaving = pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)


@leaving
@pytest.mark.parametrize("talks", [True, False], ids=["streaming", "silent"])
async def test_a_client_that_leaves_ends_the_stream_in_its_own_task(
    serve: Serve, leave: Leave, talks: bool
) -> None:
    producer = Producer(talks=talks)
    server = await serve(producer.answer)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"piece" if talks else b"\r\n\r\n")
        leave(client)
        assert await wait_until(lambda: producer.ended) is producer.began
    [exchange] = server.ended
    assert exchange.outcome is Outcome.CLIENT_GONE
    assert exchange.error is None


@leaving
async def test_a_client_that_leaves_cancels_a_handler_that_has_not_answered(
    serve: Serve, leave: Leave
) -> None:
    producer = Producer(talks=False)
    server = await serve(producer.wait)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: producer.began)
        leave(client)
        assert await wait_until(lambda: producer.ended) is producer.began
    assert producer.cancelled
    [exchange] = server.ended
    assert (exchange.outcome, exchange.status) == (Outcome.CLIENT_GONE, 0)


async def test_a_handler_that_is_cancelled_may_take_its_time_to_clean_up(serve: Serve) -> None:
    told: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            told.append("began")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            told.append("cleaned up")
        return Response()

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: told)
    await wait_until(lambda: told == ["began", "cleaned up"])


async def test_what_a_cancelled_handler_answers_goes_nowhere(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    async def stubborn(request: Request) -> Response:
        told.append("began")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        told.append("answered")
        return Response(b"too late")

    server = await serve(stubborn)
    async with connect(server.port) as client:
        await client.send(GET)
        await wait_until(lambda: told)
        client.reset()
        await wait_until(lambda: told == ["began", "answered"])
    assert [exchange.outcome for exchange in server.ended] == [Outcome.CLIENT_GONE]
    assert not [record for record in caplog.records if record.name == "streamserver"]


@pytest.mark.parametrize(
    "sent",
    [
        GET + GET * 4000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + bytes(160_000),
    ],
    ids=["requests", "body"],
)
async def test_a_client_that_sent_more_than_anyone_reads_is_missed_too(
    serve: Serve, sent: bytes
) -> None:
    producer = Producer(talks=False)
    server = await serve(producer.answer)
    async with connect(server.port) as client:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.send(sent), 0.2)
        await wait_until(lambda: producer.began)
        client.end()
        await wait_until(lambda: producer.ended, timeout=2)


async def test_a_producer_that_never_waits_ends_when_its_client_leaves(serve: Serve) -> None:
    made: list[int] = []

    async def handler(request: Request) -> Response:
        return Response(hasty())

    server = await serve(handler)
    async with connect(server.port) as client:

        async def hasty() -> AsyncIterator[bytes]:
            for n in range(50_000):
                made.append(n)
                if n == 100:
                    client.reset()
                yield b"x"

        await client.send(GET)
        await wait_until(lambda: server.ended)
    assert len(made) < 50_000
    assert server.ended[0].outcome is Outcome.CLIENT_GONE
