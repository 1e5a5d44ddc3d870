"""What a client may write, and what it is told when it writes something else."""

import pytest

from streamserver.lab.faults.asked import MOST, Fault, read_faults
from streamserver.lab.faults.places import END, byte, chunk, event, line
from streamserver.wire.problem import HTTPError

ASKED = [
    ("truncate", Fault("truncate")),
    ("truncate@end", Fault("truncate", END)),
    ("truncate@event:5", Fault("truncate", event(5))),
    ("rst@byte:1000", Fault("rst", byte(1000))),
    ("stall@event:3:2.5", Fault("stall", event(3), 2.5)),
    ("stall@event:3", Fault("stall", event(3))),
    ("stall:2", Fault("stall", END, 2)),
    ("stall@end:2", Fault("stall", END, 2)),
    ("garbage@line:3:64", Fault("garbage", line(3), 64)),
    ("bad_chunk@chunk:0", Fault("bad_chunk", chunk(0))),
    ("error@event:5", Fault("error", event(5))),
    ("error@event:5:vllm", Fault("error", event(5), form="vllm")),
    ("error:openai", Fault("error", END, form="openai")),
    ("unfinished", Fault("unfinished")),
    ("unfinished:0.5", Fault("unfinished", END, 0.5)),
    ("slow_close:300", Fault("slow_close", END, 300)),
    ("length:0", Fault("length", END, 0)),
    ("length_over:1", Fault("length_over", END, 1)),
    ("length_under:65536", Fault("length_under", END, 65536)),
    ("half_head", Fault("half_head")),
    ("half_head:20", Fault("half_head", END, 20)),
    ("rst@byte:64KiB", Fault("rst", byte(65536))),
    ("stall@event:3:500ms", Fault("stall", event(3), 0.5)),
    ("slow_close:2m", Fault("slow_close", END, 120)),
    ("length:1MB", Fault("length", END, 1_000_000)),
]


@pytest.mark.parametrize(("text", "fault"), ASKED, ids=[one[0] for one in ASKED])
def test_a_fault(text: str, fault: Fault) -> None:
    assert read_faults([text], 0) == [fault]
    assert read_faults([str(fault)], 0) == [fault]  # as it is told is as it may be asked


def test_several_in_one_text_or_in_many() -> None:
    faults = [Fault("stall", event(1), 2.0), Fault("truncate", event(2))]
    assert read_faults(["stall@event:1:2, truncate@event:2"], 0) == faults
    assert read_faults(["stall@event:1:2", "truncate@event:2"], 0) == faults
    assert len(read_faults(["rst"] * MOST, 0)) == MOST


def test_the_seed_chooses_among_all_places_and_always_the_same() -> None:
    for text, allowed in [
        ("truncate@event:?", range(7)),
        ("truncate@event:2-4", range(2, 5)),
        ("truncate@event:3-3", range(3, 4)),
    ]:
        chosen = [read_faults([text], seed, count=7)[0].place.count for seed in range(200)]
        assert {*chosen} == {*allowed}
        assert chosen == [read_faults([text], seed, count=7)[0].place.count for seed in range(200)]
    chosen = [read_faults(["rst@byte:?"], seed)[0].place.count for seed in range(300)]
    assert max(chosen) < 1000 < 50 * len({*chosen})
    assert read_faults(["rst@event:?"], 1, count=0)[0].place == event(0)


def test_what_one_fault_draws_does_not_hang_on_the_others() -> None:
    alone = read_faults(["rst@byte:?"], 5)[0]
    assert read_faults(["rst@byte:?", "stall@event:?"], 5)[0] == alone
    two = [read_faults(["rst@byte:?", "rst@byte:?"], seed) for seed in range(9)]
    assert [one for one in two if one[0] != one[1]]


REFUSED = [
    # what is asked, the parameter that is named, a part of what is said to be allowed
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
    ("stall@event:5:1:1", "fault stall", "stall@UNIT:NUMBER:VALUE"),
    ("stall@event:3:301", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:-1", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:", "fault stall:SECONDS", "0 to 300"),
    ("stall@event:3:nan", "fault stall:SECONDS", "0 to 300"),
    ("error@event:5:502", "fault error:FORM", "one of openai, vllm, openrouter"),
    ("error@event:5:", "fault error:FORM", "one of openai, vllm, openrouter"),
    ("error@event:5:vllm:1", "fault error", "error@UNIT:NUMBER:VALUE"),
    ("unfinished@event:1", "fault unfinished", "without a place"),
    ("slow_close@end", "fault slow_close", "without a place"),
    ("slow_close:1e9", "fault slow_close:SECONDS", "0 to 300"),
    ("garbage@event:1:0", "fault garbage:BYTES", "1 to 65536"),
    ("garbage@event:1:65537", "fault garbage:BYTES", "1 to 65536"),
    ("length", "fault length:BYTES", "0 to 1000000000"),
    ("length:+5", "fault length:BYTES", "0 to 1000000000"),
    ("length_over:0", "fault length_over:BYTES", "1 to 65536"),
    ("half_head:0", "fault half_head:BYTES", "1 to 65536"),
    ("half_head:1M", "fault half_head:BYTES", "as in 1000 or 64KiB"),
    ("rst@event:64KiB", "fault rst@event:NUMBER", "a whole number from 0"),
    (",".join(["rst"] * (MOST + 1)), "fault", f"at most {MOST}"),
]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("trunkate", "truncate"), ("RST", "rst"), ("stal:2", "stall"), ("rst@bytes:5", "byte")],
)
def test_the_nearest_word_is_named(text: str, nearest: str) -> None:
    with pytest.raises(HTTPError) as refused:
        read_faults([text], 0)
    assert refused.value.detail.endswith(f"(did you mean {nearest!r}?)")


@pytest.mark.parametrize(("text", "name", "allowed"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_wrong_one_is_named_with_what_is_allowed(text: str, name: str, allowed: str) -> None:
    with pytest.raises(HTTPError) as refused:
        read_faults([text], 0)
    assert refused.value.status == 400
    assert refused.value.members["parameter"] == name
    assert allowed in str(refused.value.members["allowed"])
    assert name in refused.value.detail
    assert allowed in refused.value.detail
