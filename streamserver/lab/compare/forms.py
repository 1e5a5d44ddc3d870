"""The forms of a comparison: a table, and JSON."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from streamserver.lab.compare.comparison import DIRECT, THROUGH
from streamserver.lab.compare.intervals import CONFIDENCE, Interval
from streamserver.lab.compare.pairs import Hop
from streamserver.lab.compare.report import ComparisonReport
from streamserver.lab.report.histograms import MS, ms
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import Labelled, failures, label, labelled
from streamserver.wire.printable import printable

VERSION = 2
"""The version of the JSON form. It is raised when a member changes its meaning or is removed."""
HEADINGS = ("ms, median", DIRECT, THROUGH, "added", f"{CONFIDENCE:.0%} interval")
_ROW = "{:<14}{:>12}{:>12}{:>12}    {}"


def table(report: ComparisonReport) -> str:
    """What each URL adds to each milestone, in ms, and whether it is significant."""
    return "\n".join(map(printable, _lines(report))) + "\n"


def to_json(report: ComparisonReport) -> dict[str, Any]:
    """The comparison for programs; durations are in milliseconds."""
    comparison = report.comparison
    requests = [*report.requests, *[""] * len(comparison.sides)]
    return {
        "version": VERSION,
        "run": report.about.to_json() if report.about else None,
        "rounds": len(comparison.rounds),
        "level": CONFIDENCE,
        "valid": not report.not_valid,
        "not_valid": report.not_valid,
        "sides": {
            side.name: {
                "request": request,
                "address": side.summary.address,
                "software": [*side.summary.servers],
                **side.summary.ends_json(),
            }
            for side, request in zip(comparison.sides, requests, strict=False)
        },
        "added": {hop.name: _hop_json(hop, report.added[hop.name]) for hop in report.hops},
        "objectives": [{"side": name, **one.to_json()} for name, one in report.judged],
    }


def _hop_json(hop: Hop, added: dict[str, Interval]) -> dict[str, Any]:
    return {
        "pairs": len(hop.pairs),
        "complete": len(hop.complete),
        "same_bodies": hop.same_bodies,
        "added": {
            name: {
                "median": one.median / MS,
                "low": one.low / MS,
                "high": one.high / MS,
                "significant": one.excludes_zero,
            }
            for name, one in added.items()
        },
        "verdicts": [str(verdict) for verdict in hop.verdicts],
    }


def _lines(report: ComparisonReport) -> Iterator[str]:
    for hop in report.hops:
        yield from _hop_lines(report, hop)
        yield ""
        yield from map(labelled, counts(hop))
        yield ""
    yield from map(labelled, ends(report))
    for name, one in report.judged:
        yield labelled(("objective", report.in_words(name, one)))
    yield from [labelled(("not valid", reason)) for reason in report.not_valid]


def _hop_lines(report: ComparisonReport, hop: Hop) -> Iterator[str]:
    if hop.name != THROUGH:
        yield f"through {hop.name}"
    yield _ROW.format(*HEADINGS).rstrip()
    for row in rows(report, hop):
        chance = "" if row.is_significant else ", which may be chance"
        yield _ROW.format(*row[:-1]) + chance


class Row(NamedTuple):
    """A milestone or figure: the medians of both sides, and what is added; all in ms."""

    name: str
    direct: str
    through: str
    added: str
    interval: str
    is_significant: bool


def rows(report: ComparisonReport, hop: Hop) -> Iterator[Row]:
    """A row for each milestone and figure that both sides have."""
    direct = report.comparison.sides[0].summary
    for name, one in report.added[hop.name].items():
        before, after = _median(direct, name), _median(hop.summary, name)
        interval = f"{one.low / MS:+.3f} to {one.high / MS:+.3f}"
        added = f"{one.median / MS:+.3f}"
        yield Row(label(name), before, after, added, interval, one.excludes_zero)


def counts(hop: Hop) -> Iterator[Labelled]:
    """How many pairs and bodies are equal, and the verdict on the hop."""
    complete = len(hop.complete)
    yield "pairs", f"{len(hop.pairs)}, of which {complete} ended well on both sides"
    yield "bodies", f"the same bytes in {hop.same_bodies} of {complete}"
    yield from [("verdict", str(verdict)) for verdict in hop.verdicts]


def ends(report: ComparisonReport) -> Iterator[Labelled]:
    """The failures of each side."""
    for side in report.comparison.sides:
        found = side.summary.ends.most_common()
        if failed := [f"{end} {n}" for end, n in found if end != "complete"]:
            yield side.name, ", ".join(failed)
        yield from failures(side.summary)


def _median(summary: Summary, name: str) -> str:
    histogram = summary.histograms.get(name)
    if histogram is None or not histogram.get_total_count():
        return ""
    return f"{ms(histogram, 50):.3f}"
