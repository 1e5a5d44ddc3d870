"""Stamps: written, read, and kept in an array."""

import pytest

from streamserver.lab.stamps import Stamp, Stamps, read_stamp, without_times, write_stamp

SOME = [Stamp(n, 10**15 + n, 10**15 + 2 * n) for n in range(5)]


def test_stamps_behave_like_a_list() -> None:
    kept = Stamps(SOME[:2])
    kept.extend(SOME[2:])
    assert len(kept) == 5
    assert [*kept] == SOME
    assert kept == SOME
    assert kept == Stamps(SOME)
    assert kept != SOME[:4]
    assert (kept[0], kept[-1], kept[1:3], kept[9:]) == (SOME[0], SOME[4], SOME[1:3], [])
    with pytest.raises(IndexError):
        kept[5]
    assert not Stamps()


def test_without_times_two_streams_are_equal() -> None:
    one, other = [
        f'{{"a":1,{write_stamp(3, at, at + 5, 10**18 + at)},"pad":"x"}}' for at in (7, 10**17)
    ]
    assert one != other
    assert without_times(one) == without_times(other) == '{"a":1,"seq":3,"pad":"x"}'
    assert without_times('{"seq":3}') == '{"seq":3}'
    stamp = read_stamp(other)
    assert stamp is not None
    assert (stamp.seq, stamp.due, stamp.late) == (3, 10**17, 5)
