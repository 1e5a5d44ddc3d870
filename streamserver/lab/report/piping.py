"""A summary as JSON takes it, for a pipe from one process to another, and back.

Figures of every kind travel in the form in which they are merged; so what the parent shows of
several processes is as exact as what it would show of one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

from streamserver.lab.report.histograms import add_text, to_text
from streamserver.lab.report.slowest import Slowest
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.timeline import Timeline

_NUMBERS = (
    *("reads", "chunks", "events", "size", "retries", "unsent", "warmed"),
    *("resolving", "began", "ended"),
)
_EVIDENCE = ("apart", "together", "longest_burst")


def write_summary(summary: Summary) -> dict[str, Any]:
    """All of it."""
    told = _counts(summary) | {"slowest": summary.slowest.to_json()}
    return told | {"histograms": {name: to_text(one) for name, one in histograms(summary)}}


async def snapshot(summary: Summary) -> dict[str, Any]:
    """All but the slowest, of a summary that goes on counting.

    To write a histogram takes a millisecond, in which no event could be stamped: so others have
    their turn after each. What ends meanwhile is in one and not yet in the other.
    """
    told: dict[str, Any] = _counts(summary) | {"slowest": [], "histograms": {}}
    for name, one in histograms(summary):
        told["histograms"][name] = to_text(one)
        await asyncio.sleep(0)
    return told


def _counts(summary: Summary) -> dict[str, Any]:
    return {
        "numbers": [getattr(summary, name) for name in _NUMBERS],
        "ends": dict(summary.ends),
        "reasons": dict(summary.reasons),
        "statuses": {str(status): count for status, count in summary.statuses.items()},
        "answers": {str(status): answer for status, answer in summary.answers.items()},
        "evidence": [getattr(summary.evidence, name) for name in _EVIDENCE],
        "timeline": summary.timeline.to_json(),
    }


def read_summary(told: dict[str, Any]) -> Summary:
    """What ``write_summary`` told."""
    summary = Summary(
        Counter(told["ends"]),
        Counter({int(status): count for status, count in told["statuses"].items()}),
        Counter(told["reasons"]),
        {int(status): answer for status, answer in told["answers"].items()},
        timeline=Timeline.from_json(told["timeline"]),
        slowest=Slowest.from_json(told["slowest"]),
    )
    for name, number in zip(_NUMBERS, told["numbers"], strict=True):
        setattr(summary, name, number)
    for name, number in zip(_EVIDENCE, told["evidence"], strict=True):
        setattr(summary.evidence, name, number)
    for name, one in histograms(summary):
        add_text(one, told["histograms"][name])
    return summary


def histograms(summary: Summary) -> Iterator[tuple[str, Any]]:
    """Every histogram of a summary, under a name that no other has."""
    yield from summary.histograms.items()
    yield "start_late", summary.start_late
    yield "loop_lag", summary.loop_lag
    yield "delay", summary.evidence.delay
    yield "target_late", summary.evidence.target_late
