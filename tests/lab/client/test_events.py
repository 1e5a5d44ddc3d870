"""The data of events, as the parser of the wire reads it, and of JSON lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client import events
from streamserver.lab.client.events import EventStreamReader, LineReader
from streamserver.lab.client.failures import ErrorData
from streamserver.wire.sse import Parser

PIECES = [
    b"data: 1\n\n",
    b"data: 1\n\ndata: 2\n\n",
    b"id: 7\ndata: x y\n\n",
    b"event: e\nid: 7\ndata: {}\n\nevent: f\ndata:  two spaces\n\n",
    b"data: \n\n",
    b"data:1\n\n",
    b"data\n\n",
    b"data: 1\ndata: 2\n\n",
    b": comment\n\n",
    b"retry: 5\n\n",
    b"id: 7\n\n",
    b"event: lost\n\n",
    b"\n\n",
    b"\n",
    b"",
    b"data: a\r\n\r\n",
    b"data: a\r\rdata: b\n\n",
    b"data: \xff\xc3\n\n",
    "data: ü€\n\n".encode(),
    b"\xef\xbb\xbfdata: bom\n\n",
    b"data: unfinished",
    b"data: unfinished\n",
    b"id: \0\ndata: 1\n\n",
    b"dat",
    b"a: joined\n\n",
    b"data: end\n\r",
    b"other: 1\ndata: 1\n\n",
    b"event: error\ndata: 1\n\n",
    b"event:error\nid: 7\ndata: 1\n\ndata: 2\n\n",
    b"data: 1\nevent: error\n\n",
    b"event: error\nevent: other\ndata: 1\n\n",
    b"id: error\nevent: errors\ndata: 1\n\n",
    b"event: error\n",
]

Found = list[list[tuple[str, bool]]]
"""Of each piece the data of its events, and whether their type is ``error``."""


def parsed(pieces: list[bytes]) -> Found:
    parser = Parser()
    return [
        [(event.data, event.event == "error") for event in parser.feed(piece)] for piece in pieces
    ]


def found(pieces: list[bytes]) -> Found:
    reader = EventStreamReader()
    return [
        [(str(data), isinstance(data, ErrorData)) for data in reader.feed(piece)]
        for piece in pieces
    ]


@pytest.mark.parametrize("first", PIECES)
def test_two_pieces(first: bytes) -> None:
    for second in PIECES:
        for pieces in ([first, second], [b"data: 0\n\n", first, second, b"data: 9\n\n"]):
            assert found(pieces) == parsed(pieces)


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_many_pieces(pieces: list[bytes]) -> None:
    assert found(pieces) == parsed(pieces)


@given(
    st.lists(
        st.binary(max_size=12)
        | st.sampled_from([b"data: ", b"\n\n", b"\n", b"id: ", b"event: error"])
    )
)
def test_any_bytes(pieces: list[bytes]) -> None:
    assert found(pieces) == parsed(pieces)


def test_an_unfinished_event_is_discarded() -> None:
    reader = EventStreamReader()
    assert reader.feed(b"data: 1\n\ndata: 2\n") == ["1"]
    assert reader.end() == []


LINES = [
    (b"", []),
    (b'{"a":1}\n{"a":2}\n', ['{"a":1}', '{"a":2}']),
    (b'{"a":1}\r\n{"a":2}\r\n', ['{"a":1}', '{"a":2}']),
    (b"\n\n1\n\n\r\n2\n", ["1", "2"]),
    (b"1\n2", ["1", "2"]),
    ("ü\n€\n".encode(), ["ü", "€"]),
    (b"\xff\n", ["\ufffd"]),
    (b"1\n  \n", ["1"]),
]


@pytest.mark.parametrize(("data", "meaning"), LINES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_lines_are_events(data: bytes, meaning: list[str], size: int) -> None:
    reader, found = LineReader(), []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert found + reader.end() == meaning


def test_a_line_arrives_with_its_end() -> None:
    reader = LineReader()
    assert reader.feed(b"1") == []
    assert reader.feed(b"2\n3") == ["12"]
    assert reader.feed(b"\n") == ["3"]
    assert reader.end() == []


def test_a_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_LINE", 10)
    reader = LineReader()
    reader.feed(b"1" * 10)
    with pytest.raises(ValueError, match="exceeds 10 bytes"):
        reader.feed(b"1")
