"""What a hop adds, of exchanges made up for it."""

from array import array
from functools import partial
from random import Random

from streamserver.lab.client.record import Record
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.pairs import in_pairs
from streamserver.lab.compare.table import table

MS = 1_000_000


def exchange(begin: int, first: float, gap: float = 10, body: str = "a", **other: object) -> Record:
    """One that was sent at ``begin`` ms; the first of its three events came so many ms later."""
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


def test_what_is_added_is_taken_within_pairs() -> None:
    """The machine may be slow for one pair and fast for the next; the hop adds 2 ms to each."""
    slow = [(exchange(1000 * n, 5 * n), exchange(1000 * n + 500, 5 * n + 2)) for n in range(1, 20)]
    added = dict(compared(*slow).added())
    assert set(added) == {"head", "first_byte", "first_event", "last_byte", "each event"}
    assert {(one.low, one.median, one.high) for one in added.values()} == {(2 * MS,) * 3}
    assert all(one.tells_apart for one in added.values())


def test_the_delay_of_an_event_is_apart_from_that_of_the_first() -> None:
    """Here each event is later than the one before: 0, 1 and 2 ms; a pair counts its median."""
    pairs = [(exchange(1, 5), exchange(1, 5, gap=11)) for _ in range(5)]
    added = dict(compared(*pairs).added())
    assert added["first_event"].median == 0
    assert added["each event"].median == MS


def test_a_pair_of_which_one_failed_is_counted_but_not_compared() -> None:
    whole = exchange(1, 5), exchange(1, 6)
    broken = exchange(1, 5), exchange(1, 900, end="truncated")
    comparison = compared(whole, broken)
    assert dict(comparison.added())["first_byte"].high == MS
    told = table(comparison)
    assert "pairs       2, of which 1 ended well on both sides" in told
    assert "bodies      the same bytes in 1 of 1" in told


def test_the_reason_why_nothing_is_compared_names_each_side_that_failed() -> None:
    gone = Record(planned=MS, end="unconnected", detail="connection refused")
    assert compared((exchange(1, 5), gone)).not_valid == [
        "no pair ended well on both sides",
        "through: no exchange received a response: unconnected 1"
        " (unconnected: connection refused)",
    ]
    assert compared().not_valid[1:] == [
        f"{side}: no exchange counts: none began, or all belong to the warm-up"
        for side in ("direct", "through")
    ]


def test_a_difference_that_may_be_chance_is_told_as_such() -> None:
    random = Random(1)
    pairs = [(exchange(1, 5), exchange(1, 5 + random.gauss(0, 1))) for _ in range(20)]
    assert "which may be chance" in table(compared(*pairs))


def test_bodies_that_differ_are_told() -> None:
    told = table(compared((exchange(1, 5), exchange(1, 5, body="b"))))
    assert "the same bytes in 0 of 1" in told


async def test_either_of_a_pair_may_be_asked_first_and_the_direct_one_is_told_first() -> None:
    asked: list[tuple[str, int]] = []
    told: list[tuple[str, str]] = []

    async def ask(name: str, n: int) -> Record:
        asked.append((name, n))
        return Record(detail=name)

    await in_pairs(
        partial(ask, "direct"),
        partial(ask, "through"),
        40,
        1,
        Random(4),
        lambda direct, through: told.append((direct.detail, through.detail)),
    )
    assert told == [("direct", "through")] * 40
    firsts = [name for name, _ in asked[::2]]
    assert 10 < firsts.count("direct") < 30
    assert sorted(asked) == [(name, n) for name in ("direct", "through") for n in range(40)]
