"""The forms of a comparison: a table, and JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from streamserver.lab.compare.comparison import THROUGH, Comparison
from streamserver.lab.compare.intervals import CONFIDENCE
from streamserver.lab.compare.pairs import Hop
from streamserver.lab.report.histograms import MS, ms
from streamserver.lab.report.report import About
from streamserver.lab.report.slo import Judgement
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import LABELS, Labelled, failures, labelled
from streamserver.wire.printable import printable

VERSION = 2
"""Of the JSON form."""
HEADINGS = ("ms, median", "direct", THROUGH, "added", f"{CONFIDENCE:.0%} interval")
_ROW = "{:<14}{:>12}{:>12}{:>12}    {}"


def table(
    comparison: Comparison, seed: int = 0, judged: Sequence[tuple[str, Judgement]] = ()
) -> str:
    """What each URL adds to each milestone, in ms, and whether it is significant."""
    return "\n".join(map(printable, _lines(comparison, seed, judged))) + "\n"


def to_json(
    comparison: Comparison,
    seed: int = 0,
    about: About | None = None,
    judged: Sequence[tuple[str, Judgement]] = (),
) -> dict[str, Any]:
    """The comparison for programs; durations are in milliseconds."""
    return {
        "version": VERSION,
        "run": about.to_json() if about else None,
        "rounds": len(comparison.rounds),
        "level": CONFIDENCE,
        "sides": {side.name: side.summary.ends_json() for side in comparison.sides},
        "added": {hop.name: _hop_json(hop, seed) for hop in comparison.hops},
        "objectives": [
            {
                "side": name,
                "objective": one.objective.text,
                "measured": one.measured,
                "met": one.is_met,
            }
            for name, one in judged
        ],
        "not_valid": comparison.not_valid,
    }


def _hop_json(hop: Hop, seed: int) -> dict[str, Any]:
    added = {
        name: {
            "median": one.median / MS,
            "low": one.low / MS,
            "high": one.high / MS,
            "significant": one.excludes_zero,
        }
        for name, one in hop.added(seed)
    }
    return {
        "pairs": len(hop.pairs),
        "complete": len(hop.complete),
        "same_bodies": hop.same_bodies,
        "added": added,
        "verdicts": [str(verdict) for verdict in hop.verdicts],
    }


def _lines(
    comparison: Comparison, seed: int, judged: Sequence[tuple[str, Judgement]]
) -> Iterator[str]:
    for hop in comparison.hops:
        yield from _hop_lines(hop, comparison.sides[0].summary, seed)
        yield ""
        yield from map(labelled, _counts(hop))
        yield ""
    yield from map(labelled, _ends(comparison, judged))


def _hop_lines(hop: Hop, direct: Summary, seed: int) -> Iterator[str]:
    if hop.name != THROUGH:
        yield f"through {hop.name}"
    yield _ROW.format(*HEADINGS).rstrip()
    for name, medians, added in rows(hop, direct, seed):
        yield _ROW.format(name, *medians, *added)


def rows(hop: Hop, direct: Summary, seed: int) -> Iterator[tuple[str, list[str], tuple[str, str]]]:
    """For each milestone and figure its name, the medians of both sides, and what is added with
    its interval; all in ms."""
    for name, added in hop.added(seed):
        interval = f"{added.low / MS:+.3f} to {added.high / MS:+.3f}"
        if not added.excludes_zero:
            interval += ", which may be chance"
        medians = [_median(summary, name) for summary in (direct, hop.summary)]
        shown = LABELS.get(name, name.replace("_", " "))
        yield shown, medians, (f"{added.median / MS:+.3f}", interval)


def _counts(hop: Hop) -> Iterator[Labelled]:
    complete = len(hop.complete)
    yield "pairs", f"{len(hop.pairs)}, of which {complete} ended well on both sides"
    yield "bodies", f"the same bytes in {hop.same_bodies} of {complete}"
    yield from [("verdict", str(verdict)) for verdict in hop.verdicts]


def _ends(comparison: Comparison, judged: Sequence[tuple[str, Judgement]]) -> Iterator[Labelled]:
    """The failures of each side, the objectives, and why the measurement is not valid."""
    for side in comparison.sides:
        ends = side.summary.ends.most_common()
        if failed := [f"{end} {n}" for end, n in ends if end != "complete"]:
            yield side.name, ", ".join(failed)
        yield from failures(side.summary)
    several = len(comparison.sides) > 2
    for name, one in judged:
        yield "objective", f"{name}: {one}" if several else str(one)
    yield from [("not valid", reason) for reason in comparison.not_valid]


def _median(summary: Summary, name: str) -> str:
    histogram = summary.histograms.get(name)
    if histogram is None or not histogram.get_total_count():
        return ""
    return f"{ms(histogram, 50):.3f}"
