"""Server-sent events as they are read, for every cut, and the limits."""

import pytest

from streamserver.wire.sse import Event, Parser
from support.cutting import cuts
from support.sse import BOM, feed

STREAMS: list[tuple[bytes, list[Event]]] = [
    (b"", []),
    (b"data: hello\n\n", [Event("hello")]),
    (b"data:hello\n\n", [Event("hello")]),
    (b"data:  hello \n\n", [Event(" hello ")]),
    (b"data: a:b: c\n\n", [Event("a:b: c")]),
    # several data fields are joined with LF
    (b"data: a\ndata: b\n\n", [Event("a\nb")]),
    (b"data: a\ndata\ndata:\n\n", [Event("a\n\n")]),
    # an empty data field makes an event, no data field makes none
    (b"data\n\n", [Event("")]),
    (b"data:\n\n", [Event("")]),
    (b"event: tick\n\ndata: x\n\n", [Event("x")]),
    (b"\n\n\ndata: x\n\n\n\n", [Event("x")]),
    # the type belongs to one event
    (b"event: tick\ndata: x\n\ndata: y\n\n", [Event("x", "tick"), Event("y")]),
    (b"event: a\nevent: b\ndata: x\n\n", [Event("x", "b")]),
    (b"event: a\nevent\ndata: x\n\n", [Event("x")]),
    # the id stays, with or without data, until there is another
    (b"id: 1\ndata: x\n\ndata: y\n\n", [Event("x", id="1"), Event("y", id="1")]),
    (b"id: 1\n\ndata: x\n\n", [Event("x", id="1")]),
    (b"id: 1\nid: 2\ndata: x\n\n", [Event("x", id="2")]),
    (b"id: 1\ndata: x\n\nid\ndata: y\n\n", [Event("x", id="1"), Event("y", id="")]),
    (b"id: 1\nid: 2\0\ndata: x\n\n", [Event("x", id="1")]),
    (b"id: \0\ndata: x\n\n", [Event("x")]),
    # comments and unknown fields
    (b": data: a\n:\ndata: x\n:b\n\n", [Event("x")]),
    (b":\n\n: data: a\n\n", []),
    (b"Data: a\ndata : b\n data: c\ndatax: d\nfoo\nfoo: bar\ndata: x\n\n", [Event("x")]),
    # the end of a line is CR, LF or CRLF, and nothing else
    (b"data: a\rdata: b\r\rdata: c\r\r", [Event("a\nb"), Event("c")]),
    (b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [Event("a\nb"), Event("c")]),
    (b"data: a\ndata: b\rdata: c\r\ndata: d\r\n\n", [Event("a\nb\nc\nd")]),
    (b"data: a\n\r\n\rdata: b\r\n\r", [Event("a"), Event("b")]),
    (
        "data: a\v\f\x1c\x1e\x85\u2028\u2029b\n\n".encode(),
        [Event("a\v\f\x1c\x1e\x85\u2028\u2029b")],
    ),
    # a byte order mark at the start is no part of the text
    (BOM + b"data: x\n\n", [Event("x")]),
    (BOM + b"\ndata: x\n\n", [Event("x")]),
    (BOM + BOM + b"data: x\n\n", []),
    (b"\n" + BOM + b"data: x\n\n", []),
    (b"data: " + BOM + b"x\n\n", [Event("\ufeffx")]),
    (BOM[:2] + b"data: x\n\n", []),
    # characters of several bytes, and bytes that are none
    ("data: é€😀\nevent: é\nid: €\n\n".encode(), [Event("é€😀", "é", "€")]),
    (b"data: \xf0\x9f\x98\n\n", [Event("\ufffd")]),
    (b"data: \xff\xc3(\ndata: \x98\n\n", [Event("\ufffd\ufffd(\n\ufffd")]),
    (b"data: a\0b\n\n", [Event("a\0b")]),
    # an event without its blank line is not one
    (b"data: x\n\ndata: y\n", [Event("x")]),
    (b"data: x\n\ndata: y", [Event("x")]),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_stream_means_the_same_for_every_cut(stream: bytes, events: list[Event]) -> None:
    for pieces in cuts(stream):
        assert feed(Parser(), pieces) == events


def test_an_event_is_returned_as_soon_as_a_cr_ends_its_blank_line() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\n\r") == [Event("a")]
    assert parser.feed(b"\ndata: b\r") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\r") == [Event("b")]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: c\n\n") == [Event("c")]


@pytest.mark.parametrize(
    ("stream", "last_event_id"),
    [
        (b"data: x\n\n", None),
        (b"id: 1\ndata: x\n\n", "1"),
        (b"id: 1\n\n", "1"),
        (b"id: 1\n\nid: 2\n\n", "2"),
        (b"id: 1\n\nid: 2\ndata: x\n", "1"),
        (b"id: 1\n\nid:\n\n", ""),
    ],
)
def test_the_last_event_id_is_that_of_the_last_complete_event(
    stream: bytes, last_event_id: str | None
) -> None:
    for pieces in cuts(stream):
        parser = Parser()
        feed(parser, pieces)
        assert parser.last_event_id == last_event_id


@pytest.mark.parametrize(
    ("stream", "retry"),
    [
        (b"", None),
        (b"retry: 3000\n", 3000),
        (b"retry:007\n", 7),
        (b"retry: 0\n\n", 0),
        (b"retry: 1\nretry: 2\n\n", 2),
        (b"retry: 1\nretry: -2\nretry: +3\nretry: 4.0\nretry: 5 \nretry:  6\nretry\n", 1),
        (b"retry: 1\nretry: 1_0\nretry: 0x2\nretry: 1e3\n", 1),
        ("retry: 1\nretry: \u0665\nretry: \u00b2\n".encode(), 1),
        (b"retry: 1\nretry: " + b"9" * 5000 + b"\n", 1),
        (b"retry: 12", None),
    ],
)
def test_retry_is_digits_only(stream: bytes, retry: int | None) -> None:
    parser = Parser()
    assert parser.feed(stream) == []
    assert parser.retry == retry


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 123456\n\n",
        b"data: 12\ndata: 45\ndata: 78\ndata: 01\n\n",
        b"data\n" * 12 + b"\n",
        b"data: 12345\n\n" * 3,
        b":23456789012\n" * 3,
        b"id: 1\nid: 2\nevent: abcde\nfoo: bar\n\n",
    ],
)
def test_max_event_is_no_limit_of_the_stream(stream: bytes) -> None:
    for pieces in cuts(stream):
        feed(Parser(max_event=12), pieces)


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 1234567\n\n",
        b"data: 1234567",
        b"data: 12\ndata: 45\ndata: 78\ndata: 01\ndata\n\n",
        b"data\n" * 13,
        b":234567890123\n",
        b"id: 567890123\n",
        b"data: 12345\n\n" * 3 + b"data: 1234567\n\n",
    ],
)
def test_beyond_max_event_the_stream_is_lost(stream: bytes) -> None:
    for pieces in cuts(stream):
        parser = Parser(max_event=12)
        with pytest.raises(ValueError, match="exceeds 12 bytes"):
            feed(parser, pieces)
        for later in (b"\n\n", b"data: 1\n\n", b""):
            with pytest.raises(ValueError, match="exceeds 12 bytes"):
                parser.feed(later)


@pytest.mark.parametrize(
    ("piece", "count"),
    [(b"x", 65536), (b"x" * 64, 131072), (b"x" * 65536, 128), (b"\ndata: " + b"x" * 57, 65536)],
    ids=["bytes", "packets", "reads", "lines"],
)
def test_a_large_event_in_small_pieces(piece: bytes, count: int) -> None:
    """With quadratic time this test would not finish."""
    start = b"x" * (4 * 1024 * 1024)
    data = (start + piece * count).replace(b"\ndata: ", b"\n").decode()
    assert feed(Parser(), [b"data: " + start, *[piece] * count, b"\n\n"]) == [Event(data)]
