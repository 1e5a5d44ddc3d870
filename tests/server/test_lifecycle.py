"""How an exchange ends before its time: the client leaves, a deadline passes, the server stops.

Each end has one outcome, reaches the handler where it stands, and leaves its `finally` blocks
to the task that opened them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from conftest import Serve
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.service import Handler
from streamserver.kit.stream import Stream
from streamserver.server.outcome import Outcome
from streamserver.wire.chunked import LAST_CHUNK
from support.rawsocket import RawClient, connect
from support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"

Leave = Callable[[RawClient], object]
LEAVING = {
    "close": lambda client: client.sock.close(),
    "half-close": RawClient.end,
    "reset": RawClient.reset,
}
leaving = pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)


class Producer:
    """A body that tells in which task it began, and in which its `finally` ran, with what."""

    def __init__(self, *, talks: bool) -> None:
        self._talks = talks
        self.began: asyncio.Task[object] | None = None
        self.ended: asyncio.Task[object] | None = None
        self.cancelled = False

    async def answer(self, request: Request) -> Response:
        return Response(self.pieces())

    async def wait(self, request: Request) -> Response:
        """A handler that never gets as far as an answer."""
        return Response(b"".join([piece async for piece in self.pieces()]))

    async def pieces(self) -> AsyncIterator[bytes]:
        self.began = asyncio.current_task()
        try:
            while self._talks:
                yield b"piece"
                await asyncio.sleep(0.001)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ended = asyncio.current_task()


# --- a client that leaves ---------------------------------------------------------------------


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
    assert not caplog.records


async def test_a_handler_that_is_cancelled_by_its_own_is_an_error(serve: Serve) -> None:
    """Only a client that left cancels silently; any other cancellation is an answer."""

    async def handler(request: Request) -> Response:
        raise asyncio.CancelledError

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until(b"}\n")).startswith(b"HTTP/1.1 500 ")
    [exchange] = server.ended
    assert isinstance(exchange.error, asyncio.CancelledError)


@pytest.mark.xfail(reason="a transport whose reading is paused notices no FIN")
@pytest.mark.parametrize(
    "sent",
    [
        GET + GET * 20_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + bytes(600_000),
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
        assert producer.began
        client.end()
        await wait_until(lambda: producer.ended, timeout=2)


# --- a producer that never waits --------------------------------------------------------------


@pytest.mark.xfail(reason="a pull body that never waits keeps the loop to itself")
async def test_a_producer_that_never_waits_leaves_others_their_turn(serve: Serve) -> None:
    pieces, turn_at = 20_000, []
    at = 0

    async def hasty() -> AsyncIterator[bytes]:
        nonlocal at
        asyncio.get_running_loop().call_soon(lambda: turn_at.append(at))
        for at in range(pieces):
            yield b"x"

    async def handler(request: Request) -> Response:
        return Response(hasty())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(LAST_CHUNK)
    assert turn_at[0] < pieces - 1


@pytest.mark.xfail(reason="a pull body that never waits goes on after its client has gone")
async def test_a_producer_that_never_waits_ends_when_its_client_leaves(serve: Serve) -> None:
    pieces, at = 50_000, 0

    async def handler(request: Request) -> Response:
        return Response(hasty())

    server = await serve(handler)
    async with connect(server.port) as client:

        async def hasty() -> AsyncIterator[bytes]:
            nonlocal at
            for at in range(pieces):
                if at == 100:
                    client.reset()
                yield b"x"

        await client.send(GET)
        await wait_until(lambda: server.ended)
    assert at < pieces - 1
    assert server.ended[0].outcome is Outcome.CLIENT_GONE


# --- a life that is too long ------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "error"), [(GET, None), (OLD, ConnectionResetError)])
async def test_a_body_that_outlives_its_time_is_not_dressed_up_as_whole(
    serve: Serve, sent: bytes, error: type[Exception] | None
) -> None:
    """Only an event stream means the same wherever it ends."""
    producer = Producer(talks=True)
    server = await serve(producer.answer, max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(sent)
        with pytest.raises(error) if error else contextlib.nullcontext():
            await client.read_until()
        assert b"piece" in client.received
        assert not client.received.endswith(LAST_CHUNK)
        assert await wait_until(lambda: producer.ended) is producer.began
    assert [exchange.outcome for exchange in server.ended] == [Outcome.EXPIRED]


@pytest.mark.xfail(reason="the connection is closed without a word")
async def test_a_handler_that_outlives_its_time_without_an_answer_is_a_503(serve: Serve) -> None:
    server = await serve(Producer(talks=False).wait, max_stream=0.05)
    async with connect(server.port) as client:
        await client.send(GET)
        assert (await client.read_until()).startswith(b"HTTP/1.1 503 ")
    assert [exchange.outcome for exchange in server.ended] == [Outcome.EXPIRED]


async def test_what_ends_in_time_does_not_expire(serve: Serve) -> None:
    async def handler(request: Request) -> Response:
        return Response(b"in time")

    server = await serve(handler, max_stream=0.02)
    async with connect(server.port) as client:
        for n in range(1, 4):
            await client.send(GET)
            await client.read_until(lambda got, n=n: got.count(b"in time") == n)
            await asyncio.sleep(0.03)
    assert {exchange.outcome for exchange in server.ended} == {Outcome.COMPLETE}


# --- a server that stops ----------------------------------------------------------------------


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
        return EventStream(Stream(on_cancel=lambda: ended.append("push")) if push else silent())

    server = await serve(handler)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        await server.stop()
        assert (await client.read_until()).endswith(LAST_CHUNK)
    await wait_until(lambda: ended)
    assert ended == ["push" if push else "pull"]
    assert [exchange.outcome for exchange in server.ended] == [Outcome.DRAINED]


@pytest.mark.xfail(reason="stop() waits for connections, not for the tasks that ended with them")
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
        await stopping
    assert b"\r\nconnection: close\r\n" in received
    assert received.count(b"last") == 1  # what was pipelined behind it is not run any more
