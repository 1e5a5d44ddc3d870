"""A request's body is framed anew, in one way only (RFC 9112, section 6)."""

import pytest

from support.passing import CLOSE, pass_on
from support.rawserver import RawServer
from support.relaying import StartRelay
from support.requests import chunked, get, post, request

LENGTH_5 = [b"content-length: 5"]
EMPTY = [b"content-length: 0"]
CHUNKED = [b"transfer-encoding: chunked"]
OWN = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"


def bare(method: bytes) -> bytes:
    """A request without a field about a body."""
    return request(method + b" / HTTP/1.1", b"Host: a", CLOSE)


def of_method(method: bytes, body: bytes) -> bytes:
    return post(body, fields=[CLOSE]).replace(b"POST", method)


WHOLE = {
    "a length": (post(b"hello", fields=[CLOSE]), LENGTH_5, b"hello"),
    "a length with zeros": (
        request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0005", CLOSE) + b"hello",
        LENGTH_5,
        b"hello",
    ),
    "chunks": (chunked(b"hel", b"lo", fields=[CLOSE]), LENGTH_5, b"hello"),
    "chunks with an extension and a trailer": (
        chunked(end=OWN, fields=[CLOSE]),
        LENGTH_5,
        b"hello",
    ),
    "a coding in another case": (
        get(b"/", b"Transfer-Encoding: CHUNKED", CLOSE) + OWN,
        LENGTH_5,
        b"hello",
    ),
    "a length of nothing": (post(b"", fields=[CLOSE]), EMPTY, b""),
    "no chunk but the last": (chunked(fields=[CLOSE]), EMPTY, b""),
    "a POST that says nothing": (bare(b"POST"), EMPTY, b""),
    "a PUT that says nothing": (bare(b"PUT"), EMPTY, b""),
    "a PATCH that says nothing": (bare(b"PATCH"), EMPTY, b""),
    "a GET that says nothing": (bare(b"GET"), [], b""),
    "a DELETE that says nothing": (bare(b"DELETE"), [], b""),
    "a GET with a length of nothing": (of_method(b"GET", b""), [], b""),
    "a GET with a body": (of_method(b"GET", b"hello"), LENGTH_5, b"hello"),
    "a DELETE with a body": (of_method(b"DELETE", b"hello"), LENGTH_5, b"hello"),
    "a HEAD with a body": (of_method(b"HEAD", b"hello"), LENGTH_5, b"hello"),
    "HTTP/1.0": (
        request(b"POST / HTTP/1.0", b"Content-Length: 5") + b"hello",
        LENGTH_5,
        b"hello",
    ),
}


@pytest.mark.parametrize(("sent", "framing", "body"), WHOLE.values(), ids=WHOLE)
async def test_a_body_that_comes_with_its_head(
    sent: bytes, framing: list[bytes], body: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """Its length is known, so it is sent, however the body was framed."""
    passed = await pass_on(await relay(forwarded="off"), upstream, sent, body=body)
    assert passed.fields[:-1] == framing
    assert passed.up.partition(b"\r\n\r\n")[2] == body


LATER = {
    "a length": (post(b"", length=5, fields=[CLOSE]), b"hello", LENGTH_5, b"hello"),
    "a part of it later": (post(b"he", length=5, fields=[CLOSE]), b"llo", LENGTH_5, b"hello"),
    "chunks": (
        chunked(end=b"", fields=[CLOSE]),
        b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
        CHUNKED,
        b"5\r\nhello\r\n0\r\n\r\n",
    ),
    "no chunk": (chunked(end=b"", fields=[CLOSE]), b"0\r\n\r\n", CHUNKED, b"0\r\n\r\n"),
    "half a chunk later": (
        chunked(end=b"5\r\nhe", fields=[CLOSE]),
        b"llo\r\n0\r\n\r\n",
        CHUNKED,
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ),
    "only the last-chunk later": (
        chunked(b"hello", end=b"", fields=[CLOSE]),
        b"000\r\n\r\n",
        CHUNKED,
        b"5\r\nhello\r\n0\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("sent", "rest", "framing", "body"), LATER.values(), ids=LATER)
async def test_a_body_that_comes_later(
    sent: bytes,
    rest: bytes,
    framing: list[bytes],
    body: bytes,
    relay: StartRelay,
    upstream: RawServer,
) -> None:
    """A length stays a length. Chunks are made anew, without extensions and trailers."""
    passed = await pass_on(await relay(forwarded="off"), upstream, sent, body=body, rest=rest)
    assert passed.fields[:-1] == framing
    assert passed.up.partition(b"\r\n\r\n")[2] == body
    assert passed.down.startswith(b"HTTP/1.1 200 ")
