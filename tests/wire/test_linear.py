"""Reading takes time that is linear in the size of the input, in one piece or byte by byte.

A limit on the size of an input does not replace this: a client may send the largest input again
and again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from streamserver.wire.chunked import Decoder
from streamserver.wire.conditions import entity_tags
from streamserver.wire.fields import connection_options, split_list
from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import read_request_head
from streamserver.wire.responses import ResponseReader
from streamserver.wire.sse import Parser
from support.cutting import in_pieces
from support.growth import MOST, growth
from support.requests import request
from support.response_heads import ok

LIMIT = 1 << 24
GET, HOST, ODD = b"GET / HTTP/1.1", b"Host: a", b"X: \xe9"
"""With ``ODD``, h11 reads the head."""

HEADS: dict[str, Callable[[int], bytes]] = {
    "Connection lines": lambda n: request(GET, HOST, *[b"connection: a"] * n),
    "Connection lines, by h11": lambda n: request(GET, HOST, ODD, *[b"connection: a"] * n),
    "Connection options": lambda n: request(GET, HOST, b"Connection: " + b"a," * n),
    "Transfer-Encoding lines": lambda n: request(GET, HOST, *[b"transfer-encoding: a"] * n),
    "Transfer-Encoding lines, by h11": lambda n: request(
        GET, HOST, ODD, *[b"transfer-encoding: a"] * n
    ),
    "Content-Length lines": lambda n: request(GET, HOST, *[b"content-length: 1"] * n),
    "other lines": lambda n: request(GET, HOST, *[b"x: y"] * n),
    "a fragment in an absolute-form": lambda n: request(
        b"GET http://a" + b"a" * 8 * n + b"#x HTTP/1.1", HOST
    ),
    "empty lines": lambda n: b"\r\n" * n + request(GET, HOST),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_request_head(head: Callable[[int], bytes]) -> None:
    def work(size: int) -> None:
        with suppress(HTTPError):
            read_request_head(head(size), LIMIT, LIMIT)

    assert growth(work, 500) < MOST


def read_head_in_pieces(data: bytes) -> None:
    """Read as a connection does: it keeps an incomplete head and passes its length."""
    kept = b""
    for piece in in_pieces(data, 1):
        head, kept = read_request_head(kept + piece, LIMIT, LIMIT, len(kept))
        if head is not None:
            return


def feeding(make: Callable[[], Decoder | Parser | ResponseReader]) -> Callable[[bytes], None]:
    """Feeds bytes, one at a time, to a new reader."""

    def feed(data: bytes) -> None:
        reader = make()
        for piece in in_pieces(data, 1):
            reader.feed(piece)

    return feed


def chunked(middle: bytes) -> bytes:
    return b"5" + middle + b"\r\nhello\r\n0\r\n\r\n"


def bytewise() -> Iterator[tuple[str, Callable[[bytes], None], Callable[[int], bytes]]]:
    """Readers, and inputs that are an eighth of what the readers' limits allow."""
    yield "a field", read_head_in_pieces, lambda n: request(GET, HOST, b"X: " + b"y" * n)
    yield "empty lines", read_head_in_pieces, lambda n: b"\r\n" * n + request(GET, HOST)
    response = feeding(lambda: ResponseReader("GET", LIMIT))
    yield "a field of a response", response, lambda n: ok(b"X: " + b"y" * n)
    yield "fields of a response", response, lambda n: ok(*[b"X: y"] * (n // 6))
    decoder = feeding(Decoder)
    yield "an extension", decoder, lambda n: chunked(b";a=" + b"b" * n)
    yield "a quoted extension", decoder, lambda n: chunked(b';a="' + b"b" * n + b'"')
    yield "many extensions", decoder, lambda n: chunked(b";a=b" * (n // 4))
    yield "a trailer field", decoder, lambda n: b"0\r\nX: " + b"y" * 2 * n + b"\r\n\r\n"
    yield "trailer fields", decoder, lambda n: b"0\r\n" + b"X: y\r\n" * (n // 3) + b"\r\n"
    yield "data of a chunk", decoder, lambda n: b"%x\r\n%b\r\n0\r\n\r\n" % (n, b"x" * n)
    parser = feeding(Parser)
    yield "a line of an event", parser, lambda n: b"data: " + b"x" * n + b"\n\n"
    yield "lines of an event", parser, lambda n: b"data: x\n" * (n // 8) + b"\n"
    yield "comments", parser, lambda n: b":\n" * (n // 2)


@pytest.mark.parametrize(
    ("feed", "data"), [pytest.param(feed, data, id=name) for name, feed, data in bytewise()]
)
def test_byte_by_byte(feed: Callable[[bytes], None], data: Callable[[int], bytes]) -> None:
    assert growth(lambda size: feed(data(size)), 480) < MOST


VALUES: dict[str, tuple[Callable[[str], object], str]] = {
    "members": (split_list, "a,"),
    "empty members": (split_list, " ,"),
    "quoted members": (split_list, '"a\\"",'),
    "open quotes": (split_list, '"\\'),
    "entity tags": (entity_tags, 'W/"a", '),
    "no entity tags": (entity_tags, " ,\t"),
}


@pytest.mark.parametrize(("read", "part"), VALUES.values(), ids=VALUES)
def test_a_value(read: Callable[[str], object], part: str) -> None:
    assert growth(lambda size: read(part * size + "x"), 500) < MOST


def test_connection_options() -> None:
    def work(size: int) -> None:
        connection_options([f"x-{number}" for number in range(size)])

    assert growth(work, 500) < MOST
