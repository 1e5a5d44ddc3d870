"""The figures as a table of text."""

from collections.abc import Iterator

from streamserver.lab.report.summary import Summary

PERCENTILES = (50, 90, 99, 99.9)
_ROW = "{:<12}{:>9}" + "{:>11}" * (len(PERCENTILES) + 1)


def table(summary: Summary) -> str:
    """One line for each milestone, in milliseconds."""
    return "\n".join(_lines(summary)) + "\n"


def _lines(summary: Summary) -> Iterator[str]:
    yield _ROW.format("ms", "count", *[f"p{p:g}" for p in PERCENTILES], "max")
    for name, histogram in summary.histograms.items():
        count = histogram.get_total_count()
        if count:
            values = [histogram.get_value_at_percentile(p) for p in (*PERCENTILES, 100)]
            yield _ROW.format(name, count, *[f"{value / 1e6:.3f}" for value in values])
    yield "ended: " + ", ".join(f"{end} {n}" for end, n in summary.ends.most_common())
    yield f"reads {summary.reads}, chunks {summary.chunks}, events {summary.events}"
