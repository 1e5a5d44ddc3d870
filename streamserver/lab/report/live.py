"""What one sees while a run goes on: a view that renews itself, or a line now and then.

Rates are those since the last look, percentiles those of the whole run so far.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from streamserver.extras import install_hint
from streamserver.lab.report.summary import Summary
from streamserver.wire.printable import printable

MS = 1_000_000
SHOWN = ("head", "first_byte", "first_reasoning", "first_token", "first_tool_call", "gap")


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment."""

    seconds: float
    """Since its beginning."""
    open: int
    """Exchanges that have begun and not ended."""
    summary: Summary
    """Of those that have ended, but with the events of all that count. It has no slowest ones yet,
    and nothing of the warm-up."""
    warming_up: bool = False


class Rates:
    """Exchanges, failures and events per second from one look to the next."""

    def __init__(self) -> None:
        self._before = (0.0, 0, 0, 0)

    def since(self, now: Progress) -> tuple[float, float, float]:
        """What came in per second since the last call."""
        ended, complete = now.summary.ends.total(), now.summary.ends["complete"]
        figures = (now.seconds, ended, ended - complete, now.summary.events)
        then, self._before = self._before, figures
        span = max(now.seconds - then[0], 1e-9)
        ended_rate, failed_rate, events_rate = [
            (figure - before) / span for figure, before in zip(figures[1:], then[1:], strict=True)
        ]
        return ended_rate, failed_rate, events_rate


def plain(file: TextIO) -> Callable[[Progress], None]:
    """Writes a line for each look: for a pipe, or a log."""
    rates = Rates()

    def show(now: Progress) -> None:
        ended, failed, events = rates.since(now)
        told = [f"{now.seconds:6.1f} s", f"open {now.open}"]
        told += [f"ended {now.summary.ends.total()} ({ended:,.1f}/s)", f"failed {failed:,.1f}/s"]
        told += [f"events {events:,.0f}/s", *_percentiles(now.summary)]
        file.write("  ".join(told) + "\n")
        file.flush()

    return show


def _percentiles(summary: Summary) -> list[str]:
    return [
        f"{name.replace('_', ' ')} p50 {p50} p99 {p99} ms" for name, p50, p99, _ in _rows(summary)
    ]


def _rows(summary: Summary) -> list[tuple[str, str, str, str]]:
    there = [(name, summary.histograms[name]) for name in SHOWN]
    return [(name, *_figures(one)) for name, one in there if one.get_total_count()]


def _figures(histogram: Any) -> tuple[str, str, str]:
    p50, p99 = histogram.get_value_at_percentile(50), histogram.get_value_at_percentile(99)
    return _ms(p50), _ms(p99), _ms(histogram.get_max_value())


def _ms(duration: int) -> str:
    return f"{duration / MS:.1f}"


class View:
    """A table on a terminal that renews itself; use it in a ``with`` block.

    RuntimeError that says what to install where rich is not there.
    """

    def __init__(self, title: str, file: TextIO) -> None:
        try:
            from rich.console import Console
            from rich.live import Live
        except ImportError as error:
            needed = f"the live view needs rich: {install_hint('lab')}"
            raise RuntimeError(needed) from error
        self._title = title
        self._rates = Rates()
        self._live: Any = Live(console=Console(file=file), auto_refresh=False, transient=True)

    def __enter__(self) -> "View":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, now: Progress) -> None:
        """Show the run as it is now."""
        self._live.update(self._table(now), refresh=True)

    def _table(self, now: Progress) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        ended, failed, events = self._rates.since(now)
        told = (
            f"{now.seconds:.1f} s, {now.open} open, {now.summary.ends.total()} ended"
            f" ({ended:,.1f}/s), {failed:,.1f} failed/s, {events:,.0f} events/s"
        )
        table = Table()
        for heading in ("ms", "p50", "p99", "max"):
            table.add_column(heading, justify="left" if heading == "ms" else "right", min_width=9)
        for name, *figures in _rows(now.summary):
            table.add_row(name.replace("_", " "), *figures)
        return Group(Text(printable(self._title)), table, Text(told))
