"""Figures of many exchanges, and that several processes have the same sum as one."""

from array import array
from collections import Counter
from dataclasses import replace
from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client.record import End, Record
from streamserver.lab.report.counts import Timeline
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.summary import ANSWERS, FIGURES, MILESTONES, REASONS, Summary

MS = 1_000_000
SECOND = 1000 * MS


def exchange(number: int) -> Record:
    """One of many different exchanges; every fourth has the stamps of the target."""
    chance = Random(number)
    begin = SECOND + number * 10 * MS
    moments = [begin + n * 20 * MS + chance.randrange(MS) for n in range(1, 15)]
    stamps = [(n, at - 9 * MS, at - 2 * MS) for n, at in enumerate(moments)]
    return Record(
        begin,
        begin + chance.randrange(MS),
        dialed=begin + 1 * MS,
        connected=begin + 2 * MS,
        secured=begin + 4 * MS if number % 2 else 0,
        head=moments[0],
        first_byte=moments[0],
        first_event=moments[0],
        first_token=moments[2],
        last_token=moments[-2],
        last_byte=moments[-1],
        ended=moments[-1],
        status=200,
        end="truncated" if number % 5 == 3 else "complete",
        detail=f"for reason {number % 3}" if number % 5 == 3 else "",
        answer="never twice" if number % 5 == 3 else "",
        reads=14,
        chunks=13,
        events=len(moments),
        size=number,
        input_tokens=number,
        cached_tokens=number // 2,
        output_tokens=20 if number % 2 else 12,
        reasoning_tokens=number % 3,
        tokens_from="usage" if number % 2 else "events",
        retries=number % 2,
        arrivals=array("q", moments),
        stamp_numbers=array("q", chain.from_iterable(stamps) if number % 4 == 0 else []),
    )


def summary_of(numbers: range) -> Summary:
    summary = Summary(unsent=len(numbers), warmed=1, resolving=numbers.start * MS)
    for number in numbers:
        summary.add(exchange(number))
        count(summary.start_late, number * 1000)
        count(summary.loop_lag, number * 77)
    return summary


def contents(summary: Summary) -> tuple[dict[str, Any], dict[str, Any]]:
    """All figures of a summary, for comparison."""
    counts = {
        name: (one.get_total_count(), list(one.counts)) for name, one in summary.all_histograms()
    }
    evidence = replace(summary.evidence, delay=None, target_late=None)
    tokens = replace(summary.tokens, per_second=None)
    others: dict[str, Any] = {"evidence": evidence, "tokens": tokens}
    others["slowest"] = summary.slowest.records()
    for name in Summary.__slots__:
        if name not in ("apart", "paced", "start_late", "loop_lag", *others):
            others[name] = getattr(summary, name)
    return counts, others


async def piped(summary: Summary) -> Summary:
    """The summary after its way from one process to another."""
    return Summary.unpack(await summary.pack())


async def test_a_summary_passes_a_pipe_unchanged() -> None:
    summary = summary_of(range(30))
    assert contents(await piped(summary)) == contents(summary)
    assert contents(await piped(Summary())) == contents(Summary())
    passed = await piped(summary)
    passed.add(exchange(30))
    summary.add(exchange(30))
    assert contents(passed) == contents(summary)


async def test_a_report_of_the_progress_lacks_the_seconds_of_the_run() -> None:
    summary = summary_of(range(30))
    passed = Summary.unpack(await summary.pack(whole=False))
    assert passed.timeline == Timeline()
    passed.timeline = summary.timeline
    assert contents(passed) == contents(summary)


@pytest.mark.parametrize("parts", [(range(25), range(25, 40)), (range(25, 40), range(25))])
async def test_the_sum_of_two_processes_is_that_of_one(parts: tuple[range, range]) -> None:
    one = summary_of(range(40))
    both = await piped(summary_of(parts[0]))
    both.merge(await piped(summary_of(parts[1])))
    both.warmed, both.resolving = one.warmed, one.resolving  # they differ in each part
    assert contents(both) == contents(one)


def test_an_empty_summary_changes_nothing() -> None:
    summary = summary_of(range(5))
    summary.merge(Summary())
    assert contents(summary) == contents(summary_of(range(5)))
    assert [one.get_min_value() for _, one in summary.all_histograms()] == [
        one.get_min_value() for _, one in summary_of(range(5)).all_histograms()
    ]


def test_events_counted_on_arrival_and_at_the_end_are_the_same() -> None:
    at_once, live = Summary(), Summary()
    for number in range(8):
        record = exchange(number)
        at_once.add(replace(record))
        counter = live.event_counter(record)
        for n, arrival in enumerate(record.arrivals):
            counter.on_events(arrival, 1, 0, record.stamps[n : n + 1])
        live.add(record)
    assert {**contents(at_once)[1], "slowest": 0} == {**contents(live)[1], "slowest": 0}
    assert contents(at_once)[0] == contents(live)[0]


def test_gaps_between_events_of_one_read_are_zero() -> None:
    summary = Summary()
    counter = summary.event_counter(Record())
    counter.on_events(SECOND, 3, 0, [])
    counter.on_events(SECOND + MS, 2, 0, [])
    gaps = summary.histograms["gap"]
    assert gaps.get_total_count() == 4
    assert gaps.get_count_at_value(1) == 3
    assert gaps.get_count_at_value(MS) == 1
    assert summary.timeline.seconds[1].events == 5


READS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(0, 4)), max_size=12)


@given(READS)
def test_itl_is_the_time_between_neighbouring_events_with_a_token(
    reads: list[tuple[int, int, int]],
) -> None:
    """Of each read: the time since the one before, its events, and those with a token."""
    summary, now = Summary(), SECOND
    counter = summary.event_counter(Record())
    arrivals: dict[str, list[int]] = {"gap": [], "itl": []}
    for step, events, outputs in reads:
        now += step * MS
        outputs = min(outputs, events)
        counter.on_events(now, events, outputs, [])
        arrivals["gap"] += [now] * events
        arrivals["itl"] += [now] * outputs
        if step == 2:  # a report in the middle changes nothing
            assert summary.histograms["gap"].get_total_count() == len(arrivals["gap"]) - 1
    for name, moments in arrivals.items():
        expected = Counter([after - before for before, after in pairwise(moments)])
        histogram = summary.histograms[name]
        assert histogram.get_total_count() == expected.total()
        for value, times in expected.items():
            assert histogram.get_count_at_value(max(value, 1)) == times


def test_the_figures_of_an_answer() -> None:
    summary = Summary()
    record = Record(MS, status=200, end="complete")
    record.first_reasoning, record.first_token = 11 * MS, 21 * MS
    record.last_token, record.last_byte = 61 * MS, 81 * MS
    record.output_tokens, record.tokens_from, record.reasoning_tokens = 11, "usage", 2
    record.input_tokens, record.cached_tokens = 7, 3
    summary.add(record)
    summary.add(replace(record, end="truncated", output_tokens=1, tokens_from="events"))
    summary.add(replace(record, end="failed"))  # which does not measure the service
    maxima = {name: summary.histograms[name].get_max_value() / MS for name in FIGURES}
    assert maxima == pytest.approx({"ttft": 20, "itl": 0, "tpot": 5, "e2e": 80}, rel=1e-3)
    counts = {name: summary.histograms[name].get_total_count() for name in FIGURES}
    assert counts == {"ttft": 2, "itl": 0, "tpot": 1, "e2e": 1}
    tokens = summary.tokens
    assert (tokens.input, tokens.cached, tokens.output, tokens.reasoning) == (14, 6, 12, 4)
    assert (tokens.by_usage, tokens.by_events, tokens.answers) == (1, 1, 2)
    assert tokens.per_second.get_total_count() == 1
    assert tokens.per_second.get_max_value() / MS == pytest.approx(11 / 0.08, rel=1e-3)


def test_each_milestone_counts_from_its_beginning() -> None:
    record = Record(
        planned=100 * MS,
        began=101 * MS,
        dialed=102 * MS,
        connected=105 * MS,
        secured=112 * MS,
        head=120 * MS,
        first_byte=121 * MS,
        first_event=122 * MS,
        first_reasoning=123 * MS,
        first_token=124 * MS,
        first_tool_call=125 * MS,
        last_byte=150 * MS,
        arrivals=array("q", [122 * MS, 140 * MS]),
        status=200,
        end="complete",
    )
    summary = Summary()
    summary.add(record)
    maxima = [summary.histograms[name].get_max_value() / MS for name in MILESTONES]
    assert maxima == pytest.approx([3, 7, 20, 21, 22, 23, 24, 25, 18, 50], rel=1e-3)


@pytest.mark.parametrize(
    ("status", "end", "counted"),
    [
        (200, "complete", 1),
        (304, "complete", 1),
        (200, "truncated", 1),
        (200, "stopped", 1),
        (200, "failed", 0),
        (200, "no_token", 0),
        (204, "no_stream", 0),
        (301, "redirected", 0),
        (400, "refused", 0),
        (503, "truncated", 0),
    ],
)
def test_milestones_of_exchanges_that_were_not_served_do_not_count(
    status: int, end: End, counted: int
) -> None:
    summary = Summary()
    summary.add(Record(1, 1, dialed=1, connected=5, head=9, status=status, end=end))
    assert summary.histograms["head"].get_total_count() == counted
    assert summary.histograms["connect"].get_total_count() == 1


@pytest.mark.parametrize(
    ("ends", "share"),
    [
        ([], None),
        (["stopped"], None),
        (["complete"], 0),
        (["complete", "stopped"], 0),
        (["complete", "reset", "stopped"], 0.5),
        (["complete", "unfinished", "gap_timeout", "refused"], 0.75),
        (["failed", "redirected", "no_stream", "no_token", "encoded"], 1),
    ],
)
def test_a_stopped_exchange_is_neither_success_nor_error(
    ends: list[End], share: float | None
) -> None:
    summary = Summary()
    for end in ends:
        summary.add(Record(1, 1, end=end, ended=2))
    assert summary.errors == share


async def test_one_body_per_status_is_kept_within_a_bound() -> None:
    one, other = Summary(), Summary()
    for number in range(50):
        one.add(Record(1, 1, end="refused", status=500 + number % 10, answer=f"one {number}"))
        other.add(Record(1, 1, end="refused", status=505 + number, answer=f"other {number}"))
    assert one.answers == {500 + number: f"one {number}" for number in range(10)}
    one.merge(await piped(other))
    assert (one.answers[505], one.answers[510]) == ("one 5", "other 5")
    assert len(one.answers) == len(other.answers) == ANSWERS


def test_reasons_are_kept_within_a_bound() -> None:
    summary, other = Summary(), Summary()
    for number in range(50):
        summary.add(Record(1, 1, end="reset", detail=f"for reason {number % 25}"))
        other.add(Record(1, 1, end="unconnected", detail=f"for reason {number}"))
    assert len(summary.reasons) == REASONS
    assert summary.reasons["reset: for reason 3"] == 2
    summary.merge(other)
    assert len(summary.reasons) == REASONS
    assert summary.ends == {"reset": 50, "unconnected": 50}


def test_a_percentile_is_that_of_the_table() -> None:
    summary = Summary()
    for n in range(1, 9):
        summary.add(Record(planned=MS, sent=MS, head=MS + n * MS, status=200, end="complete"))
    assert summary.percentile("head", 90) == pytest.approx(8, rel=1e-3)  # not the seventh
    assert summary.percentile("ttft", 50) is None
    with pytest.raises(KeyError):
        summary.percentile("haed", 50)
