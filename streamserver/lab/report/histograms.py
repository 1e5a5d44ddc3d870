"""HDR histograms of durations: three digits of each, whatever its size, in a fixed room.

They are `hdrhistogram`'s, whose form other tools read too. It takes 3 µs to count a value, which a
client that counts four of them for each event cannot spare; so counting is done here, into the
same counters.
"""

from typing import Any

from streamserver.extras import install_hint

LONGEST = 3600 * 1_000_000_000
"""Nanoseconds that a histogram holds; longer durations count as that."""
_DIGITS = 3
_HALF = 10
"""Three digits take 2**11 steps in each power of two, of which the lower half belongs to the one
below."""
_MASK = 2 ** (_HALF + 1) - 1


def new_histogram() -> Any:
    """An ``HdrHistogram`` of nanoseconds; RuntimeError that says what to install without it."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        needed = f"percentiles need hdrhistogram: {install_hint('lab')}"
        raise RuntimeError(needed) from error
    return HdrHistogram(1, LONGEST, _DIGITS)


def record(histogram: Any, duration: int, count: int = 1) -> None:
    """Count a duration in ns, so many times; one that is not positive counts as the shortest."""
    if duration < 1:
        duration = 1
    elif duration > LONGEST:
        duration = LONGEST
    power = (duration | _MASK).bit_length() - _HALF - 1
    histogram.counts[(power << _HALF) + (duration >> power)] += count
    histogram.total_count += count
    if duration < histogram.min_value:
        histogram.min_value = duration
    if duration > histogram.max_value:
        histogram.max_value = duration


def add(histogram: Any, other: Any) -> None:
    """Count in one what another counted; hdrh's own would take an empty one for a minimum of 0."""
    if other.get_total_count():
        histogram.add(other)


def to_text(histogram: Any) -> str:
    """A histogram as one word, compressed; "" for an empty one."""
    return histogram.encode().decode("ascii") if histogram.get_total_count() else ""


def add_text(histogram: Any, text: str) -> None:
    """Count what ``to_text`` told of another."""
    if text:
        histogram.decode_and_add(text)
