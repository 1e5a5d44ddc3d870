"""The bytes of a body: in order, exactly the upstream's, and framed anew for each client."""

import asyncio
import gzip

import pytest

from support.answers import body, chunks, content, statuses
from support.cutting import in_pieces
from support.hearing import drip, hear_request, hear_response, read_on
from support.kernel import segments
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET, LAST, OLD, get, post

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
LARGE = bytes(range(251)) * 20_000
"""Almost five MiB, in which no two pieces of one buffer's size are equal."""

EVENT = "data: é\u2028\n\n".encode()
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"


async def test_each_chunk_is_passed_on_alone(relay: StartRelay, upstream: RawServer) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD)
        await client.read_until(b"\r\n\r\n")
        for number in range(10):
            piece = b"piece %d" % number
            await peer.send(chunk(piece))
            await client.read_until(piece + b"\r\n")
            assert chunks(client.received)[-1] == piece
        await peer.send(LAST_CHUNK)
        received = await client.read_until(b"\r\n" + LAST_CHUNK)
    assert len(chunks(received)) == 10
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ([CHUNKED_HEAD + chunk(b"one")], [b"one"]),
        ([CHUNKED_HEAD + chunk(b"one") + chunk(b"two")], [b"onetwo"]),
        ([CHUNKED_HEAD, chunk(b"one")], [b"one"]),
        ([CHUNKED_HEAD + chunk(b"one"), chunk(b"two") + chunk(b"three")], [b"one", b"twothree"]),
        ([CHUNKED_HEAD, b"6\r\none", b"two\r\n5\r\nthree"], [b"one", b"twothree"]),
        ([CHUNKED_HEAD, chunk(b"one"), chunk(b"two") + LAST_CHUNK], [b"one", b"two"]),
        ([CHUNKED_HEAD + chunk(b"one") + LAST_CHUNK], [b"one"]),
        ([CHUNKED_HEAD + LAST_CHUNK], []),
        ([UNTIL_CLOSE + b"one", b"twothree"], [b"one", b"twothree"]),
    ],
)
async def test_one_read_of_the_upstream_is_one_write_to_the_client(
    relay: StartRelay, upstream: RawServer, reads: list[bytes], expected: list[bytes]
) -> None:
    """The head in one with the first piece, the last-chunk with the last; chunks merge, since
    their boundaries mean nothing, and none waits for its rest."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        for number, data in enumerate(reads):
            await drip(peer, [data])
            await read_on(client)
            assert segments(client) == number + 1
        assert chunks(client.received) == expected
        assert client.received.endswith(LAST_CHUNK) == reads[-1].endswith(LAST_CHUNK)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ([b"Content-Type: text/event-stream"], EVENT * 9),
        (
            [b"Content-Type: text/event-stream", b"Content-Encoding: gzip"],
            gzip.compress(EVENT, mtime=0),
        ),
        ([b"Content-Type: application/octet-stream"], bytes(range(256))),
        ([b"Content-Type: application/json", b"Content-Encoding: br"], b"{} no brotli at all"),
        ([], b"HTTP/1.1 200 OK\r\n\r\n0\r\n\r\n"),
    ],
)
async def test_content_passes_untouched_whatever_it_is(
    relay: StartRelay, upstream: RawServer, fields: list[bytes], data: bytes, size: int
) -> None:
    """Byte by byte, across events, characters and codings, and without a look at any of them."""
    server = await relay()
    head = b"\r\n".join((CHUNKED_HEAD[:-4], *fields, b"", b""))
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await drip(peer, [head, *map(chunk, in_pieces(data, size)), LAST_CHUNK])
        answer = await hear_response(client)
    assert answer.content == data
    for field in fields:
        name, _, value = field.decode().partition(": ")
        assert answer.headers.get(name) == value


LENGTH, CHUNKED, CLOSE = ("content-length", "5"), ("transfer-encoding", "chunked"), None


@pytest.mark.parametrize(
    ("asked", "answer", "framing"),
    [
        (GET, ok(b"hello"), LENGTH),
        (GET, CHUNKED_HEAD + chunk(b"hello") + LAST_CHUNK, CHUNKED),
        (GET, UNTIL_CLOSE + b"hello", CHUNKED),
        (OLD, ok(b"hello"), LENGTH),
        (OLD, CHUNKED_HEAD + chunk(b"hello") + LAST_CHUNK, CLOSE),
        (OLD, UNTIL_CLOSE + b"hello", CLOSE),
        (HEAD, ok(b"hello")[:-5], LENGTH),
        (HEAD, CHUNKED_HEAD, CLOSE),
        (HEAD, UNTIL_CLOSE, CLOSE),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_every_framing_for_every_client(
    relay: StartRelay,
    upstream: RawServer,
    asked: bytes,
    answer: bytes,
    framing: tuple[str, str] | None,
    size: int,
) -> None:
    """RFC 9112, section 6.3: what comes with or without a length leaves so, as the client can
    take it. What answers a HEAD has no body, whatever it says."""
    server = await relay()
    method = "HEAD" if asked is HEAD else "GET"
    async with connect(server.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        await drip(peer, in_pieces(answer, size))
        if answer.startswith(UNTIL_CLOSE):
            peer.end()
        got = await hear_response(client, method)
        assert got.content == (b"" if asked is HEAD else b"hello")
        given = {name: value for name, value in got.headers.items() if (name, value) == framing}
        assert [*given.items()] == ([framing] if framing else [])
        if asked is OLD:
            assert got.headers.get("connection") == "close"
            assert await client.read_until() == b""
    assert [exchange.outcome for exchange in server.ended] == ["complete"]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 -\r\n\r\n", MOVED]
)
async def test_both_connections_are_reused_after_a_response_without_a_body(
    relay: StartRelay, upstream: RawServer, answer: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(answer)
        got = await hear_response(client)
        assert (got.status, got.content) == (int(answer[9:12]), b"")
        await client.send(LAST)
        peer.received = b""
        await peer.read_until(b"GET /last ")
        await peer.send(ok(b"second"))
        assert (await client.read_until()).endswith(b"\r\n\r\nsecond")


@pytest.mark.parametrize("asked", [GET, OLD], ids=["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(LARGE), id="length"),
        pytest.param(CHUNKED_HEAD + chunk(LARGE) + LAST_CHUNK, id="one chunk"),
        pytest.param(
            CHUNKED_HEAD + b"".join(map(chunk, in_pieces(LARGE, 999))) + LAST_CHUNK, id="chunks"
        ),
        pytest.param(UNTIL_CLOSE + LARGE, id="until close"),
    ],
)
async def test_a_large_download_is_whole(
    relay: StartRelay, upstream: RawServer, asked: bytes, answer: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(asked)
        peer = await upstream.asked()
        hearing = asyncio.ensure_future(hear_response(client))
        await peer.send(answer)
        peer.end()
        got = await hearing
    assert got.content == LARGE
    assert [exchange.bytes_sent for exchange in server.ended] == [len(LARGE)]


async def test_pipelined_requests_are_answered_in_order_over_one_connection(
    relay: StartRelay, upstream: RawServer
) -> None:
    """One at a time: the upstream receives the next one after its response to the one before."""
    server = await relay()
    first, second, third = get(b"/1"), post(b"a body", target=b"/2"), get(b"/3")
    async with connect(server.port) as client:
        await client.send(first + second + third)
        peer = await upstream.accept()
        assert (await hear_request(peer)).method == "GET"
        with pytest.raises(TimeoutError):
            await peer.read_until(b"/2", timeout=0.05)
        await drip(peer, in_pieces(CHUNKED_HEAD + chunk(b"one") + LAST_CHUNK, 5))
        assert (await hear_request(peer)).content == b"a body"
        await peer.send(ok(b"two"))
        assert (await hear_request(peer)).method == "GET"
        await peer.send(ok(b"three"))
        answers = [await hear_response(client) for _ in range(3)]
    assert [answer.content for answer in answers] == [b"one", b"two", b"three"]


async def test_many_requests_use_one_connection(relay: StartRelay, upstream: RawServer) -> None:
    """No state of one exchange reaches the next one."""
    server = await relay()
    kinds = [ok(b"length"), CHUNKED_HEAD + chunk(b"chunk") + LAST_CHUNK, MOVED, ok()]
    async with connect(server.port) as client:
        await client.send(GET)
        peer = await upstream.accept()
        for kind in kinds * 5:
            await hear_request(peer)
            await drip(peer, in_pieces(kind, 9))
            answer = await hear_response(client)
            assert answer.content == (content(kind) if b"chunked" in kind else body(kind))
            await client.send(GET)
    assert statuses(b"".join(kinds * 5)) == [exchange.status for exchange in server.ended][:20]
