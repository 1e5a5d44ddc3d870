"""Bodies in a content coding: what is encoded together, what arrives, and how it ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.exchange import Exchange
from streamserver.server.phase import Outcome
from streamserver.server.writer import GATHER
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.content_coding import CODINGS, Coding, stream_coder
from streamserver.wire.sse import HEARTBEAT
from support.answers import body, chunks, content
from support.content_decoding import content_decoder
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect, raw, until_end
from support.requests import GET, LAST, OLD, get
from support.waiting import wait_until

coded = pytest.mark.parametrize("coding", CODINGS)
REPEATED = "a text that is worth the reference when it is repeated in the stream"


def in_coding(response: Response, coding: Coding = "gzip") -> Response:
    """The response with a coder, as ``compress`` returns it."""
    response.headers["content-encoding"] = coding
    response.make_coder = partial(stream_coder, coding)
    return response


def decoded(received: bytes, coding: Coding = "gzip") -> bytes:
    """The content so far."""
    return content_decoder(coding).feed(content(received))


def is_whole(received: bytes, coding: Coding = "gzip") -> bool:
    """Whether the coding has its end, and the framing too."""
    decoder = content_decoder(coding)
    decoder.feed(content(received))
    assert decoder.is_complete == received.endswith(LAST_CHUNK)
    return decoder.is_complete


async def arrives(client: RawClient, text: str, coding: Coding) -> None:
    """Read until the content so far is this."""
    await client.read_until(lambda got: decoded(got, coding) == text.encode())


class Pushed:
    """A handler that answers with a pushed body, and keeps the writes and the exchange."""

    def __init__(self, coding: Coding = "gzip", **settings: Any) -> None:
        self.stream = StreamController()
        self.writes: list[bytes] = []
        self.coding = coding
        self.settings = settings
        self.exchange: Exchange

    async def __call__(self, request: Request) -> Response:
        self.exchange = request.exchange
        self.exchange.tap(self.writes.append)
        if self.settings:
            return in_coding(EventStream(self.stream, **self.settings), self.coding)
        return in_coding(Response(self.stream), self.coding)


Streaming = tuple[Served, Pushed, RawClient]


@contextlib.asynccontextmanager
async def streaming(serve: Serve, pushed: Pushed, **settings: Any) -> AsyncIterator[Streaming]:
    """A client that has the head of the stream."""
    server = await serve(pushed, **settings)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        yield server, pushed, client


@coded
async def test_each_piece_can_be_decoded_when_it_arrives(serve: Serve, coding: Coding) -> None:
    async with streaming(serve, Pushed(coding)) as (server, pushed, client):
        text = ""
        for n in range(20):
            pushed.stream.enqueue(piece := f"{n} {REPEATED}\n")
            text += piece
            await arrives(client, text, coding)
            assert len(pushed.writes) == n + 2, "each in a write of its own"
        pushed.stream.close()
        await client.read_until(lambda got: is_whole(got, coding))
    [ended] = server.ended
    assert ended.outcome is Outcome.COMPLETE
    assert ended.bytes_sent == len(content(client.received)) < len(text) / 2
    assert ended.first_byte > 0


async def test_pieces_that_share_a_write_share_a_flush(serve: Serve) -> None:
    async def ten() -> AsyncIterator[str]:
        for n in range(10):
            yield f"{n},"

    async def handler(request: Request) -> Response:
        request.exchange.tap(writes.append)
        return in_coding(Response(ten()))

    writes: list[bytes] = []
    server = await serve(handler)
    received = await raw(server.port, GET, until=is_whole)
    assert decoded(received) == b"0,1,2,3,4,5,6,7,8,9,"
    first, others = chunks(received)
    assert body(writes[0]) == encode(first)
    assert writes[1:] == [encode(others) + LAST_CHUNK]


async def test_a_piece_that_is_written_releases_those_before_it(serve: Serve) -> None:
    async with streaming(serve, Pushed()) as (_, pushed, client):
        pushed.exchange.hold("one ")
        pushed.exchange.hold(b"two ")
        assert pushed.exchange.bytes_sent == 0, "not before they are encoded"
        pushed.exchange.write("three")
        await client.read_until(lambda got: decoded(got) == b"one two three")
        assert len(chunks(client.received)) == 1


async def test_no_more_than_so_much_is_held(serve: Serve) -> None:
    async with streaming(serve, Pushed()) as (_, pushed, client):
        for _ in range(5):
            pushed.stream.enqueue(bytes(GATHER - 1))
        assert len(pushed.writes) == 4
        assert pushed.exchange.held_size == 0
        await client.read_until(lambda got: len(decoded(got)) == 5 * (GATHER - 1))


@coded
async def test_heartbeats_are_encoded_too(serve: Serve, coding: Coding) -> None:
    pushed = Pushed(coding, heartbeat=0.02)
    async with streaming(serve, pushed) as (_, _, client):
        await client.read_until(lambda got: decoded(got, coding) == 2 * HEARTBEAT)
        pushed.stream.enqueue("an event")
        await client.read_until(lambda got: b"an event\n\n" in decoded(got, coding))


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


async def test_an_error_before_the_first_piece_is_answered_without_a_coding(serve: Serve) -> None:
    async def broken() -> AsyncIterator[bytes]:
        raise LookupError
        yield b""

    async def handler(request: Request) -> Response:
        return in_coding(Response(broken()))

    server = await serve(handler)
    received = await raw(server.port, LAST)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"content-encoding" not in received
    assert server.ended[0].coder is None


async def test_no_coder_is_made_for_a_head_alone(serve: Serve) -> None:
    def unwanted() -> Any:
        raise AssertionError("there is no body")

    async def handler(request: Request) -> Response:
        response = in_coding(Response(StreamController()))
        response.make_coder = unwanted
        return response

    server = await serve(handler)
    head = LAST.replace(b"GET", b"HEAD")
    assert b"content-encoding: gzip\r\n" in await raw(server.port, head)
    assert server.ended[0].outcome is Outcome.COMPLETE


@pytest.mark.parametrize("request_", [OLD, LAST], ids=["HTTP/1.0", "a length"])
async def test_only_chunks_can_be_encoded(serve: Serve, request_: bytes) -> None:
    async def handler(request: Request) -> Response:
        return in_coding(Response(StreamController() if request_ is OLD else b"fixed"))

    server = await serve(handler)
    received = await raw(server.port, request_)
    assert received.split(b" ")[1] == b"500"
    assert b"content-encoding" not in received


async def test_trailers_follow_the_end_of_the_coding(serve: Serve) -> None:
    async with streaming(serve, Pushed()) as (_, pushed, client):
        pushed.exchange.write("all")
        pushed.exchange.end(b" of it", (("x-rows", "2"),))
        await client.read_until(b"0\r\nx-rows: 2\r\n\r\n")
        assert decoded(client.received) == b"all of it"


async def test_the_connection_is_kept(serve: Serve) -> None:
    pushed = Pushed()
    pushed.stream.enqueue("one")
    pushed.stream.close()
    server = await serve(pushed)
    async with connect(server.port) as client:
        await client.send(GET)
        await client.read_until(is_whole)
        pushed.stream = StreamController()
        pushed.stream.close()
        client.received = b""
        await client.send(get(b"/again"))
        await client.read_until(is_whole)
        assert decoded(client.received) == b""


@coded
async def test_an_idle_stream_frees_its_compressor(
    serve: Serve, coding: Coding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows is encoded anew, and an EventSource reads on."""
    monkeypatch.setattr("streamserver.server.state.REST", 0.02)
    async with streaming(serve, Pushed(coding)) as (_, pushed, client):
        coder: Any = pushed.exchange.coder
        for n in range(1, 4):
            pushed.stream.enqueue(REPEATED)
            await wait_until(lambda: coder._compressor is None)
            await arrives(client, n * REPEATED, coding)
        pushed.stream.close()
        await client.read_until(lambda got: is_whole(got, coding))
    assert min(map(len, chunks(client.received)[:3])) > len(REPEATED) / 2
