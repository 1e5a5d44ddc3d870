"""Between two events or inside one: what may be added there, and how an unfinished one is ended."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.proxy.boundaries import LONGEST_ID, Boundaries
from streamserver.wire.sse import Event, Parser, encode
from support.cutting import cut, cuts, in_pieces
from support.sse import BOM, feed

BEAT = b":\n\n"
FAILURE = {"status": 502, "detail": "a\nb"}
LAST = encode(Event(event="error", data=FAILURE))

# What has passed, and what ends the event that has begun; None: none has.
STREAMS: list[tuple[bytes, bytes | None]] = [
    (b"", None),
    (b"d", b"\0\nid: \n\n"),
    (b"data: a", b"\0\nid: \nevent: incomplete\n\n"),
    (b"data: a\n", b"id: \nevent: incomplete\n\n"),
    (b"data: a\n\n", None),
    (b"data: a\n\nd", b"\0\nid: \n\n"),
    # The three ends of a line, alone and mixed.
    (b"data: a\r", b"id: \nevent: incomplete\n\n"),
    (b"data: a\r\n", b"id: \nevent: incomplete\n\n"),
    (b"data: a\r\r", None),
    (b"data: a\r\n\r", None),
    (b"data: a\r\n\r\n", None),
    (b"data: a\n\r\n", None),
    (b"data: a\r\n\n", None),
    (b"data: a\r\n\r\nd", b"\0\nid: \n\n"),
    (b"\n", None),
    (b"\r\n\r", None),
    # What is no event by itself, but could become part of one.
    (b":", b"\0\nid: \n\n"),
    (b": still here\n", b"id: \n\n"),
    (b": still here\n\n", None),
    (b"retry: 5\n", b"id: \n\n"),
    (b"\0", b"\0\nid: \n\n"),
    ("data: \u2028\x85".encode(), b"\0\nid: \nevent: incomplete\n\n"),
    # The id of the last whole event, in all its forms.
    (b"id: 1\n\nx", b"\0\nid: 1\n\n"),
    (b"id: 1\n\nid: 2", b"\0\nid: 1\n\n"),
    (b"id: 1\n\nid: 2\n", b"id: 1\n\n"),
    (b"id: 1\n\nid: 2\n\nx\n", b"id: 2\n\n"),
    (b"id: 1\rid: 2\r\rx\r", b"id: 2\n\n"),
    (b"id: 1\r\n\r\ndata: a\r\n\r\nx\r\n", b"id: 1\n\n"),
    (b"id:1\n\nx\n", b"id: 1\n\n"),
    (b"id:  1 \n\nx\n", b"id:  1 \n\n"),
    (b"id: a: b\n\nx\n", b"id: a: b\n\n"),
    ("id: é\n\nx\n".encode(), "id: é\n\n".encode()),
    (b"id: \xff\n\nx\n", b"id: \xff\n\n"),
    (b"id: 1\n\nid\n\nx\n", b"id: \n\n"),
    (b"id: 1\n\nid:\n\nx\n", b"id: \n\n"),
    (b"id: 1\n\nid: 2\0\n\nx\n", b"id: 1\n\n"),
    (b"id: 1\n\nID: 2\n id: 3\nidx: 4\ndata: id: 5\n: id: 6\n\nx\n", b"id: 1\n\n"),
    (b"id: 1\n\ndata: id: 2\n\ndata: a\n\nx\n", b"id: 1\n\n"),
    (b"id: 1\n\nid: 2\n\ndata: a\nid: 3\n\nx\n", b"id: 3\n\n"),
    (BOM + b"id: 1\n\nx\n", b"id: 1\n\n"),
    (b"id: 1\n\n" + BOM + b"id: 2\n\nx\n", b"id: 1\n\n"),
]


@pytest.mark.parametrize(("stream", "end"), STREAMS)
def test_where_a_stream_stands(stream: bytes, end: bytes | None) -> None:
    """Whole, byte by byte and cut everywhere."""
    for pieces in cuts(stream):
        boundaries = Boundaries()
        for piece in pieces:
            boundaries.feed(piece)
        assert boundaries.is_between_events is (end is None), pieces
        assert boundaries.end_event() == (end or b""), pieces
        assert boundaries.is_between_events
        assert boundaries.end_event() == b""


@pytest.mark.parametrize(
    ("piece", "last_id"),
    [
        (b"data: a\n\n", b"1"),
        (b"data: a\n\nevent: id\ndata: id: 2\n\n", b"1"),
        (b"id: 2\n\n", b"2"),
        (b"id\n\n", b""),
        (b"data: a\n\nid: 2\n\n", b"2"),
        (b"data: a\nid: 2\ndata: b\n\n", b"2"),
        (b"data: a\rid: 2\n\n", b"2"),
        (b"\n\n", b"1"),
    ],
)
def test_a_piece_of_whole_events(piece: bytes, last_id: bytes) -> None:
    boundaries = Boundaries()
    for each in (b"id: 1\n\n", piece, b"data: a\r\n\r", b"\n\n", b"\nx"):
        boundaries.feed(each)
    assert boundaries.end_event() == b"\0\nid: " + last_id + b"\n\n"


LONG = LONGEST_ID


@pytest.mark.parametrize(("length", "kept"), [(LONG, True), (LONG + 1, False), (10 * LONG, False)])
@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_an_id_is_kept_whole_or_not_at_all(length: int, kept: bool, size: int) -> None:
    """Half of one would be the id of something else."""
    long = b"x" * length
    boundaries = Boundaries()
    for piece in in_pieces(b"id: 1\n\nid: " + long + b"\n\ny\n", size):
        boundaries.feed(piece)
    assert boundaries.end_event() == b"id: " + (long if kept else b"1") + b"\n\n"


@pytest.mark.parametrize("line", [b"x", b"data: x\n", b"id: 1\n\n", b"\r\n"])
@pytest.mark.parametrize("size", [16, 10**6])
def test_a_stream_is_followed_in_linear_time(line: bytes, size: int) -> None:
    """Quadratic work on a line of so many bytes, or on so many lines, would outlast the limit."""
    boundaries = Boundaries()
    for piece in in_pieces(line * (4_000_000 if line == b"x" else 200_000), size):
        boundaries.feed(piece)
    assert boundaries.is_between_events is (line in (b"id: 1\n\n", b"\r\n"))


# The parser as the judge

WORDS = (b"data", b"event", b"id", b"retry", b": ", b":", b" ", b"x", b"12", b"\0", b"\n\n")
MARKS = (b"\r", b"\n", b"\r\n", BOM, "é".encode(), b"\x85", b"\xf0\x9f")
FIELDS = (b"id: 1\n", b"id: 2\r", b"data: a\n", b"event: b\r\n", b"data: {", b"retry: 1", b": c")
STREAM = st.lists(st.sampled_from(WORDS + MARKS + FIELDS) | st.binary(max_size=3)).map(b"".join)
PLACES = st.sets(st.integers(0, 60))


@given(stream=STREAM, places=PLACES)
@example(stream=b"id: 1\n\nid: 2\ndata: a\nevent: b\nretry: 12", places={10})
@example(stream=b"id: 1\n\nid: 12", places={1})
@example(stream=BOM + b"id: 1\n\ndata", places={1, 2})
@example(stream=b"data: a\r\n\r", places={8, 9})
def test_a_last_event_can_follow_whatever_has_passed(stream: bytes, places: set[int]) -> None:
    """It is an event of its own, with the id of the last whole one; an unfinished one is given, if
    at all, as an event of a type that no client listens for."""
    boundaries, whole = Boundaries(), Parser()
    for piece in cut(stream, places):
        boundaries.feed(piece)
    events = whole.feed(stream)
    client = Parser()
    *before, last = client.feed(stream + boundaries.end_event() + LAST)
    assert before[: len(events)] == events
    assert [one.event for one in before[len(events) :]] in ([], ["incomplete"])
    assert last.event == "error"
    assert json.loads(last.data) == FAILURE
    assert (last.id or "") == (client.last_event_id or "") == (whole.last_event_id or "")
    assert client.retry == whole.retry


@given(stream=STREAM, places=PLACES)
@example(stream=b"id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n", places=set(range(40)))
@example(stream=b"data: a\revent: b\r\r\ndata: c\r\r", places=set(range(40)))
def test_what_is_said_between_events_changes_none(stream: bytes, places: set[int]) -> None:
    """Wherever the stream is cut; only before its first byte, a BOM would lose its place."""
    boundaries, client, whole = Boundaries(), Parser(), Parser()
    events = []
    for piece in filter(None, cut(stream, places)):
        boundaries.feed(piece)
        events += feed(client, [piece, BEAT] if boundaries.is_between_events else [piece])
    assert events == whole.feed(stream)
    assert (client.last_event_id, client.retry) == (whole.last_event_id, whole.retry)


@given(st.lists(st.tuples(st.text("a\r\n:é"), st.integers(0, 9)), min_size=1), PLACES)
def test_behind_each_whole_event_there_is_room(
    sent: list[tuple[str, int]], places: set[int]
) -> None:
    """Nothing that is between events is taken for the inside of one."""
    encoded = [encode(Event(data, id=number)) for data, number in sent]
    ends = {*itertools.accumulate(map(len, encoded))}
    boundaries, at = Boundaries(), 0
    for piece in cut(b"".join(encoded), places | ends):
        boundaries.feed(piece)
        at += len(piece)
        assert boundaries.is_between_events is (at in ends or at == 0)
