"""Stamps: written and read."""

from streamserver.lab.stamps import read_stamp, without_times, write_stamp


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
