"""Server-sent events: what is written, what is read, for every cut, against the standard."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.sse import Event, Parser, encode

BOM = b"\xef\xbb\xbf"


def feed(parser: Parser, pieces: list[bytes]) -> list[Event]:
    """The events that the parser finds in a stream of these pieces."""
    return [event for piece in pieces for event in parser.feed(piece)]


def cuts(stream: bytes) -> Iterator[list[bytes]]:
    """The stream whole, byte by byte, and in two pieces, cut everywhere."""
    yield [stream]
    yield [stream[at : at + 1] for at in range(len(stream))]
    for at in range(len(stream) + 1):
        yield [stream[:at], stream[at:]]


def cut(stream: bytes, places: set[int]) -> list[bytes]:
    """The stream cut at these places."""
    return [stream[start:end] for start, end in pairwise(sorted({0, *places, len(stream)}))]


# --- encoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "stream"),
    [
        (Event("hello"), b"data: hello\n\n"),
        (Event(""), b"data: \n\n"),
        (Event(" x: y "), b"data:  x: y \n\n"),
        (Event("é\u2028\x85\v\f\0"), "data: é\u2028\x85\v\f\0\n\n".encode()),
        # each line of the data is a field of its own
        (Event("a\nb"), b"data: a\ndata: b\n\n"),
        (Event("a\rb\r\nc\n\rd\n"), b"data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n"),
        (Event("a\n\nid: 6"), b"data: a\ndata: \ndata: id: 6\n\n"),
        # bytes are text in UTF-8 already
        (Event(b"a\xc3\xa9\r\nb"), b"data: a\xc3\xa9\ndata: b\n\n"),
        (Event(b""), b"data: \n\n"),
        # the rest is JSON, compact and in UTF-8
        (Event({"count": 1, "text": "é\n"}), 'data: {"count":1,"text":"é\\n"}\n\n'.encode()),
        (Event([1, 2.5, None, True]), b"data: [1,2.5,null,true]\n\n"),
        (Event(0), b"data: 0\n\n"),
        (Event(False), b"data: false\n\n"),
        (Event({}), b"data: {}\n\n"),
        # the other fields
        (Event("x", event="tick"), b"event: tick\ndata: x\n\n"),
        (Event("x", event="é: \0"), "event: é: \0\ndata: x\n\n".encode()),
        (Event("x", id="7"), b"id: 7\ndata: x\n\n"),
        (Event("x", id=7), b"id: 7\ndata: x\n\n"),
        (Event("x", id=0), b"id: 0\ndata: x\n\n"),
        (Event("x", id=""), b"id: \ndata: x\n\n"),
        (Event("x", retry=0), b"retry: 0\ndata: x\n\n"),
        (Event(retry=3000), b"retry: 3000\n\n"),
        (Event(id=7), b"id: 7\n\n"),
        # comments
        (Event(comment="still here"), b": still here\n\n"),
        (Event(comment=""), b": \n\n"),
        (Event(comment="a\nb\r\ndata: c\r"), b": a\n: b\n: data: c\n: \n\n"),
        (
            Event("x", "tick", 7, 100, "why"),
            b": why\nevent: tick\nid: 7\nretry: 100\ndata: x\n\n",
        ),
    ],
)
def test_an_event_is_written_as(event: Event, stream: bytes) -> None:
    assert encode(event) == stream


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Event("x", event="a\nb"), "event may not contain"),
        (Event("x", event="a\rb"), "event may not contain"),
        (Event("x", event="a\r\n\r\ndata: b"), "event may not contain"),
        (Event("x", id="7\ndata: b"), "id may not contain"),
        (Event("x", id="7\r"), "id may not contain"),
        (Event("x", id="7\0"), "id may not contain"),
        (Event(), "needs at least one field"),
        (Event("\ud800"), "surrogates not allowed"),
        (Event(b"\xff"), "can't decode"),
        (Event(float("nan")), "JSON compliant"),
    ],
)
def test_what_a_field_cannot_hold_is_an_error(event: Event, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        encode(event)


@pytest.mark.parametrize("retry", [-1, True, 1.5, "1", "1\ndata: b"])
def test_retry_is_a_whole_number_of_milliseconds(retry: Any) -> None:
    with pytest.raises(ValueError, match="retry is milliseconds"):
        encode(Event("x", retry=retry))


def test_data_that_json_does_not_take_is_an_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(Event({1, 2}))


# --- parsing ----------------------------------------------------------------------------------

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
    # a byte order mark is no part of the text, if it is the first thing in it
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


def test_an_event_is_given_as_soon_as_a_cr_ends_its_blank_line() -> None:
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
def test_the_last_event_id_is_that_of_what_arrived_whole(
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
        b"data: 1\ndata: 2\ndata: 3\n\n",
        b"data: 12345\n\n" * 3,
        b":23456789012\n" * 3,
        b"id: 1\nid: 2\nevent: abcde\nfoo: bar\n\n",
    ],
)
def test_max_event_bounds_what_is_held_not_what_goes_by(stream: bytes) -> None:
    for pieces in cuts(stream):
        feed(Parser(max_event=12), pieces)


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 1234567\n\n",
        b"data: 1234567",
        b"data: 1\ndata: 2\ndata: 3\ndata: 4\n\n",
        b"data\n" * 10,
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
        with pytest.raises(ValueError, match="exceeds"):
            parser.feed(b"\n\n")


@pytest.mark.parametrize(
    ("piece", "count"),
    [(b"x", 65536), (b"x" * 64, 131072), (b"x" * 65536, 128), (b"\ndata: " + b"x" * 57, 65536)],
    ids=["bytes", "packets", "reads", "lines"],
)
def test_a_large_event_in_small_pieces(piece: bytes, count: int) -> None:
    """Were the 4 MiB that wait touched again for each piece, this would never be done."""
    start = b"x" * (4 * 1024 * 1024)
    data = (start + piece * count).replace(b"\ndata: ", b"\n").decode()
    assert feed(Parser(), [b"data: " + start, *[piece] * count, b"\n\n"]) == [Event(data)]


# --- held against the standard, and against the encoder ---------------------------------------


def interpret(stream: bytes) -> tuple[list[Event], str | None, int | None]:
    """Section 9.2.6, step by step, for a stream that is there as a whole."""
    text = stream.decode(errors="replace").removeprefix("\ufeff")
    events: list[Event] = []
    data, event_type, last_id_buffer = "", "", None
    last_event_id, retry = None, None
    for line in re.split("\r\n|\r|\n", text)[:-1]:
        if line == "":
            last_event_id = last_id_buffer
            if data != "":
                events.append(Event(data.removesuffix("\n"), event_type or None, last_event_id))
            data, event_type = "", ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                event_type = value
            case "data":
                data += value + "\n"
            case "id" if "\0" not in value:
                last_id_buffer = value
            case "retry" if re.fullmatch("[0-9]+", value):
                retry = int(value)
    return events, last_event_id, retry


WORDS = (b"data", b"event", b"id", b"retry", b": ", b":", b" ", b"x", b"12", b"\0", b"\n\n")
MARKS = (b"\r", b"\n", b"\r\n", BOM, "é".encode(), "\u2028".encode(), b"\x85", b"\v", b"\xf0\x9f")


@given(
    stream=st.lists(st.sampled_from(WORDS + MARKS) | st.binary(max_size=3)).map(b"".join),
    places=st.sets(st.integers(0, 60)),
)
@example(stream=BOM + b"id: 1\rdata: \xf0\x9f\r\n\r\n", places={1, 2, 14, 16, 17, 18, 19})
def test_any_bytes_mean_what_the_standard_says(stream: bytes, places: set[int]) -> None:
    parser = Parser()
    events = feed(parser, cut(stream, places))
    assert (events, parser.last_event_id, parser.retry) == interpret(stream)


TEXT = st.text("x :é\u2028\x85\0\r\n")
NAMES = st.none() | st.text("x :é\u2028\x85", min_size=1)
NUMBERS = st.none() | st.integers(0, 10**6)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4)


@given(
    events=st.lists(
        st.builds(Event, data=TEXT, event=NAMES, id=NAMES, retry=NUMBERS, comment=TEXT)
        | st.builds(Event, data=TEXT.map(str.encode), id=st.integers())
        | st.builds(Event, data=st.lists(JSON))
        | st.builds(Event, comment=TEXT)
    ),
    places=st.sets(st.integers(0, 300)),
)
def test_what_is_encoded_is_parsed(events: list[Event], places: set[int]) -> None:
    """Line ends in data become LF, an id stays until the next, the rest is as it was."""
    wanted: list[tuple[Any, str | None, str | None]] = []
    last_id: str | None = None
    for event in events:
        if event.id is not None:
            last_id = str(event.id)
        if event.data is not None:
            wanted.append((plain(event.data), event.event, last_id))
    parsed = feed(Parser(), cut(b"".join(map(encode, events)), places))
    got = [
        (json.loads(event.data) if isinstance(want, list) else event.data, event.event, event.id)
        for event, (want, _, _) in zip(parsed, wanted, strict=True)
    ]
    assert got == wanted


def plain(data: Any) -> Any:
    """Data as it arrives: text with LF for every line end; JSON as the value it stands for."""
    text = data.decode() if isinstance(data, bytes) else data
    return re.sub("\r\n?", "\n", text) if isinstance(text, str) else data
