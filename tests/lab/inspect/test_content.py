"""The lines of a body's data: an event stream's, or JSON lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.inspect.content import LineSplitter
from streamserver.lab.inspect.parts import Part
from streamserver.wire.sse import BOM
from support.cutting import cut, cuts
from support.parts import merged

EVENTS, LINES = "text/event-stream", "application/x-ndjson"

TABLE: list[tuple[str, bytes, list[tuple[str, bytes]]]] = [
    (
        EVENTS,
        b"id: 1\ndata: a\n\n: beat\r\n\r\nretry: 5\r\rdata",
        [
            ("event field", b"id: 1\n"),
            ("event field", b"data: a\n"),
            ("blank line", b"\n"),
            ("comment", b": beat\r\n"),
            ("blank line", b"\r\n"),
            ("event field", b"retry: 5\r"),
            ("blank line", b"\r"),
            ("event field", b"data"),
        ],
    ),
    (EVENTS, BOM + b":\n", [("byte order mark", BOM), ("comment", b":\n")]),
    (EVENTS, BOM, [("byte order mark", BOM)]),
    (EVENTS, b"\n" + BOM + b"\n", [("blank line", b"\n"), ("event field", BOM + b"\n")]),
    (EVENTS, BOM[:2] + b":\n", [("event field", BOM[:2] + b":\n")]),
    (
        LINES,
        b'{"a":1}\r\n[]\n\nx',
        [("line", b'{"a":1}\r\n'), ("line", b"[]\n"), ("line", b"\n"), ("line", b"x")],
    ),
    ("text/plain", b"a\nb\n", [("data", b"a\nb\n")]),
]


def split(media_type: str, pieces: list[bytes]) -> list[Part]:
    splitter = LineSplitter(media_type)
    parts = [Part("data", piece, n, n > 0) for n, piece in enumerate(pieces) if piece]
    return [line for part in parts for line in splitter.split(part)]


@pytest.mark.parametrize(("media_type", "data", "expected"), TABLE)
def test_each_line_has_a_name_at_any_cut(
    media_type: str, data: bytes, expected: list[tuple[str, bytes]]
) -> None:
    for pieces in cuts(data):
        lines = split(media_type, pieces)
        assert [line[:2] for line in merged(lines)] == expected


def test_a_cut_line_is_marked_on_both_sides() -> None:
    lines = split(EVENTS, [b"data: a", b"b\r", b"\n\r\n"])
    marks = [(line.data, line.continues, line.is_complete) for line in lines]
    assert marks == [
        (b"data: a", False, False),
        (b"b\r", True, True),
        (b"\n", True, True),
        (b"\r\n", False, True),
    ]


@given(
    data=st.text(alphabet="\ufeffa:\r\n ", max_size=30).map(str.encode),
    places=st.sets(st.integers(0, 40)),
    media_type=st.sampled_from([EVENTS, LINES, "text/plain"]),
)
def test_nothing_is_lost(data: bytes, places: set[int], media_type: str) -> None:
    lines = split(media_type, cut(data, {place for place in places if place < len(data)}))
    assert b"".join(line.data for line in lines) == data
    if data:
        assert [one[:2] for one in merged(lines)] == [
            one[:2] for one in merged(split(media_type, [data]))
        ]
