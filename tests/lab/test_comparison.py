"""What a hop adds, computed from made-up exchanges, and its confidence interval."""

from array import array
from functools import partial
from random import Random

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.comparison import Comparison, bootstrap, run_pairs, table

MS = 1_000_000


def exchange(begin: int, first: float, gap: float = 10, body: str = "a", **other: object) -> Record:
    """A record of three events, sent at ``begin`` ms; the first arrived ``first`` ms later."""
    record = Record(planned=begin * MS, sent=begin * MS, end="complete", status=200, digest=body)
    record.arrivals = array("q", [round((begin + first + n * gap) * MS) for n in range(3)])
    record.head = record.first_byte = record.first_event = record.arrivals[0]
    record.last_byte, record.events = record.arrivals[-1], 3
    for name, value in other.items():
        setattr(record, name, value)
    return record


def compared(*pairs: tuple[Record, Record]) -> Comparison:
    comparison = Comparison()
    for direct, through in pairs:
        comparison.add(direct, through)
    return comparison


def test_differences_are_taken_withrun_pairs() -> None:
    """The machine may be slow for one pair and fast for the next; the hop adds 2 ms to each."""
    slow = [(exchange(1000 * n, 5 * n), exchange(1000 * n + 500, 5 * n + 2)) for n in range(1, 20)]
    added = dict(compared(*slow).added())
    assert set(added) == {"head", "first_byte", "first_event", "last_byte", "each event"}
    assert {(one.low, one.median, one.high) for one in added.values()} == {(2 * MS,) * 3}
    assert all(one.excludes_zero for one in added.values())


def test_the_delay_of_each_event_differs_from_that_of_the_first() -> None:
    """The events are 0, 1 and 2 ms late; a pair counts with its median."""
    pairs = [(exchange(1, 5), exchange(1, 5, gap=11)) for _ in range(5)]
    added = dict(compared(*pairs).added())
    assert added["first_event"].median == 0
    assert added["each event"].median == MS


def test_a_pair_with_a_failure_is_counted_but_not_compared() -> None:
    whole = exchange(1, 5), exchange(1, 6)
    broken = exchange(1, 5), exchange(1, 900, end="truncated")
    comparison = compared(whole, broken)
    assert dict(comparison.added())["first_byte"].high == MS
    text = table(comparison)
    assert "pairs       2, of which 1 ended well on both sides" in text
    assert "bodies      the same bytes in 1 of 1" in text


def test_without_a_complete_pair_each_failed_side_is_named() -> None:
    gone = Record(planned=MS, end="unconnected", detail="connection refused")
    assert compared((exchange(1, 5), gone)).not_valid == [
        "no pair ended well on both sides",
        "through: no exchange received a response: unconnected 1 (unconnected: connection refused)",
    ]
    assert compared().not_valid[1:] == [
        f"{side}: no exchange counts: none began, or all belong to the warm-up"
        for side in ("direct", "through")
    ]


def test_a_difference_that_is_not_significant() -> None:
    random = Random(1)
    pairs = [(exchange(1, 5), exchange(1, 5 + random.gauss(0, 1))) for _ in range(20)]
    assert "which may be chance" in table(compared(*pairs))


def test_bodies_that_differ() -> None:
    text = table(compared((exchange(1, 5), exchange(1, 5, body="b"))))
    assert "the same bytes in 0 of 1" in text


async def test_the_order_within_a_pair_is_random() -> None:
    begun: list[tuple[str, int]] = []
    pairs: list[tuple[str, str]] = []

    async def run(name: str, n: int) -> Record:
        begun.append((name, n))
        return Record(detail=name)

    await run_pairs(
        partial(run, "direct"),
        partial(run, "through"),
        40,
        1,
        Random(4),
        lambda direct, through: pairs.append((direct.detail, through.detail)),
    )
    assert pairs == [("direct", "through")] * 40
    firsts = [name for name, _ in begun[::2]]
    assert 10 < firsts.count("direct") < 30
    assert sorted(begun) == [(name, n) for name in ("direct", "through") for n in range(40)]


def test_equal_values_have_an_interval_of_width_0() -> None:
    found = bootstrap([5.0] * 20, Random(1))
    assert (found.low, found.median, found.high) == (5, 5, 5)
    assert found.excludes_zero


def test_the_same_seed_gives_the_same_bootstrap() -> None:
    values = [Random(7).gauss(0, 1) for _ in range(50)]
    assert bootstrap(values, Random(3)) == bootstrap(values, Random(3))


def test_significance() -> None:
    random = Random(2)
    assert not bootstrap([random.gauss(0, 1) for _ in range(40)], random).excludes_zero
    assert bootstrap([random.gauss(2, 1) for _ in range(40)], random).excludes_zero
    assert bootstrap([random.gauss(-2, 1) for _ in range(40)], random).excludes_zero


def test_the_interval_contains_the_true_median_at_its_confidence() -> None:
    """Of an exponential distribution, which has a known median and a long tail."""
    random, true_median = Random(5), 0.693
    tries = [
        bootstrap([random.expovariate(1) for _ in range(40)], random, rounds=200)
        for _ in range(300)
    ]
    held = sum([one.low <= true_median <= one.high for one in tries])
    assert 0.90 < held / len(tries) < 0.99


def test_more_values_narrow_the_interval() -> None:
    random = Random(9)
    few, many = [
        bootstrap([random.gauss(0, 1) for _ in range(count)], random) for count in (20, 500)
    ]
    assert many.high - many.low < (few.high - few.low) / 2


def test_there_is_no_interval_without_values() -> None:
    with pytest.raises(ValueError, match="no value"):
        bootstrap([], Random(1))
