"""Request bodies: each piece is passed on as it arrives, and a body that is cut looks cut."""

import asyncio
from collections.abc import Callable

import h11
import pytest

from streamserver.proxy.settings import Timeouts
from support.answers import detail, statuses
from support.cutting import in_pieces
from support.hearing import drip, hear_request, hear_response
from support.kernel import segments
from support.rawserver import RawServer
from support.rawsocket import RawClient, connect, until_end
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import GET, LAST, chunked, post

LARGE = bytes(range(251)) * 20_000
PIECES = [b"one", b"two", b"three"]
COUNTED, IN_CHUNKS = post(b"", length=11), chunked(end=b"")


def plain(piece: bytes) -> bytes:
    """A piece of a body with a length."""
    return piece


FRAMINGS = [
    pytest.param(COUNTED, plain, b"", id="length"),
    pytest.param(IN_CHUNKS, chunk, LAST_CHUNK, id="chunked"),
]
Frame = Callable[[bytes], bytes]


@pytest.mark.parametrize(("head", "frame", "end"), FRAMINGS)
async def test_the_upstream_has_each_piece_before_the_client_sends_the_next(
    relay: StartRelay, upstream: RawServer, head: bytes, frame: Frame, end: bytes
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(head)
        peer = await upstream.asked()
        for number, piece in enumerate(PIECES):
            await client.send(frame(piece))
            await peer.read_until(frame(piece))
            assert segments(peer) == number + 2
        await client.send(end)
        await peer.send(ok(b"thanks"))
        await client.read_until(b"thanks")
        assert (await hear_request(peer)).content == b"onetwothree"


@pytest.mark.parametrize("sent", [post(b"hello"), chunked(b"he", b"llo")])
async def test_a_body_that_has_arrived_is_sent_with_its_head(
    relay: StartRelay, upstream: RawServer, sent: bytes
) -> None:
    """In one segment, and with a length, which some upstreams require."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        asked = await hear_request(peer)
        assert segments(peer) == 1
        assert asked.content == b"hello"
        assert asked.headers.get("content-length") == "5"
        assert asked.headers.get("transfer-encoding") is None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(LARGE), id="length"),
        pytest.param(chunked(LARGE), id="one chunk"),
        pytest.param(chunked(*in_pieces(LARGE, 999)), id="chunks"),
        pytest.param(post(LARGE).replace(b"HTTP/1.1", b"HTTP/1.0", 1), id="HTTP/1.0"),
    ],
)
async def test_a_large_upload_is_whole(relay: StartRelay, upstream: RawServer, sent: bytes) -> None:
    """Without a limit by default: the limit is the upstream's."""
    server = await relay()
    async with connect(server.port) as client:
        sending = asyncio.ensure_future(client.send(sent))
        peer = await upstream.accept()
        asked = await hear_request(peer)
        await sending
        await peer.send(ok(b"thanks"))
        await client.read_until(b"thanks")
    assert asked.content == LARGE


# --- Early answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "frame", "end"), FRAMINGS)
async def test_an_answer_is_relayed_while_the_body_still_flows(
    relay: StartRelay, upstream: RawServer, head: bytes, frame: Frame, end: bytes
) -> None:
    """Both directions are independent; a connection on which both are complete is reused."""
    server = await relay()
    async with connect(server.port) as client, connect(server.port) as other:
        await client.send(head)
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD)
        for piece in PIECES:
            await client.send(frame(piece))
            await peer.read_until(frame(piece))
            await peer.send(chunk(piece.upper()))
            await client.read_until(piece.upper())
        await client.send(end)
        assert (await hear_request(peer)).content == b"onetwothree"
        await peer.send(LAST_CHUNK)
        assert (await hear_response(client)).content == b"ONETWOTHREE"
        await other.send(GET)
        assert (await hear_request(peer)).method == "GET"


@pytest.mark.parametrize(("head", "frame", "end"), FRAMINGS)
async def test_an_answer_that_ends_first_ends_the_upload(
    relay: StartRelay, upstream: RawServer, head: bytes, frame: Frame, end: bytes
) -> None:
    """The upstream's connection is closed; the client's is reused after its body."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(head + frame(b"one"))
        peer = await upstream.asked()
        await peer.send(ok(b"enough"))
        assert (await hear_response(client)).content == b"enough"
        assert not (await until_end(peer)).endswith(LAST_CHUNK)
        await client.send(frame(b"twothree") + end + LAST)
        await (await upstream.asked()).send(ok(b"second"))
        assert (await hear_response(client)).content == b"second"


async def test_an_answer_to_a_body_of_which_much_is_to_come_closes(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(post(b"some", length=1 << 30))
        await (await upstream.asked()).send(b"HTTP/1.1 413 -\r\nContent-Length: 0\r\n\r\n")
        answer = await hear_response(client)
        assert (answer.status, answer.headers.get("connection")) == (413, "close")
        assert await until_end(client) == b""


async def test_an_upstream_that_leaves_amid_the_body_is_a_502(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The request is not repeated, because the beginning of the body is not kept."""
    server = await relay()
    async with connect(server.port) as client:
        await client.send(IN_CHUNKS + chunk(b"one"))
        (await upstream.asked()).reset()
        assert statuses(await client.read_until(b"}")) == [502]
        with pytest.raises(TimeoutError):
            await upstream.accept(timeout=0.05)


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_while_the_client_has_to_send_the_upstream_is_not_late(
    relay: StartRelay, upstream: RawServer, status: bytes
) -> None:
    """Also after interim responses."""
    server = await relay(timeouts=Timeouts(first_byte=0.25))
    async with connect(server.port) as client:
        await client.send(COUNTED + b"one")
        peer = await upstream.asked()
        await drip(peer, [b"HTTP/1.1 " + status + b"\r\n\r\n"])
        await asyncio.sleep(0.3)
        await client.send(b"twothree")
        await peer.read_until(b"twothree")
        await peer.send(ok(b"thanks"))
        assert (await hear_response(client, "POST")).content == b"thanks"


# --- Bodies that never become whole -----------------------------------------------------------


@pytest.mark.parametrize("leave", [RawClient.end, RawClient.reset])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(COUNTED, id="nothing of a length"),
        pytest.param(COUNTED + b"onetwothre", id="a length less one"),
        pytest.param(IN_CHUNKS, id="no chunk"),
        pytest.param(IN_CHUNKS + chunk(b"one"), id="no last-chunk"),
        pytest.param(IN_CHUNKS + chunk(b"one") + b"5\r\nth", id="half a chunk"),
        pytest.param(IN_CHUNKS + chunk(b"one") + b"0\r\n", id="no last line"),
        pytest.param(IN_CHUNKS + chunk(b"one") + b"0\r\na: b\r\n", id="no end of the trailers"),
    ],
)
async def test_a_body_that_the_client_cuts_never_looks_complete(
    relay: StartRelay, upstream: RawServer, sent: bytes, leave: Callable[[RawClient], None]
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        leave(client)
        with pytest.raises((h11.RemoteProtocolError, ConnectionResetError)):
            await hear_request(peer)
    assert [exchange.outcome for exchange in server.ended] == ["client_gone"]


@pytest.mark.parametrize(
    ("sent", "then", "status", "says"),
    [
        (IN_CHUNKS + chunk(b"one"), b"zz\r\n", 400, "chunk"),
        (IN_CHUNKS + chunk(b"one"), b"3\r\ntwo--", 400, "chunk"),
        (IN_CHUNKS + chunk(b"one"), chunk(b"two") + chunk(bytes(100)), 413, "100 bytes"),
        (IN_CHUNKS + chunk(bytes(100)), chunk(b"x"), 413, "100 bytes"),
        (COUNTED + b"one", b"", 408, "in time"),
        (IN_CHUNKS + chunk(b"one"), b"", 408, "in time"),
        (IN_CHUNKS, b"", 408, "in time"),
    ],
)
async def test_a_body_that_fails_is_answered_and_never_ended(
    relay: StartRelay, upstream: RawServer, sent: bytes, then: bytes, status: int, says: str
) -> None:
    """The client gets the error; the upstream's connection is closed."""
    server = await relay(max_body=100, settings={"body_timeout": 0.1 if status == 408 else 9.0})
    async with connect(server.port) as client:
        await client.send(sent)
        peer = await upstream.asked()
        await client.send(then)
        received = await client.read_until()
        assert statuses(received) == [status]
        assert says in detail(received)
        with pytest.raises((h11.RemoteProtocolError, ConnectionResetError)):
            await hear_request(peer)
    assert [exchange.outcome for exchange in server.ended] == ["rejected"]


@pytest.mark.parametrize(
    "sent", [post(bytes(101)), chunked(bytes(101)), post(b"", length=101), post(b"a", length=999)]
)
async def test_a_body_known_to_be_too_large_does_not_reach_the_upstream(
    relay: StartRelay, upstream: RawServer, sent: bytes
) -> None:
    server = await relay(max_body=100)
    async with connect(server.port) as client:
        await client.send(sent)
        assert statuses(await client.read_until(b"}")) == [413]
        with pytest.raises(TimeoutError):
            await upstream.accept(timeout=0.05)


@pytest.mark.parametrize("sent", [post(bytes(100)), chunked(bytes(60), bytes(40))])
async def test_a_body_of_exactly_the_limit_is_passed_on(
    relay: StartRelay, upstream: RawServer, sent: bytes
) -> None:
    server = await relay(max_body=100)
    async with connect(server.port) as client:
        await drip(client, in_pieces(sent, 50))
        peer = await upstream.asked()
        assert (await hear_request(peer)).content == bytes(100)


async def test_a_body_that_fails_when_the_answer_has_begun_cuts_it(
    relay: StartRelay, upstream: RawServer
) -> None:
    server = await relay()
    async with connect(server.port) as client:
        await client.send(IN_CHUNKS + chunk(b"one"))
        peer = await upstream.asked()
        await peer.send(CHUNKED_HEAD + chunk(b"early"))
        await client.read_until(b"early\r\n")
        await client.send(b"zz\r\n")
        assert await until_end(client) == b""
        assert LAST_CHUNK not in await until_end(peer)
    assert [exchange.outcome for exchange in server.ended] == ["truncated"]
