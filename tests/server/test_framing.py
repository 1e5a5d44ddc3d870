"""The head before a body, and how the client learns where the body ends (RFC 9112, section 6)."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import NamedTuple

import pytest

from streamserver.kit.response import Body, HeadersInit, Response
from streamserver.kit.stream import StreamController
from streamserver.server.answer import FileRegion
from streamserver.server.framing import Framing, frame
from streamserver.wire.fields import Headers
from streamserver.wire.request_heads import RequestHead


class Framed(NamedTuple):
    """What ``frame`` returns."""

    head: bytes
    framing: Framing
    length: int
    keep_alive: bool


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
FIELDS = (b"content-length", b"transfer-encoding", b"connection")


async def pieces() -> AsyncIterator[bytes]:
    yield b"piece"


STREAM = StreamController()
PULLED = pieces()
FILE = FileRegion(BytesIO(b"0123456789"), 2, 5)


def framed(
    request: str,
    body: Body,
    status: int = 200,
    headers: HeadersInit = None,
    keep_alive: bool = True,
) -> Framed:
    """What is made of an answer to a request such as ``GET 1.1``."""
    method, version = request.split()
    head = RequestHead(method, "/", int(version[-1]), [])
    response = Response(body, status=status, headers=headers)
    return Framed(*frame(head, response, DATE, keep_alive, ""))


def told(head: bytes) -> dict[bytes, bytes]:
    """What a head tells about the framing and the connection."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    fields = [line.split(b": ", 1) for line in lines]
    found = {name: value for name, value in fields if name in FIELDS}
    assert len(found) == sum(name in FIELDS for name, _ in fields), "one of them is there twice"
    return found


LENGTH, CODED, CLOSES = b"content-length", b"transfer-encoding", b"connection"


@pytest.mark.parametrize(
    ("request_line", "body", "status", "framing", "fields"),
    [
        ("GET 1.1", b"hello", 200, "length", {LENGTH: b"5"}),
        ("GET 1.1", "hellö", 200, "length", {LENGTH: b"6"}),
        ("GET 1.1", b"", 200, "length", {LENGTH: b"0"}),
        ("GET 1.1", FILE, 200, "length", {LENGTH: b"5"}),
        ("GET 1.1", FILE, 206, "length", {LENGTH: b"5"}),
        ("GET 1.1", STREAM, 200, "chunked", {CODED: b"chunked"}),
        ("GET 1.1", PULLED, 200, "chunked", {CODED: b"chunked"}),
        ("POST 1.1", PULLED, 500, "chunked", {CODED: b"chunked"}),
        # HTTP/1.0 knows no chunks and must be told that a connection stays.
        ("GET 1.0", b"hello", 200, "length", {LENGTH: b"5", CLOSES: b"keep-alive"}),
        ("GET 1.0", STREAM, 200, "close", {CLOSES: b"close"}),
        ("GET 1.0", PULLED, 200, "close", {CLOSES: b"close"}),
        # No body after HEAD, 204 and 304, whatever the fields say.
        ("HEAD 1.1", b"hello", 200, "none", {LENGTH: b"5"}),
        ("HEAD 1.1", FILE, 200, "none", {LENGTH: b"5"}),
        ("HEAD 1.1", STREAM, 200, "none", {}),
        ("HEAD 1.0", PULLED, 200, "none", {CLOSES: b"keep-alive"}),
        ("GET 1.1", b"", 204, "none", {}),
        ("GET 1.1", b"hello", 204, "none", {}),
        ("GET 1.1", STREAM, 204, "none", {}),
        ("GET 1.1", b"", 304, "none", {}),
        ("GET 1.1", STREAM, 304, "none", {}),
        # Nor with 205, whose length is told (RFC 9110, section 15.3.6).
        ("GET 1.1", b"", 205, "none", {LENGTH: b"0"}),
        ("GET 1.1", b"hello", 205, "none", {LENGTH: b"0"}),
        ("POST 1.1", STREAM, 205, "none", {LENGTH: b"0"}),
        ("GET 1.0", PULLED, 205, "none", {LENGTH: b"0", CLOSES: b"keep-alive"}),
        ("HEAD 1.1", FILE, 205, "none", {LENGTH: b"0"}),
    ],
)
def test_how_a_body_is_framed(
    request_line: str, body: Body, status: int, framing: Framing, fields: dict[bytes, bytes]
) -> None:
    answer = framed(request_line, body, status)
    assert answer.framing == framing
    assert told(answer.head) == fields
    if framing == "length":
        assert answer.length == int(fields[LENGTH])
    assert answer.keep_alive is (fields.get(CLOSES) != b"close")


@pytest.mark.parametrize("request_line", ["GET 1.1", "GET 1.0", "HEAD 1.1"])
@pytest.mark.parametrize("body", [b"hello", STREAM])
def test_a_connection_that_ends_says_so(request_line: str, body: Body) -> None:
    answer = framed(request_line, body, keep_alive=False)
    assert told(answer.head)[CLOSES] == b"close"
    assert not answer.keep_alive


def test_a_whole_head() -> None:
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
    assert framed("GET 1.1", b"hello", 200, headers).head == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nset-cookie: a\r\nset-cookie: b\r\n"
        b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 5\r\n\r\n"
    )
    # The version is ours, not the client's (RFC 9110, section 2.5).
    assert framed("GET 1.0", b"hello").head.startswith(b"HTTP/1.1 200 OK\r\n")


# --- what a handler may say itself ------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_line", "body", "status", "length", "framing"),
    [
        ("GET 1.1", STREAM, 200, "5", "length"),
        ("GET 1.1", PULLED, 200, "5", "length"),
        ("GET 1.0", PULLED, 200, "5", "length"),
        ("GET 1.1", PULLED, 200, "0", "length"),
        ("GET 1.1", b"hello", 200, "5", "length"),
        ("GET 1.1", FILE, 200, "5", "length"),
        # What a GET would have got (RFC 9110, section 8.6).
        ("HEAD 1.1", b"", 200, "1000", "none"),
        ("GET 1.1", b"", 304, "1000", "none"),
        ("HEAD 1.1", PULLED, 200, "1000", "none"),
    ],
)
def test_a_length_that_the_handler_knows(
    request_line: str, body: Body, status: int, length: str, framing: Framing
) -> None:
    answer = framed(request_line, body, status, {"Content-Length": length})
    assert told(answer.head)[LENGTH] == length.encode()
    assert CODED not in told(answer.head)
    assert (answer.framing, answer.length) == (framing, int(length))
    assert answer.keep_alive


def test_no_length_goes_with_204() -> None:
    """RFC 9110, section 8.6."""
    assert told(framed("GET 1.1", b"", 204, {"Content-Length": "0"}).head) == {}


def test_no_other_length_goes_with_205() -> None:
    """RFC 9110, section 15.3.6."""
    assert told(framed("GET 1.1", STREAM, 205, {"Content-Length": "5"}).head) == {LENGTH: b"0"}


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"hello", {"Content-Length": "4"}, "Content-Length is 4, but the body has 5 bytes"),
        (FILE, {"Content-Length": "6"}, "Content-Length is 6, but the body has 5 bytes"),
        *(
            (STREAM, {"Content-Length": length}, "must be decimal digits")
            for length in ("", "-5", "+5", "5.0", "5 5", "5, 5", "\u0665", "five")
        ),
        (STREAM, [("Content-Length", "5"), ("Content-Length", "6")], "Content-Length"),
        (STREAM, {"Transfer-Encoding": "chunked"}, "the engine writes Transfer-Encoding"),
        (b"hello", {"transfer-encoding": "gzip"}, "the engine writes Transfer-Encoding"),
        (b"hello", {"X": "a\r\nSet-Cookie: b"}, "not a header field: 'x'"),
    ],
)
def test_what_would_break_the_message_is_refused(
    body: Body, headers: HeadersInit, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        framed("GET 1.1", body, 200, headers)


def test_a_field_that_is_added_to_checked_ones_is_checked() -> None:
    response = Response(b"")
    response.headers = Headers.of_lower([("x", "y")], are_well_formed=True)
    head = RequestHead("GET", "/", 1, [])
    assert b"\r\nx: y\r\n" in frame(head, response, DATE, True, "")[0]
    response.headers.append("x", "a\r\nSet-Cookie: b")
    with pytest.raises(ValueError, match="not a header field: 'x'"):
        frame(head, response, DATE, True, "")


def test_an_interim_status_is_no_answer() -> None:
    response = Response(b"")
    response.status = 103
    with pytest.raises(ValueError, match="200 or more, not 103"):
        frame(RequestHead("GET", "/", 1, []), response, DATE, True, "")


@pytest.mark.parametrize(
    ("headers", "keep_alive"),
    [
        ({"Connection": "close"}, False),
        ({"Connection": "Close"}, False),
        ({"Connection": "x, close"}, False),
        ([("Connection", "close"), ("Connection", "x")], False),
        ({"Connection": "keep-alive"}, True),
        ({"Connection": "not-close"}, True),
    ],
)
def test_a_handler_may_end_the_connection(headers: HeadersInit, keep_alive: bool) -> None:
    answer = framed("GET 1.1", b"hello", 200, headers)
    assert answer.keep_alive is keep_alive
    assert told(answer.head).get(CLOSES) == (None if keep_alive else b"close")
    assert not framed("GET 1.1", b"hello", 200, headers, keep_alive=False).keep_alive


def test_a_handler_may_set_the_date() -> None:
    head = framed("GET 1.1", b"", 200, {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}).head
    assert head.count(b"date: ") == head.count(b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") == 1
