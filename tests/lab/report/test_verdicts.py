"""Verdicts on exchanges that show what they state, and none on others."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import CLIENT_LATE, TARGET_LATE, verdicts

MS = 1_000_000
APART = [n * 50 * MS for n in range(1, 21)]
"""The due times of twenty events, 50 ms apart."""


def exchange(arrivals: Sequence[int], late: int = 0) -> Record:
    """One whose events were sent 50 ms apart, so many ns late, and arrived at these moments."""
    stamps = [(n, due, due + late) for n, due in enumerate(APART)]
    return stamped(array("q", arrivals), stamps)


def stamped(arrivals: "array[int]", stamps: Iterable[tuple[int, int, int]]) -> Record:
    numbers = array("q", chain.from_iterable(stamps))
    return Record(planned=1, end="complete", arrivals=arrivals, stamp_numbers=numbers)


def buffered(size: int) -> list[int]:
    """Arrivals behind a hop that holds events back until it has ``size`` of them."""
    return [APART[n // size * size + size - 1] + n for n in range(len(APART))]


def names(summary: Summary) -> list[str]:
    return [verdict.name for verdict in verdicts(summary)]


@pytest.mark.parametrize(
    ("arrivals", "found"),
    [
        ([sent + MS for sent in APART], []),
        # A slow or unsteady network does not buffer.
        ([sent + 700 * MS for sent in APART], []),
        ([sent + n % 3 * 10 * MS for n, sent in enumerate(APART)], []),
        (buffered(2), ["this hop buffers"]),
        (buffered(10), ["this hop buffers"]),
        (buffered(20), ["this hop buffers"]),
    ],
)
def test_a_hop_that_joins_events_sent_apart_buffers(arrivals: list[int], found: list[str]) -> None:
    summary = Summary()
    summary.add(exchange(arrivals))
    assert names(summary) == found


def test_the_evidence_names_the_burst_and_the_delay() -> None:
    summary = Summary()
    summary.add(exchange(buffered(10)))
    [verdict] = verdicts(summary)
    assert "of 19 events that were sent apart 18 came together" in verdict.evidence
    assert "up to 10 at once" in verdict.evidence
    assert not verdict.invalidates


def test_events_sent_together_may_arrive_together() -> None:
    summary = Summary()
    stamps = [(n, 1, 1) for n in range(20)]
    arrivals = array("q", [5 * MS] * 20)
    summary.add(stamped(arrivals, stamps))
    assert names(summary) == []


def test_a_target_that_was_late_invalidates_the_measurement() -> None:
    summary = Summary()
    late = 2 * TARGET_LATE
    summary.add(exchange([sent + late for sent in APART], late))
    [verdict] = verdicts(summary)
    assert (verdict.name, verdict.invalidates) == ("the target was late", True)
    assert "20 ms after they were due" in verdict.evidence


@pytest.mark.parametrize("figure", ["start_late", "loop_lag"])
@pytest.mark.parametrize(
    ("in_time", "late", "is_limit"),
    [
        (990, 11, True),
        (1000, 9, False),
        (0, 4, True),
        (1, 3, True),
        (3, 1, False),
        # One stall on a busy machine is one percent of a short run.
        (99, 2, False),
        (90, 12, True),
    ],
)
def test_a_client_that_was_late_was_the_limit(
    figure: str, in_time: int, late: int, is_limit: bool
) -> None:
    summary = Summary()
    for lateness, times in ((MS, in_time), (2 * CLIENT_LATE, late)):
        for _ in range(times):
            count(getattr(summary, figure), lateness)
    found = [(verdict.name, verdict.invalidates) for verdict in verdicts(summary)]
    assert found == ([("the client was the limit", True)] if is_limit else [])


def test_a_client_that_could_not_begin_an_exchange_was_the_limit() -> None:
    summary = Summary(unsent=3)
    [verdict] = verdicts(summary)
    assert str(verdict).startswith("the client was the limit: 3 exchanges were not begun")


def test_verdicts_that_spoil_the_measurement_come_first() -> None:
    summary = Summary(unsent=1)
    summary.add(exchange(buffered(10)))
    assert names(summary) == ["the client was the limit", "this hop buffers"]
