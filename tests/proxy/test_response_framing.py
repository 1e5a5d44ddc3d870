"""A response's body is framed anew, for its client.

The client must still be able to see that the body is complete (RFC 9112, section 8).
"""

import pytest

from support.answers import body
from support.passing import CLOSE, LAST_GET, VIA, lines, pass_on
from support.rawserver import RawServer
from support.rawsocket import connect
from support.relaying import CHUNKED_HEAD, LAST_CHUNK, StartRelay, chunk, ok
from support.requests import OLD, get, request

CHUNKS = CHUNKED_HEAD + b"005;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n"
COUNTED = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 006\r\n\r\nhello!",
    "1.0 with a length": b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
    "1.2 with a length": b"HTTP/1.2 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
    "1.0 that would stay": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 6\r\n\r\nhello!"
    ),
}
UNCOUNTED = {
    "chunked": CHUNKS,
    "1.9 in chunks": CHUNKS.replace(b"/1.1", b"/1.9"),
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello!",
    "1.0 until close": b"HTTP/1.0 200 OK\r\n\r\nhello!",
}
ANSWERS = [*COUNTED, *UNCOUNTED]

LENGTH = [b"content-length: 6"]
CODING = [b"transfer-encoding: chunked"]
CHUNKED = b"6\r\nhello!\r\n" + LAST_CHUNK


def framing(received: bytes) -> list[bytes]:
    """The field lines that frame it."""
    expected = (b"content-length:", b"transfer-encoding:", b"connection:")
    return [line for line in lines(received) if line.startswith(expected)]


@pytest.mark.parametrize("answer", [*COUNTED.values(), *UNCOUNTED.values()], ids=ANSWERS)
async def test_to_a_client_of_http_1_1(
    answer: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """A length stays one; everything else is chunked anew."""
    passed = await pass_on(await relay(), upstream, LAST_GET, answer, closes=True)
    counted = answer in COUNTED.values()
    assert framing(passed.down) == [*(LENGTH if counted else CODING), CLOSE.lower()]
    assert body(passed.down) == (b"hello!" if counted else CHUNKED)


@pytest.mark.parametrize("answer", [*COUNTED.values(), *UNCOUNTED.values()], ids=ANSWERS)
async def test_to_a_client_of_http_1_0(
    answer: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """It knows no chunks: a body without a length ends with the connection."""
    passed = await pass_on(await relay(), upstream, OLD, answer, closes=True)
    assert lines(passed.down)[0] == b"HTTP/1.1 200 OK"
    assert framing(passed.down) == [*LENGTH * (answer in COUNTED.values()), CLOSE.lower()]
    assert body(passed.down) == b"hello!"


async def test_a_connection_of_http_1_0_may_be_kept(relay: StartRelay, upstream: RawServer) -> None:
    """If the client requests that, and if the response has a length."""
    server = await relay()
    keep = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    async with connect(server.port) as client:
        await client.send(keep)
        peer = await upstream.asked()
        await peer.send(ok(b"hello!"))
        received = await client.read_until(b"hello!")
        assert framing(received) == [*LENGTH, b"connection: keep-alive"]
        await client.send(keep)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(CHUNKS)
        assert (await client.read_until()).endswith(b"connection: close\r\n\r\nhello!")


HEAD = request(b"HEAD / HTTP/1.1", b"Host: a", CLOSE)
BODILESS = {
    "HEAD with a length": (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 006\r\n\r\n", LENGTH),
    "HEAD with chunks": (HEAD, CHUNKED_HEAD, []),
    "HEAD without either": (HEAD, b"HTTP/1.1 200 OK\r\n\r\n", []),
    "HEAD of an error": (
        HEAD,
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n",
        LENGTH,
    ),
    "204": (LAST_GET, b"HTTP/1.1 204 No Content\r\n\r\n", []),
    "204 with a length": (LAST_GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", []),
    "304": (LAST_GET, b"HTTP/1.1 304 Not Modified\r\n\r\n", []),
    "304 with a length": (
        LAST_GET,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n",
        LENGTH,
    ),
    "304 with chunks": (
        LAST_GET,
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        [],
    ),
}


@pytest.mark.parametrize(("sent", "answer", "fields"), BODILESS.values(), ids=BODILESS)
async def test_what_never_has_a_body(
    sent: bytes, answer: bytes, fields: list[bytes], relay: StartRelay, upstream: RawServer
) -> None:
    """It ends with its head, whatever its fields, and the upstream's connection is reused."""
    server = await relay()
    passed = await pass_on(server, upstream, sent, answer)
    assert framing(passed.down) == [*fields, CLOSE.lower()]
    assert lines(passed.down)[0] == lines(answer)[0]
    assert body(passed.down) == b""


NO_CONTENT = {
    "a length": b"Content-Length: 6\r\n\r\nhello!",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n",
    "no end": b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n",
    "no framing": b"\r\n",
    "nothing": b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("rest", NO_CONTENT.values(), ids=NO_CONTENT)
async def test_the_content_of_a_205_is_dropped(
    rest: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """A 205 has none (RFC 9110, section 15.3.6)."""
    answer = b"HTTP/1.1 205 Reset Content\r\n" + rest
    passed = await pass_on(await relay(), upstream, LAST_GET, answer)
    assert lines(passed.down)[0] == b"HTTP/1.1 205 Reset Content"
    assert framing(passed.down) == [b"content-length: 0", CLOSE.lower()]
    assert body(passed.down) == b""


REPAIRED = {
    "padded sizes": CHUNKED_HEAD + b"5   \r\nhello\r\n1 \r\n!\r\n0 \r\n\r\n",
    "a forbidden trailer": CHUNKED_HEAD + b"6\r\nhello!\r\n0\r\nHost: a\r\n\r\n",
    "two equal lengths": ok(b"hello!", b"Content-Length: 6"),
    "a list of one length": ok(b"hello!").replace(b": 6", b": 6, 6"),
    "a space before the colon": ok(b"hello!", b"X : y").replace(b":", b" :"),
    "a folded line": ok(b"hello!", b"X:", b"\ty"),
}


@pytest.mark.parametrize("answer", REPAIRED.values(), ids=REPAIRED)
async def test_what_a_recipient_has_to_repair(
    answer: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """The client gets it repaired, and the upstream's connection is reused."""
    async with connect((await relay()).port) as client:
        await client.send(get(b"/"))
        peer = await upstream.asked()
        await peer.send(answer)
        coded = answer.startswith(CHUNKED_HEAD)
        received = await client.read_until(CHUNKED if coded else b"hello!")
        assert framing(received) == (CODING if coded else LENGTH)
        assert body(received) == (CHUNKED if coded else b"hello!")
        assert (b"x: y" in lines(received)) is (b"X" in answer)
        await client.send(LAST_GET)
        await peer.read_until(lambda got: got.count(b"\r\n\r\n") == 2)
        await peer.send(ok(b"next"))
        assert (await client.read_until()).endswith(b"\r\n\r\nnext")


async def test_repaired_fields_of_what_has_no_body(relay: StartRelay, upstream: RawServer) -> None:
    """A response to HEAD has the length of one to GET, once."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6, 6\r\ncontent-length : 6\r\n\r\n"
    passed = await pass_on(await relay(), upstream, HEAD, answer)
    assert framing(passed.down) == [*LENGTH, CLOSE.lower()]


async def test_a_connection_is_reused_after_a_response_without_a_body(
    relay: StartRelay, upstream: RawServer
) -> None:
    """The same one serves the next request."""
    async with connect((await relay()).port) as client:
        await client.send(HEAD.replace(CLOSE, b"X: y"))
        peer = await upstream.asked()
        for number, (answer, expected) in enumerate(
            [
                (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"200 OK"),
                (b"HTTP/1.1 204 No Content\r\n\r\n", b"204 No Content"),
                (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n", b"304 Not Modified"),
            ],
            start=2,
        ):
            await peer.send(answer)
            await client.read_until(expected)
            await client.send(get(b"/%d" % number))
            await peer.read_until(b"GET /%d " % number)
        await peer.send(CHUNKED_HEAD + chunk(b"hello!") + LAST_CHUNK)
        assert (await client.read_until(LAST_CHUNK)).endswith(b"\r\n\r\n" + CHUNKED)
        assert client.received.count(VIA) == 4
