"""The data of events is what the wire's parser reads, whatever way it was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client.event_data import ErrorData, EventData
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
    reader = EventData()
    return [
        [(str(data), isinstance(data, ErrorData)) for data in reader.feed(piece)]
        for piece in pieces
    ]


@pytest.mark.parametrize("first", PIECES)
@pytest.mark.parametrize("second", PIECES)
def test_two_pieces(first: bytes, second: bytes) -> None:
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
