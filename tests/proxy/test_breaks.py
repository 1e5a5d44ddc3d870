"""An upstream that fails during its response: the client can detect it."""

from collections.abc import Callable

import pytest

from support.answers import body, content, detail, statuses
from support.hearing import drip, hear_response
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET, OLD, chunked
from support.waiting import wait_until

COUNTED = ok(bytes(100))[:-100]
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


def ends(peer: RawClient) -> None:
    """A FIN."""
    peer.end()


def resets(peer: RawClient) -> None:
    """A RST."""
    peer.reset()


def stays(peer: RawClient) -> None:
    """Nothing more: what was sent is malformed by itself."""


Break = Callable[[RawClient], None]
BREAKS = [
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"", ends, id="FIN between chunks"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"5\r\nhe", ends, id="FIN within a chunk"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"0", ends, id="FIN within the last-chunk"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"0\r\n", ends, id="FIN before the last line"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"0\r\na: b\r\n", ends, id="FIN among trailers"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"", resets, id="RST between chunks"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"zz\r\n", stays, id="no size"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"-5\r\n", stays, id="a negative size"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"f" * 17 + b"\r\n", stays, id="a huge size"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"2\r\nhello\r\n", stays, id="a short size"),
    pytest.param(CHUNKED_HEAD, chunk(b"piece"), b"0\r\nno trailer\r\n\r\n", stays, id="trailers"),
    pytest.param(COUNTED, b"piece", b"", ends, id="FIN before the length"),
    pytest.param(COUNTED, b"piece", b"", resets, id="RST before the length"),
    pytest.param(UNTIL_CLOSE, b"piece", b"", resets, id="RST instead of a close"),
]


async def break_off(
    upstream: RawServer, client: RawClient, head: bytes, piece: bytes, last: bytes, how: Break
) -> RawClient:
    """Send a piece, which arrives, and then fail."""
    peer = await upstream.asked()
    await peer.send(head + piece)
    await client.read_until(b"piece")
    await drip(peer, [last] if last else [])
    how(peer)
    return peer


@pytest.mark.parametrize(("head", "piece", "last", "how"), BREAKS)
async def test_a_stream_that_breaks_is_cut(
    relay: StartRelay, upstream: RawServer, head: bytes, piece: bytes, last: bytes, how: Break
) -> None:
    """By a FIN: without the last-chunk or the whole length it shows that the rest is missing."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        await break_off(upstream, client, head, piece, last, how)
        received = await client.read_until()
    assert not received.endswith(LAST_CHUNK)
    assert (body if head is COUNTED else content)(received).startswith(b"piece")
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]
    assert isinstance(server.ended[0].error, Exception)


@pytest.mark.parametrize(("head", "piece", "last", "how"), BREAKS)
async def test_a_stream_that_breaks_is_reset_where_a_fin_would_be_an_end(
    relay: StartRelay, upstream: RawServer, head: bytes, piece: bytes, last: bytes, how: Break
) -> None:
    """HTTP/1.0 has no last-chunk; with a length, an early FIN can be distinguished from an end."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(OLD)
        await break_off(upstream, client, head, piece, last, how)
        if head is COUNTED:
            assert (await client.read_until()).endswith(b"piece")
        else:
            with pytest.raises(ConnectionResetError):
                await client.read_until()
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


@pytest.mark.parametrize(("head", "piece", "last", "how"), BREAKS)
async def test_nothing_of_a_broken_connection_is_used_again(
    relay: StartRelay, upstream: RawServer, head: bytes, piece: bytes, last: bytes, how: Break
) -> None:
    server = await relay()
    async with connect(server.port) as client, connect(server.port) as other:
        await client.send(GET)
        peer = await break_off(upstream, client, head, piece, last, how)
        await until_end(client)
        if how is not resets:
            assert await until_end(peer) == b""
        await other.send(GET)
        await (await upstream.asked()).send(ok(b"fresh"))
        assert (await hear_response(other)).content == b"fresh"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED_HEAD + b"zz\r\n",
        CHUNKED_HEAD + chunk(b"piece") + b"zz\r\n",
        CHUNKED_HEAD + chunk(b"piece") + b"2\r\nhello\r\n",
    ],
)
async def test_a_response_that_is_malformed_from_the_start_is_a_502(
    relay: StartRelay, upstream: RawServer, answer: bytes
) -> None:
    """Until a head was sent, a status can report the failure."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(answer)
        received = await client.read_until(b"}")
        assert statuses(received) == [502]
        assert "upstream" in detail(received)
        assert await until_end(peer) == b""
        await client.send(GET)
        await (await upstream.asked()).send(ok(b"fresh"))
        await client.read_until(b"fresh")


async def test_a_request_body_is_not_read_further_after_its_response_failed(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(chunked(b"a part", end=b""))
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"piece"))
        await client.read_until(b"piece\r\n")
        peer.reset()
        assert await until_end(client) == b""
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]


SMUGGLED = ok(b"smuggled")
WHOLE = [
    pytest.param(GET, ok(b"hello"), id="length"),
    pytest.param(GET, ok(), id="no length"),
    pytest.param(GET, CHUNKED_HEAD + chunk(b"hello") + LAST_CHUNK, id="chunked"),
    pytest.param(GET.replace(b"GET", b"HEAD"), ok(b"hello")[:-5], id="HEAD"),
    pytest.param(GET, b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
    pytest.param(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", id="304"),
]


@pytest.mark.parametrize(("asked", "answer"), WHOLE)
@pytest.mark.parametrize("extra", [SMUGGLED, b"\r\n", b"x"])
async def test_bytes_after_a_response_answer_no_request(
    relay: StartRelay, upstream: RawServer, asked: bytes, answer: bytes, extra: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        await peer.send(answer + extra)
        await hear_response(client, asked[:4].decode().strip())
        assert await until_end(peer) == b""
        await client.send(GET)
        await (await upstream.asked(2.0)).send(ok(b"honest"))
        assert (await hear_response(client)).content == b"honest"


@pytest.mark.parametrize(("asked", "answer"), WHOLE)
async def test_bytes_that_arrive_later_answer_no_request(
    relay: StartRelay, upstream: RawServer, asked: bytes, answer: bytes
) -> None:
    """An idle connection with unexpected bytes is closed."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        await peer.send(answer)
        await hear_response(client, asked[:4].decode().strip())
        await wait_until(lambda: server.ended)
        await peer.send(SMUGGLED)
        assert await until_end(peer) == b""
        await client.send(GET)
        await (await upstream.asked(2.0)).send(ok(b"honest"))
        assert (await hear_response(client)).content == b"honest"


@pytest.mark.parametrize("asked", [GET, GET.replace(b"GET", b"DELETE"), chunked(b"a body")])
async def test_bytes_that_are_pending_when_the_next_request_arrives_answer_no_request(
    relay: StartRelay, upstream: RawServer, asked: bytes
) -> None:
    """The event loop reports the request first, because it arrived first."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(ok(b"hello"))
        await hear_response(client)
        await wait_until(lambda: server.ended)
        assert client.sock.send(asked) == len(asked)
        assert peer.sock.send(SMUGGLED) == len(SMUGGLED)
        await (await upstream.asked(2.0)).send(ok(b"honest"))
        assert (await hear_response(client)).content == b"honest"
