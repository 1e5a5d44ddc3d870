"""What a request may write, what a wrong fault is refused with, and where a position is."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamserver.lab.faults.grammar import (
    END,
    MAX_FAULTS,
    Fault,
    Position,
    PositionFinder,
    parse_faults,
)
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Parser

ASKED = [
    ("truncate", Fault("truncate")),
    ("truncate@end", Fault("truncate", END)),
    ("truncate@event:5", Fault("truncate", Position("event", 5))),
    ("rst@byte:1000", Fault("rst", Position("byte", 1000))),
    ("stall@event:3:2.5", Fault("stall", Position("event", 3), 2.5)),
    ("stall@event:3", Fault("stall", Position("event", 3))),
    ("stall:2", Fault("stall", END, 2)),
    ("stall@end:2", Fault("stall", END, 2)),
    ("garbage@line:3:64", Fault("garbage", Position("line", 3), 64)),
    ("bad_chunk@chunk:0", Fault("bad_chunk", Position("chunk", 0))),
    ("error@event:5", Fault("error", Position("event", 5))),
    ("error@event:5:vllm", Fault("error", Position("event", 5), service="vllm")),
    ("error:openai", Fault("error", END, service="openai")),
    ("unfinished", Fault("unfinished")),
    ("unfinished:0.5", Fault("unfinished", END, 0.5)),
    ("slow_close:300", Fault("slow_close", END, 300)),
    ("length:0", Fault("length", END, 0)),
    ("length_over:1", Fault("length_over", END, 1)),
    ("length_under:65536", Fault("length_under", END, 65536)),
    ("half_head", Fault("half_head")),
    ("half_head:20", Fault("half_head", END, 20)),
    ("rst@byte:64KiB", Fault("rst", Position("byte", 65536))),
    ("stall@event:3:500ms", Fault("stall", Position("event", 3), 0.5)),
    ("slow_close:2m", Fault("slow_close", END, 120)),
    ("length:1MB", Fault("length", END, 1_000_000)),
]


@pytest.mark.parametrize(("text", "fault"), ASKED, ids=[one[0] for one in ASKED])
def test_a_fault(text: str, fault: Fault) -> None:
    assert parse_faults([text], 0) == [fault]
    assert parse_faults([str(fault)], 0) == [fault]


def test_several_faults_in_one_text_or_in_several() -> None:
    faults = [Fault("stall", Position("event", 1), 2.0), Fault("truncate", Position("event", 2))]
    assert parse_faults(["stall@event:1:2, truncate@event:2"], 0) == faults
    assert parse_faults(["stall@event:1:2", "truncate@event:2"], 0) == faults
    assert len(parse_faults(["rst"] * MAX_FAULTS, 0)) == MAX_FAULTS


def test_the_seed_selects_a_position_of_the_range() -> None:
    for text, allowed in [
        ("truncate@event:?", range(7)),
        ("truncate@event:2-4", range(2, 5)),
        ("truncate@event:3-3", range(3, 4)),
    ]:
        chosen = [parse_faults([text], seed, count=7)[0].position.count for seed in range(200)]
        assert {*chosen} == {*allowed}
        assert chosen == [
            parse_faults([text], seed, count=7)[0].position.count for seed in range(200)
        ]
    chosen = [parse_faults(["rst@byte:?"], seed)[0].position.count for seed in range(300)]
    assert max(chosen) < 1000 < 50 * len({*chosen})
    assert parse_faults(["rst@event:?"], 1, count=0)[0].position == Position("event", 0)


def test_a_position_does_not_depend_on_other_faults() -> None:
    alone = parse_faults(["rst@byte:?"], 5)[0]
    assert parse_faults(["rst@byte:?", "stall@event:?"], 5)[0] == alone
    two = [parse_faults(["rst@byte:?", "rst@byte:?"], seed) for seed in range(9)]
    assert [one for one in two if one[0] != one[1]]


REFUSED = [
    # the text, the parameter that is named, a part of what is allowed
    ("", "fault", "truncate, rst, stall"),
    ("crash", "fault", "truncate, rst, stall"),
    ("rst,", "fault", "truncate, rst, stall"),
    ("TRUNCATE", "fault", "truncate, rst, stall"),
    ("truncate@", "fault truncate@", "event, line, chunk, byte, end"),
    ("truncate@token:1", "fault truncate@", "event, line, chunk, byte, end"),
    ("truncate@event", "fault truncate@event:NUMBER", "0 to 1000000000, a range such as 2-8, or ?"),
    ("truncate@event:", "fault truncate@event:NUMBER", "or ?"),
    ("truncate@event:-1", "fault truncate@event:NUMBER", "or ?"),
    ("truncate@event:1.5", "fault truncate@event:NUMBER", "or ?"),
    ("truncate@event:8-2", "fault truncate@event:NUMBER", "or ?"),
    ("truncate@event:0-1000000001", "fault truncate@event:NUMBER", "or ?"),
    ("truncate@event:\u0665", "fault truncate@event:NUMBER", "whole number"),
    ("rst@byte:1000000001", "fault rst@byte:NUMBER", "0 to 1000000000"),
    ("truncate:5", "fault truncate", "truncate@UNIT:NUMBER"),
    ("truncate@end:5", "fault truncate", "truncate@UNIT:NUMBER"),
    ("truncate@event:5:1", "fault truncate", "truncate@UNIT:NUMBER"),
    ("stall@event:5:1:1", "fault stall", "stall@UNIT:NUMBER:SECONDS"),
    ("stall@event:3:301", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:-1", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:nan", "fault stall:SECONDS", "0 to 300"),
    ("error@event:5:502", "fault error:SERVICE", "one of openai, vllm, openrouter"),
    ("error@event:5:", "fault error:SERVICE", "one of openai, vllm, openrouter"),
    ("error@event:5:vllm:1", "fault error", "error@UNIT:NUMBER:SERVICE"),
    ("unfinished@event:1", "fault unfinished", "without a position"),
    ("slow_close@end", "fault slow_close", "without a position"),
    ("slow_close:1e9", "fault slow_close:SECONDS", "0 to 300"),
    ("garbage@event:1:0", "fault garbage:BYTES", "1 to 65536"),
    ("garbage@event:1:65537", "fault garbage:BYTES", "1 to 65536"),
    ("length", "fault length:BYTES", "0 to 1000000000"),
    ("length:+5", "fault length:BYTES", "0 to 1000000000"),
    ("length_over:0", "fault length_over:BYTES", "1 to 65536"),
    ("half_head:0", "fault half_head:BYTES", "1 to 65536"),
    ("half_head:1M", "fault half_head:BYTES", "as in 1000 or 64KiB"),
    ("rst@event:64KiB", "fault rst@event:NUMBER", "a whole number from 0"),
    (",".join(["rst"] * (MAX_FAULTS + 1)), "fault", f"at most {MAX_FAULTS}"),
]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("trunkate", "truncate"), ("RST", "rst"), ("stal:2", "stall"), ("rst@bytes:5", "byte")],
)
def test_the_nearest_word_is_suggested(text: str, nearest: str) -> None:
    with pytest.raises(HTTPError) as refused:
        parse_faults([text], 0)
    assert refused.value.detail.endswith(f"(did you mean {nearest!r}?)")


@pytest.mark.parametrize(("text", "name", "allowed"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_wrong_fault_is_named_with_what_is_allowed(text: str, name: str, allowed: str) -> None:
    with pytest.raises(HTTPError) as refused:
        parse_faults([text], 0)
    assert refused.value.status == 400
    assert refused.value.members["parameter"] == name
    assert allowed in str(refused.value.members["allowed"])
    assert name in refused.value.detail
    assert allowed in refused.value.detail


# Positions

EVENTS = b"id: 0\ndata: a\n\ndata: b\ndata: c\n\n: a comment\n\ndata: d\n\n"

POSITIONS = [
    # the position, and the bytes before it
    (Position("event", 0), 0),
    (Position("event", 1), 15),
    (Position("event", 2), 32),
    (Position("event", 3), 45),  # a comment counts as an event
    (Position("event", 4), 54),
    (Position("line", 1), 6),
    (Position("line", 3), 15),
    (Position("byte", 0), 0),
    (Position("byte", 17), 17),
    (Position("byte", 54), 54),
]
CASES = [(position, size, b"\n") for position, size in POSITIONS]
CASES += [(position, size, b"\r\n") for position, size in POSITIONS if position.unit != "byte"]
CASES += [(position, size, b"\r") for position, size in POSITIONS if position.unit == "event"]


def before(position: Position, pieces: list[bytes]) -> bytes | None:
    """The bytes before the position; None if it is not reached."""
    finder, taken = PositionFinder(position), b""
    for piece in [b"", *pieces]:
        if finder.is_reached:
            break
        taken += piece[: finder.feed(piece)]
    return taken if finder.is_reached else None


@pytest.mark.parametrize(("position", "size", "end"), CASES)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 70)))
def test_a_position_does_not_depend_on_the_pieces(
    position: Position, size: int, end: bytes, cuts: list[int]
) -> None:
    stream = EVENTS.replace(b"\n", end)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(at)]
    assert before(position, pieces) == EVENTS[:size].replace(b"\n", end)


@pytest.mark.parametrize(
    "position",
    [Position("event", 5), Position("line", 11), Position("byte", 55), Position("chunk", 2), END],
    ids=str,
)
def test_a_position_beyond_the_end_is_never_reached(position: Position) -> None:
    assert before(position, [EVENTS]) is None


def test_a_chunk_is_a_piece_that_is_not_empty() -> None:
    assert before(Position("chunk", 2), [b"ab", b"", b"c", b"d"]) == b"abc"
    assert before(Position("chunk", 0), [b"ab"]) == b""


def test_an_event_ends_where_the_parser_dispatches_it() -> None:
    """At its last byte, and not before."""
    for count in (1, 2):
        taken = before(Position("event", count), [EVENTS])
        assert taken
        assert len(Parser().feed(taken)) == count
        assert len(Parser().feed(taken[:-1])) == count - 1
