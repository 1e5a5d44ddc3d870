"""What a hop adds, computed from made-up exchanges, and its confidence interval."""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.compare.comparison import run_rounds
from streamserver.lab.compare.forms import table, to_json
from streamserver.lab.compare.intervals import Interval
from streamserver.lab.compare.pairs import Hop
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.report import slo
from streamserver.lab.report.report import MISSED, NOT_VALID, VALID_AND_MET
from support.comparing import MS, compared, exchange


def hop(*pairs: tuple[Record, Record]) -> Hop:
    [only] = compared(*pairs).hops
    return only


def added(*pairs: tuple[Record, Record]) -> dict[str, Interval]:
    return dict(hop(*pairs).added())


def test_differences_are_taken_within_pairs() -> None:
    """The machine may be slow for one pair and fast for the next; the hop adds 2 ms to each."""
    slow = [(exchange(1000 * n, 5 * n), exchange(1000 * n + 500, 5 * n + 2)) for n in range(1, 20)]
    found = added(*slow)
    assert set(found) == {"head", "first_byte", "first_event", "last_byte", "each event"}
    assert {(one.low, one.median, one.high) for one in found.values()} == {(2 * MS,) * 3}
    assert all(one.excludes_zero for one in found.values())


def test_the_delay_of_each_event_differs_from_that_of_the_first() -> None:
    """The events are 0, 1 and 2 ms late; a pair counts with its median."""
    pairs = [(exchange(1, 5), exchange(1, 5, gap=11)) for _ in range(5)]
    found = added(*pairs)
    assert found["first_event"].median == 0
    assert found["each event"].median == MS


def test_a_pair_with_a_failure_is_counted_but_not_compared() -> None:
    whole = exchange(1, 5), exchange(1, 6)
    broken = exchange(1, 5), exchange(1, 900, end="truncated")
    comparison = compared(whole, broken)
    assert added(whole, broken)["first_byte"].high == MS
    text = table(ComparisonReport(comparison))
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
    assert "which may be chance" in table(ComparisonReport(compared(*pairs)))


def test_bodies_that_differ() -> None:
    text = table(ComparisonReport(compared((exchange(1, 5), exchange(1, 5, body="b")))))
    assert "the same bytes in 0 of 1" in text


async def test_the_order_within_a_round_is_random() -> None:
    begun: list[tuple[str, int]] = []
    rounds: list[tuple[str, ...]] = []

    async def run(name: str, n: int) -> Record:
        begun.append((name, n))
        return Record(detail=name)

    def on_round(n: int, records: Sequence[Record]) -> None:
        rounds.append(tuple([one.detail for one in records]))

    names = ("direct", "one", "two")
    await run_rounds([partial(run, name) for name in names], 60, 1, Random(4), on_round)
    assert rounds == [names] * 60
    firsts = [name for name, _ in begun[::3]]
    assert all(10 < firsts.count(name) < 30 for name in names)
    assert sorted(begun) == [(name, n) for name in names for n in range(60)]


# Several URLs, and objectives


ROUND = (exchange(1, 5), exchange(1, 6), exchange(1, 8))


def test_each_url_is_compared_to_the_first() -> None:
    comparison = compared(ROUND, ROUND, names=("a:1", "b:2"))
    medians = [dict(one.added())["first_byte"].median for one in comparison.hops]
    assert medians == [MS, 3 * MS]
    figures = to_json(ComparisonReport(comparison))
    assert [*figures["sides"]] == ["direct", "a:1", "b:2"]
    assert figures["added"]["b:2"]["added"]["head"]["median"] == 3
    text = table(ComparisonReport(comparison))
    assert "through a:1" in text
    assert text.count("pairs       2, of which 2") == 2


def test_a_url_without_a_complete_pair_is_named() -> None:
    gone = Record(planned=MS, end="unconnected", detail="refused")
    comparison = compared((*ROUND[:2], gone), names=("a:1", "b:2"))
    assert comparison.not_valid[0] == "no pair ended well on both sides: b:2"
    assert len(comparison.not_valid) == 2


@pytest.mark.parametrize(
    ("objective", "outcome"),
    [
        ("first_byte_p50=1ms", "first_byte_p50=1ms: met, 1.000ms"),
        ("head_max=3ms", "head_max=3ms: met, 3.000ms"),
        ("head_mean=1ms", "head_mean=1ms: missed, 1.667ms"),
        ("errors=0%", "errors=0%: met, 0.000%"),
        ("first_token_p50=1ms", "first_token_p50=1ms: nothing of the kind was measured"),
    ],
)
def test_an_objective_is_of_what_is_added(objective: str, outcome: str) -> None:
    pairs = [(exchange(1, 5), exchange(1, 5 + more)) for more in (1, 3, 1)]
    report = ComparisonReport(compared(*pairs), objectives=slo.parse(objective))
    assert [(name, str(one)) for name, one in report.judged] == [("through", outcome)]
    assert f"objective   {outcome}" in table(report)
    expected = {"met": VALID_AND_MET, "missed": MISSED}
    words = outcome.partition(": ")[2].partition(",")[0]
    assert report.status == expected.get(words, NOT_VALID)
    assert report.not_valid == ([outcome] if report.status == NOT_VALID else [])


def test_figures_of_a_models_answer_are_compared() -> None:
    answer: dict[str, Any] = {"output_tokens": 3, "tokens_from": "usage", "first_token": 6 * MS}
    pair = [exchange(1, 5, **answer) for _ in range(2)]
    pair[1].last_byte += 4 * MS
    found = added((pair[0], pair[1]))
    assert found["e2e"].median == 4 * MS


def test_the_ends_of_all_sides_are_shown_so_far() -> None:
    gone = Record(planned=MS, end="unconnected", detail="refused")
    refused = Record(planned=MS, head=2 * MS, status=503, end="refused", answer="busy")
    comparison = compared((gone, refused, exchange(1, 5)), names=("a:1", "b:2"))
    found = comparison.so_far
    assert dict(found.ends) == {"unconnected": 1, "refused": 1, "complete": 1}
    assert ([*found.reasons], found.answers) == (["unconnected: refused"], {503: "busy"})
    assert found.histograms["head"].get_total_count() == 1
    assert dict(comparison.sides[2].summary.ends) == {"complete": 1}, "it is not changed"
