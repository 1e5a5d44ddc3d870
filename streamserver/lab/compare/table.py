"""A comparison as text, and as JSON."""

from collections.abc import Iterator
from typing import Any

from streamserver.lab.compare.bootstrap import LEVEL
from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.report.report import About
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import failures, labelled
from streamserver.wire.printable import printable

MS = 1_000_000
VERSION = 1
_ROW = "{:<14}{:>12}{:>12}{:>12}    {}"


def table(comparison: Comparison, seed: int = 0) -> str:
    """What the second adds to each moment, in ms, and whether that may be chance."""
    return "\n".join(map(printable, _lines(comparison, seed))) + "\n"


def to_json(
    comparison: Comparison, seed: int = 0, about: About | None = None
) -> dict[str, Any]:
    """The same for programs; durations are in milliseconds."""
    added = {
        name: {
            "median": one.median / MS,
            "low": one.low / MS,
            "high": one.high / MS,
            "tells_apart": one.tells_apart,
        }
        for name, one in comparison.added(seed)
    }
    return {
        "version": VERSION,
        "run": about.to_json() if about else None,
        "pairs": len(comparison.pairs),
        "whole": comparison.whole,
        "same_bodies": comparison.same_bodies,
        "level": LEVEL,
        "added": added,
        **{side: _ended(summary) for side, summary in comparison.sides},
        "verdicts": [str(verdict) for verdict in comparison.verdicts],
        "not_valid": comparison.not_valid,
    }


def _lines(comparison: Comparison, seed: int) -> Iterator[str]:
    yield _ROW.format("ms, median", "direct", "through", "added", f"{LEVEL:.0%} interval").rstrip()
    for name, added in comparison.added(seed):
        both = [_shown(summary, name) for summary in (comparison.direct, comparison.through)]
        told = f"{added.low / MS:+.3f} to {added.high / MS:+.3f}"
        if not added.tells_apart:
            told += ", which may be chance"
        yield _ROW.format(name.replace("_", " "), *both, f"{added.median / MS:+.3f}", told)
    yield ""
    whole = comparison.whole
    yield f"pairs       {len(comparison.pairs)}, of which {whole} ended well on both sides"
    yield f"bodies      the same bytes in {comparison.same_bodies} of {whole}"
    for side, summary in comparison.sides:
        if failed := [f"{end} {n}" for end, n in summary.ends.most_common() if end != "complete"]:
            yield f"{side:<12}{', '.join(failed)}"
        yield from map(labelled, failures(summary))
    for verdict in comparison.verdicts:
        yield f"verdict     {verdict}"
    for reason in comparison.not_valid:
        yield f"not valid   {reason}"


def _ended(summary: Summary) -> dict[str, Any]:
    """How the exchanges of one side ended."""
    return {
        "ended": dict(summary.ends),
        "statuses": {str(status): count for status, count in summary.statuses.items()},
        "answers": {str(status): line for status, line in summary.answers.items()},
        "reasons": dict(summary.reasons),
    }


def _shown(summary: Summary, name: str) -> str:
    histogram = summary.histograms.get(name)
    if histogram is None or not histogram.get_total_count():
        return ""
    return f"{histogram.get_value_at_percentile(50) / MS:.3f}"
