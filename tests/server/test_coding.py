"""Bodies in a content coding: what is encoded together, what arrives, and how it ends."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.server.phase import Outcome
from streamserver.server.writer import GATHER
from streamserver.wire.chunked import LAST_CHUNK, encode
from streamserver.wire.content_coding import CODINGS, Coding
from streamserver.wire.sse import HEARTBEAT
from support.answers import body, chunks, content
from support.coding import Pushed, arrives, decoded, in_coding, is_whole, streaming
from support.inprocess import Serve
from support.rawsocket import connect, raw
from support.requests import GET, LAST, OLD, get
from support.waiting import wait_until

coded = pytest.mark.parametrize("coding", CODINGS)
REPEATED = "a text that is worth the reference when it is repeated in the stream"


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
