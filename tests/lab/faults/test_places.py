"""A place is the same wherever the stream was cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.faults.places import END, Finder, Place, byte, chunk, event, line
from streamserver.wire.sse import Parser

EVENTS = b"id: 0\ndata: a\n\ndata: b\ndata: c\n\n: a comment\n\ndata: d\n\n"

PLACES = [
    # the place, and how many bytes come before it
    (event(0), 0),
    (event(1), 15),
    (event(2), 32),
    (event(3), 45),  # a comment is a block too
    (event(4), 54),
    (line(1), 6),
    (line(3), 15),
    (byte(0), 0),
    (byte(17), 17),
    (byte(54), 54),
]
CASES = [(place, size, b"\n") for place, size in PLACES]
CASES += [(place, size, b"\r\n") for place, size in PLACES if place.unit != "byte"]
CASES += [(place, size, b"\r") for place, size in PLACES if place.unit == "event"]


def before(place: Place, pieces: list[bytes]) -> bytes | None:
    """What comes before the place; None where it is not reached."""
    finder, taken = Finder(place), b""
    for piece in [b"", *pieces]:
        if finder.reached:
            break
        taken += piece[: finder.feed(piece)]
    return taken if finder.reached else None


@pytest.mark.parametrize(("place", "size", "end"), CASES)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 70)))
def test_pieces_do_not_matter(place: Place, size: int, end: bytes, cuts: list[int]) -> None:
    stream = EVENTS.replace(b"\n", end)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(at)]
    assert before(place, pieces) == EVENTS[:size].replace(b"\n", end)


@pytest.mark.parametrize("place", [event(5), line(11), byte(55), chunk(2), END], ids=str)
def test_a_place_beyond_the_end_is_never_reached(place: Place) -> None:
    assert before(place, [EVENTS]) is None


def test_a_chunk_is_a_piece_that_is_not_empty() -> None:
    assert before(chunk(2), [b"ab", b"", b"c", b"d"]) == b"abc"
    assert before(chunk(0), [b"ab"]) == b""


def test_an_event_ends_where_its_reader_has_it() -> None:
    """With its last byte, and not before."""
    for count in (1, 2):
        taken = before(event(count), [EVENTS])
        assert taken
        assert len(Parser().feed(taken)) == count
        assert len(Parser().feed(taken[:-1])) == count - 1
