"""How much of a run is done, how long it takes at most, and why exchanges failed."""

from math import inf

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.progress import Clock, Plan, Progress, causes, minutes
from streamserver.lab.report.summary import Summary

SECOND = 10**9


def run_of(ended: int) -> Summary:
    """So many exchanges, one each second."""
    summary = Summary()
    for n in range(ended):
        summary.add(Record(n * SECOND + 1, ended=(n + 1) * SECOND + 1, end="complete"))
    return summary


@pytest.mark.parametrize(
    ("plan", "seconds", "ended", "share", "left"),
    [
        (Plan(), 5, 2, None, "unknown"),
        (Plan(seconds=20, grace=30), 5, 2, 0.25, "at most 0:15, then up to 0:30 to drain"),
        (Plan(seconds=20, grace=30), 21, 2, 1, "at most 0:00, then up to 0:30 to drain"),
        (Plan(seconds=20), 5, 2, 0.25, "at most 0:15, then up to any time to drain"),
        (Plan(count=40, grace=30), 10, 10, 0.25, "about 0:30"),
        (Plan(count=40, grace=30), 10, 0, 0, "unknown"),
        (
            Plan(seconds=20, count=40, grace=30), 10, 10, 0.5,
            "about 0:30, at most 0:10, then up to 0:30 to drain",
        ),
        (Plan(count=40), 50, 44, 1, "about 0:00"),
    ],
)  # fmt: skip
def test_the_time_that_remains_is_a_bound_or_an_estimate(
    plan: Plan, seconds: float, ended: int, share: float | None, left: str
) -> None:
    now = Progress(seconds, 1, run_of(ended))
    assert plan.share(now) == share
    assert Clock(plan).remaining(now) == left


def test_a_run_that_drains_ends_within_the_grace_period() -> None:
    clock = Clock(Plan(count=3, grace=30))
    assert clock.remaining(Progress(9, 3, run_of(0), draining=True)) == (
        "draining: 3 open, at most 0:30"
    )
    assert clock.remaining(Progress(19.5, 1, run_of(2), draining=True)) == (
        "draining: 1 open, at most 0:20"
    )
    assert Clock(Plan()).remaining(Progress(9, 3, run_of(0), draining=True)) == "draining: 3 open"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0:00"),
        (0, "0:00"),
        (0.1, "0:01"),
        (59.2, "1:00"),
        (3725, "1:02:05"),
        (inf, "any time"),
    ],
)
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_each_kind_of_error_has_its_first_cause() -> None:
    summary = Summary()
    records = [
        Record(1, end="reset", detail="the connection was closed"),
        Record(1, end="reset", detail="another: cause"),
        Record(1, end="refused", status=503, answer="busy"),
        Record(1, end="refused", status=500),
        Record(1, end="refused", status=500),
        Record(1, end="complete"),
        Record(1, end="stopped", detail="not an error"),
        Record(1, end="truncated"),
    ]
    for record in records:
        summary.add(record)
    assert [*causes(summary)] == [
        ("refused", 3, "status 503: busy"),
        ("reset", 2, "the connection was closed"),
        ("truncated", 1, ""),
    ]
    without_body = Summary()
    without_body.add(records[3])
    assert [*causes(without_body)] == [("refused", 1, "status 500")]


def test_the_rounds_of_a_comparison_are_counted() -> None:
    """Each is as many exchanges as there are URLs."""
    plan = Plan(count=12, each=3)
    assert plan.rounds(Progress(5, 1, run_of(6))) == "2 of 4 rounds"
    assert plan.rounds(Progress(5, 1, run_of(0))) == "0 of 4 rounds"
    assert Plan(count=12).rounds(Progress(5, 1, run_of(6))) == ""
