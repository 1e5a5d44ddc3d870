"""Levels as text, and the outcome in words."""

from collections.abc import Sequence
from typing import Any

from streamserver.lab.calibrate.level import MS, Level, Tolerance
from streamserver.wire.printable import printable

_ROW = "{:>8}{:>10}{:>10}{:>20}{:>20}{:>20}{:>10}  {}"
HEADING = _ROW.format(
    *("streams", "events/s", "events", "first event, ms"),
    *("each event, ms", "target late, ms", "joined", ""),
)


def line(level: Level, tolerance: Tolerance) -> str:
    """A level: p50 and p99 of what the first event took beyond what was commanded, of each event's
    way, and of the target's own lateness; events that came joined to the one before."""
    told = _ROW.format(
        level.streams,
        f"{level.streams * level.rate:,.0f}",
        f"{level.events:,}",
        *map(_both, (level.first_excess, level.delay, level.target_late)),
        level.together,
        ", ".join(level.misses(tolerance)) or "holds",
    )
    return printable(told.rstrip())


def outcome(levels: Sequence[Level], highest: Level | None) -> str:
    """What the levels come to, of which ``highest`` is the last that holds."""
    if highest is None and not levels[-1].events:
        return printable(f"Nothing was measured: all streams failed: {levels[-1].reason}")
    if highest is None:
        return "On this machine, as busy as it is now, not even the lowest load can be measured."
    load = f"{highest.streams:,} streams of {highest.rate:g} events/s"
    rate = highest.streams * highest.rate
    return f"Figures hold up to {load}, {rate:,.0f} events/s for each process of the client."


def _both(histogram: Any) -> str:
    if not histogram.get_total_count():
        return "-"
    p50, p99 = [histogram.get_value_at_percentile(percent) / MS for percent in (50, 99)]
    return f"{p50:.2f}, p99 {p99:.2f}"
