"""Responses whose heads two readers may read in two ways: none of them reaches a client.

A 502 names the fault. Nothing after it can be trusted, so the connection is not reused, and a
split response does not answer another request (RFC 9112, section 11.1).
"""

import pytest

from support.answers import detail, statuses
from support.passing import LAST_GET
from support.rawserver import RawServer
from support.rawsocket import connect, until_end
from support.relaying import StartRelay, ok
from support.requests import GET, request

OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\nX: y\r\n\r\n"


def line(status_line: bytes) -> bytes:
    """A response with this status line, otherwise valid."""
    return status_line + b"\r\nContent-Length: 5\r\n\r\nhello"


def field(field_line: bytes) -> bytes:
    """A response with this line among its fields."""
    return OK + b"X: y\r\n" + field_line + b"\r\nContent-Length: 5\r\n\r\nhello"


def framed(*field_lines: bytes) -> bytes:
    """A response framed by these lines."""
    return OK + b"\r\n".join(field_lines) + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


STATUS_LINES = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "no status line": b"hello\r\n\r\n",
    "nothing but an empty line": b"\r\n\r\n",
    "an empty line before it": b"\r\n" + line(b"HTTP/1.1 200 OK"),
    "a request": GET,
    "HTTP/0.9": b"<html></html>\r\n\r\n",
    "HTTP/2": line(b"HTTP/2 200 OK"),
    "HTTP/2.0": line(b"HTTP/2.0 200 OK"),
    "HTTP/1.10": line(b"HTTP/1.10 200 OK"),
    "lower case": line(b"http/1.1 200 OK"),
    "a space before it": line(b" HTTP/1.1 200 OK"),
    "two spaces": line(b"HTTP/1.1  200 OK"),
    "a tab": line(b"HTTP/1.1\t200 OK"),
    "no status": line(b"HTTP/1.1"),
    "a status in words": line(b"HTTP/1.1 OK"),
    "two digits": line(b"HTTP/1.1 20 OK"),
    "four digits": line(b"HTTP/1.1 2000 OK"),
    "below 100": line(b"HTTP/1.1 099 OK"),
    "a negative status": line(b"HTTP/1.1 -20 OK"),
    "other digits": line("HTTP/1.1 \u0662\u0660\u0660 OK".encode()),
    "a control character in the phrase": line(b"HTTP/1.1 200 O\x07K"),
    "the preface of HTTP/2": b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80",
    "a TLS alert": b"\x15\x03\x03\0\x02\x02\x46",
}
FIELDS = {
    "a bare LF": field(b"A: b\nSet-Cookie: c=d"),
    "an empty line of bare LFs": OK + b"A: b\n\nHTTP/1.1 200 OK" + END,
    "LFs alone": OK.replace(b"\r", b"") + b"A: b\n\n",
    "a bare CR": field(b"A: b\rSet-Cookie: c=d"),
    "CRs before an LF": field(b"A: b\r\r"),
    "NUL in a value": field(b"A: b\0c"),
    "NUL in a name": field(b"A\0: b"),
    "another control character": field(b"A: b\x1bc"),
    "DEL": field(b"A: b\x7f"),
    "a fold of the status line": OK + b" A: b" + END,
    "a space in a name": field(b"A B: c"),
    "no colon": field(b"A"),
    "no name": field(b": b"),
    "a name that is no token": field(b"A(B): c"),
    "a name that is not ASCII": field("\u00c4: b".encode("latin-1")),
}
FRAMING = {
    "both framings": framed(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "both, the other way round": framed(b"Transfer-Encoding: chunked", b"Content-Length: 15"),
    "both, one named by Connection": framed(
        b"Connection: Content-Length", b"Content-Length: 5", b"Transfer-Encoding: chunked"
    ),
    "two lengths": framed(b"Content-Length: 5", b"Content-Length: 6"),
    "two lengths, one behind a space": framed(b"Content-Length: 5", b"Content-Length : 6"),
    "two lengths, one in a fold": framed(b"Content-Length: 5,\r\n 6"),
    "both framings, one behind a space": framed(
        b"Content-Length: 5", b"Transfer-Encoding : chunked"
    ),
    "a list of lengths": framed(b"Content-Length: 5, 6"),
    "a negative length": framed(b"Content-Length: -5"),
    "a length with a plus": framed(b"Content-Length: +5"),
    "a length in hex": framed(b"Content-Length: 0x5"),
    "a length with a point": framed(b"Content-Length: 5.0"),
    "a length in words": framed(b"Content-Length: five"),
    "a length of nothing": framed(b"Content-Length:"),
    "a length beyond 64 bits": framed(b"Content-Length: 18446744073709551621"),
    "another coding": framed(b"Transfer-Encoding: gzip, chunked"),
    "chunked twice": framed(b"Transfer-Encoding: chunked, chunked"),
    "chunked in two lines": framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "chunked and not last": framed(b"Transfer-Encoding: chunked, identity"),
    "identity": framed(b"Transfer-Encoding: identity"),
    "a coding that only looks so": framed(b"Transfer-Encoding: xchunked"),
    "a coding of nothing": framed(b"Transfer-Encoding:"),
    "a coding with a vertical tab": framed(b"Transfer-Encoding: \x0bchunked"),
    "a coding in HTTP/1.0": framed(b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0", 1),
}
TOO_LARGE = {
    "a field": OK + b"X: " + b"y" * 70_000 + END,
    "a field without an end": OK + b"X: " + b"y" * 70_000,
    "fields without an end": OK + b"X: y\r\n" * 12_000,
    "a phrase without an end": b"HTTP/1.1 200 " + b"O" * 70_000,
}
BODIES = {
    "a size that is none": OK + b"Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
    "no size": OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
    "no CRLF behind the data": OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
}
MALFORMED = {
    **{f"status line: {name}": answer for name, answer in STATUS_LINES.items()},
    **{f"fields: {name}": answer for name, answer in FIELDS.items()},
    **{f"framing: {name}": answer for name, answer in FRAMING.items()},
    **{f"too large: {name}": answer for name, answer in TOO_LARGE.items()},
    **{f"a body in one piece with its head: {name}": answer for name, answer in BODIES.items()},
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
async def test_it_is_a_502_and_the_connection_is_not_used_again(
    answer: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """The client's connection stays usable: its next request is relayed over a new one."""
    async with connect((await relay()).port) as client:
        await client.send(GET)
        peer = await upstream.asked()
        await peer.send(answer)
        received = await client.read_until(b"}\n")
        assert statuses(received.partition(b"\r\n\r\n")[0]) == [502]
        assert b"content-type: application/problem+json" in received
        assert detail(received).startswith("the upstream's response is broken: ")
        await until_end(peer)
        await client.send(LAST_GET)
        await (await upstream.asked()).send(ok(b"sound"))
        assert (await client.read_until()).endswith(b"\r\n\r\nsound")


@pytest.mark.parametrize("method", [b"HEAD", b"GET"], ids=bytes.decode)
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"], ids=bytes.decode)
@pytest.mark.parametrize("name", ["both framings", "two lengths", "another coding"])
async def test_also_where_no_body_can_be(
    name: str, status: bytes, method: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    """Its fields would be passed on to the next reader."""
    async with connect((await relay()).port) as client:
        await client.send(request(method + b" / HTTP/1.1", b"Host: a", b"Connection: close"))
        peer = await upstream.asked()
        head, end, _ = FRAMING[name].partition(b"\r\n\r\n")
        await peer.send(head.replace(b"200 OK", status) + end)
        assert (await client.read_until()).startswith(b"HTTP/1.1 502 ")
        await until_end(peer)


CUT = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "a status line": OK,
    "half a field": OK + b"Set-Cookie: a=b",
    "all but the last byte": OK + b"Content-Length: 0\r\n\r",
    "only a hint": b"HTTP/1.1 102 Processing\r\n\r\n",
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
async def test_a_head_that_is_cut(answer: bytes, relay: StartRelay, upstream: RawServer) -> None:
    """No byte of it is passed on, and the request is not repeated, because a part was received."""
    async with connect((await relay()).port) as client:
        await client.send(LAST_GET)
        peer = await upstream.asked()
        await peer.send(answer)
        peer.end()
        received = await client.read_until()
    assert statuses(received)[-1] == 502
    assert b"set-cookie" not in received
    assert detail(received).startswith("the upstream")


NO_LINE_ENDS = {
    "percent-encoded": b"/%0d%0aSet-Cookie:%20a=b",
    "what Unicode has for a line end": b"a\x85b\xe2\x80\xa8c",
    "what ends a line after a cut to eight bits": "a\u560a\u560db".encode(),
}


@pytest.mark.parametrize("value", NO_LINE_ENDS.values(), ids=NO_LINE_ENDS)
async def test_what_is_no_line_end_does_not_become_one(
    value: bytes, relay: StartRelay, upstream: RawServer
) -> None:
    async with connect((await relay()).port) as client:
        await client.send(LAST_GET)
        await (await upstream.asked()).send(ok(b"", b"Location: " + value))
        assert b"\r\nlocation: " + value + b"\r\n" in await client.read_until()
