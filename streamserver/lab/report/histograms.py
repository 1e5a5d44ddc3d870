"""Histograms of durations, of constant size, from which percentiles are read.

They are HDR histograms: each value is kept to three digits, whatever its size, and two of them add
up without loss, so that several processes come to one figure.
"""

from typing import Any

LONGEST = 3600 * 1_000_000_000
"""Nanoseconds that a histogram holds; longer durations count as that."""


def new_histogram() -> Any:
    """An ``HdrHistogram`` of nanoseconds; RuntimeError that says what to install without it."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        needed = "percentiles need hdrhistogram: pip install 'streamserver[lab]'"
        raise RuntimeError(needed) from error
    return HdrHistogram(1, LONGEST, 3)


def record(histogram: Any, duration: int) -> None:
    """Count a duration in ns; one that is not positive counts as the shortest."""
    histogram.record_value(min(max(duration, 1), LONGEST))
