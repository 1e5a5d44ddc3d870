"""Whole responses: heads, body and end, for every cut and every framing."""

from contextlib import suppress

import pytest

from streamserver.wire.chunked import End
from streamserver.wire.heads import CHUNKED, Fields
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import UNTIL_CLOSE, ResponseHead
from streamserver.wire.responses import MAX_INTERIM, ResponseReader
from support.cutting import cuts, in_pieces
from support.request_heads import LIMIT
from support.response_heads import ok, response
from support.responses import Received, receive

CODING, FIVE = ("transfer-encoding", "chunked"), ("content-length", "5")
CHUNKS, LENGTH = ok(b"Transfer-Encoding: chunked"), ok(b"Content-Length: 5")
CONTINUE = response(b"HTTP/1.1 100 Continue")
HINTS = response(b"HTTP/1.1 103 Early Hints", b"Link: </a>")


def final(length: int, *fields: tuple[str, str], keep_alive: bool = True) -> ResponseHead:
    """The head of a 200."""
    return ResponseHead(200, list(fields), 1, length, keep_alive)


def ended(rest: bytes = b"", trailers: Fields | None = None) -> End:
    """The end of a response, and what was fed beyond."""
    return End(tuple(trailers or []), rest)


CHUNKED_HEAD, LENGTH_HEAD = final(CHUNKED, CODING), final(5, FIVE)
OPEN_HEAD = final(UNTIL_CLOSE, keep_alive=False)
INTERIM = [ResponseHead(100, []), ResponseHead(103, [("link", "</a>")])]

WHOLE: list[tuple[bytes, Received]] = [
    # by length
    (LENGTH + b"hello", Received([LENGTH_HEAD], b"hello", ended())),
    (LENGTH + b"\0\r\n\r\nHTTP", Received([LENGTH_HEAD], b"\0\r\n\r\n", ended(b"HTTP"))),
    (
        ok(b"Content-Length: 0") + b"x",
        Received([final(0, ("content-length", "0"))], b"", ended(b"x")),
    ),
    # by the last-chunk, with trailers
    (CHUNKS + b"0\r\n\r\n", Received([CHUNKED_HEAD], b"", ended())),
    (
        CHUNKS + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n",
        Received([CHUNKED_HEAD], b"hello!", ended()),
    ),
    (
        CHUNKS + b"1\r\n\n\r\n0\r\nServer-Timing: db;dur=53\r\nX:\r\n\r\nHTTP/1.1 ",
        Received(
            [CHUNKED_HEAD],
            b"\n",
            ended(b"HTTP/1.1 ", [("server-timing", "db;dur=53"), ("x", "")]),
        ),
    ),
    # repaired by a recipient: padded sizes, bad whitespace (RFC 9112, section 7.1.1)
    (
        CHUNKS + b"5   \r\nhello\r\n1\t ;a = b \r\n!\r\n000 \r\n\r\n",
        Received([CHUNKED_HEAD], b"hello!", ended()),
    ),
    # any number of extensions
    (
        CHUNKS + b"1;%b\r\nx\r\n" % (b"a" * 2500) * 2 + b"0\r\n\r\n",
        Received([CHUNKED_HEAD], b"xx", ended()),
    ),
    # forbidden trailer fields, with all that is folded into them (RFC 9110, section 6.5.1)
    (
        CHUNKS + b"0\r\nX: y\r\nSet-Cookie: a\r\n b\r\nCONTENT-LENGTH : 5\r\n\r\n",
        Received([CHUNKED_HEAD], b"", ended(trailers=[("x", "y")])),
    ),
    (
        CHUNKS + b"0\r\nX : y\r\n  z \r\nY:\r\n\tX: z\r\n\r\n",
        Received([CHUNKED_HEAD], b"", ended(trailers=[("x", "y z"), ("y", "X: z")])),
    ),
    # by the end of the connection: nothing that comes is another response
    (ok(), Received([OPEN_HEAD], b"", ended())),
    (ok() + LENGTH + b"hello", Received([OPEN_HEAD], LENGTH + b"hello", ended())),
    # interim heads come first, whatever they claim
    (CONTINUE + HINTS + LENGTH + b"hello", Received([*INTERIM, LENGTH_HEAD], b"hello", ended())),
    (
        response(b"HTTP/1.1 102 Processing", b"Content-Length: 5", b"Connection: close")
        + LENGTH
        + b"hello",
        Received(
            [ResponseHead(102, [FIVE, ("connection", "close")], 1, 0, False), LENGTH_HEAD],
            b"hello",
            ended(),
        ),
    ),
    # no body (RFC 9112, section 6.3)
    (
        response(b"HTTP/1.1 304 Not Modified", b"Content-Length: 5") + LENGTH,
        Received([ResponseHead(304, [FIVE])], b"", ended(LENGTH)),
    ),
    (
        response(b"HTTP/1.1 204 No Content", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        Received([ResponseHead(204, [CODING])], b"", ended(b"0\r\n\r\n")),
    ),
]

CUT: list[tuple[bytes, Received]] = [
    (b"", Received()),
    (b"HTTP/1.1 200 OK\r\n", Received()),
    (CONTINUE, Received(INTERIM[:1])),
    (CONTINUE + b"HTTP", Received(INTERIM[:1])),
    (LENGTH, Received([LENGTH_HEAD])),
    (LENGTH + b"hell", Received([LENGTH_HEAD], b"hell")),
    (CHUNKS, Received([CHUNKED_HEAD])),
    (CHUNKS + b"5\r\nhell", Received([CHUNKED_HEAD], b"hell")),
    (CHUNKS + b"5\r\nhello\r\n", Received([CHUNKED_HEAD], b"hello")),
    (CHUNKS + b"5\r\nhello\r\n0\r\nX: y\r\n", Received([CHUNKED_HEAD], b"hello")),
]


@pytest.mark.parametrize(("data", "received"), WHOLE + CUT)
def test_what_a_response_means(data: bytes, received: Received) -> None:
    for pieces in cuts(data):
        assert receive(pieces) == received, pieces


@pytest.mark.parametrize("head", [LENGTH, CHUNKS, ok()])
def test_a_response_to_head_has_no_body(head: bytes) -> None:
    for pieces in cuts(head + b"5\r\nhello\r\n"):
        received = receive(pieces, "HEAD")
        assert received is not None
        assert (received.data, received.end) == (b"", ended(b"5\r\nhello\r\n"))
        assert received.heads[0].keep_alive


REFUSED: list[tuple[bytes, str]] = [
    (b"ICY 200 OK\r\n\r\n", "must begin with HTTP/1.1"),
    (CONTINUE + b"HTTP/1.1 200 OK\n\n", "a line that ends in LF alone"),
    (
        response(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: h2c"),
        "switched protocols without a request",
    ),
    (HINTS + response(b"HTTP/1.1 101 "), "switched protocols without a request"),
    (CHUNKS + b"x\r\n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b"+5\r\nhello\r\n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b" 5\r\n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b"5 5\r\n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b"5 \n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b"2;\r\naa\r\n", "chunked body: a chunk begins with its size"),
    (CHUNKS + b"5\r\nhello0\r\n", "chunked body: a chunk's data must be followed by CRLF"),
    (CHUNKS + b"0\r\nX y: a\r\n\r\n", "chunked body: a trailer's name must be a token"),
    (CHUNKS + b"0\r\n X: a\r\n\r\n", "chunked body: a trailer's name must be a token"),
    (CHUNKS + b"0\r\nX\r\n\r\n", "chunked body: 'X' has no colon"),
    (CHUNKS + b"1;%b\r\n" % (b"a" * 4096), "chunked body: its chunk extensions exceed 4096 bytes"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_a_broken_response_is_a_bad_gateway(data: bytes, message: str) -> None:
    """The detail is that of the component that found the fault; no cut makes an end of it."""
    expected = f"502 Bad Gateway: the upstream's response is broken: (?!the upstream).*{message}"
    with pytest.raises(HTTPError, match=expected):
        ResponseReader("GET", LIMIT).feed(data)
    for pieces in cuts(data):
        assert receive(pieces) is None, pieces


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "there is none"),
        (CONTINUE, "there is none"),
        (CONTINUE + b"H", "it ended within a head"),
        (LENGTH + b"hell", "it ended before its body did"),
        (CHUNKS + b"0\r\n", "it ended before its body did"),
    ],
)
def test_the_end_of_the_connection_within_a_response_is_reported(data: bytes, message: str) -> None:
    reader = ResponseReader("GET", LIMIT)
    reader.feed(data)
    with pytest.raises(HTTPError, match=f"502 Bad Gateway: the upstream's response .*: {message}"):
        reader.eof()
    assert reader.eof() == []
    with pytest.raises(RuntimeError, match="ended or failed"):
        reader.feed(b"x")


@pytest.mark.parametrize(
    "data", [LENGTH + b"hello", CHUNKS + b"0\r\n\r\n", b"X", CHUNKS + b"x\r\n"]
)
def test_nothing_can_be_fed_after_the_end_or_an_error(data: bytes) -> None:
    reader = ResponseReader("GET", LIMIT)
    with suppress(HTTPError):
        reader.feed(data)
    for more in (b"", b"x", LENGTH):
        with pytest.raises(RuntimeError, match="ended or failed"):
            reader.feed(more)
    assert reader.eof() == []


def test_a_body_that_ends_with_the_connection_ends_once() -> None:
    reader = ResponseReader("GET", LIMIT)
    assert reader.feed(ok() + b"a") == [OPEN_HEAD, b"a"]
    assert reader.feed(b"b") == [b"b"]
    assert reader.eof() == [ended()]
    assert reader.eof() == []
    with pytest.raises(RuntimeError, match="ended or failed"):
        reader.feed(b"c")


def test_every_piece_of_a_body_comes_out_at_once() -> None:
    """An empty piece returns nothing."""
    for head in (LENGTH, CHUNKS + b"5\r\n", ok()):
        reader = ResponseReader("GET", LIMIT)
        assert len(reader.feed(head)) == 1
        assert [reader.feed(piece) for piece in (b"h", b"", b"el")] == [[b"h"], [], [b"el"]]


@pytest.mark.parametrize("head", [CONTINUE, HINTS, response(b"HTTP/1.1 199 \xe9")])
def test_interim_heads_are_bounded(head: bytes) -> None:
    for pieces in ([head * MAX_INTERIM + LENGTH + b"hello"], [*[head] * MAX_INTERIM, LENGTH]):
        received = receive(pieces)
        assert received is not None
        assert len(received.heads) == MAX_INTERIM + 1
    for pieces in ([head * (MAX_INTERIM + 1) + LENGTH], in_pieces(head * 1000, 1000)):
        with pytest.raises(HTTPError, match=f"502 .* more than {MAX_INTERIM} interim heads"):
            _feed(ResponseReader("GET", LIMIT), pieces)


@pytest.mark.parametrize("interim", [b"", CONTINUE])
def test_each_head_is_bounded(interim: bytes) -> None:
    head = response(b"HTTP/1.1 200 OK", b"X: " + b"x" * 180)
    limit = len(head) - 4
    assert receive([interim + head], max_head=limit) is not None
    for pieces in cuts(interim + head):
        with pytest.raises(HTTPError, match=f"502 .* the head is longer than {limit - 1} bytes"):
            _feed(ResponseReader("GET", limit - 1), pieces)


def _feed(reader: ResponseReader, pieces: list[bytes]) -> None:
    for piece in pieces:
        reader.feed(piece)
