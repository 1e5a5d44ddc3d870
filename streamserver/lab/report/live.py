"""The progress of a run while it lasts: a table that is updated in place, or a line at intervals.

Rates are those since the last call, percentiles those of the whole run so far.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from streamserver.extras import install_hint
from streamserver.lab.report.histograms import ms
from streamserver.lab.report.summary import Summary
from streamserver.wire.printable import printable

SHOWN = ("head", "first_byte", "first_reasoning", "first_token", "first_tool_call", "gap")


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment."""

    seconds: float
    """Since the beginning of the run."""
    open: int
    """Exchanges that have begun and not ended."""
    summary: Summary
    """Of the exchanges that have ended, with the events of all; without the warm-up."""
    warming_up: bool = False


class Rates:
    """Exchanges, failures and events per second between two calls."""

    def __init__(self) -> None:
        self._before: Sequence[float] = (0.0, 0, 0, 0)

    def since(self, now: Progress) -> list[float]:
        """The three rates since the call before."""
        ended, complete = now.summary.ends.total(), now.summary.ends["complete"]
        figures = (now.seconds, ended, ended - complete, now.summary.events)
        added = [one - before for one, before in zip(figures, self._before, strict=True)]
        self._before = figures
        return [figure / max(added[0], 1e-9) for figure in added[1:]]


def plain(file: TextIO) -> Callable[[Progress], None]:
    """A function that writes a line per call, for a pipe or a log."""
    rates = Rates()

    def show(now: Progress) -> None:
        ended, failed, events = rates.since(now)
        parts = [f"{now.seconds:6.1f} s", f"open {now.open}"]
        parts += [f"ended {now.summary.ends.total()} ({ended:,.1f}/s)", f"failed {failed:,.1f}/s"]
        parts += [f"events {events:,.0f}/s"]
        parts += [f"{name} p50 {p50} p99 {p99} ms" for name, p50, p99, _ in _rows(now.summary)]
        file.write("  ".join(parts) + "\n")
        file.flush()

    return show


def _rows(summary: Summary) -> list[tuple[str, str, str, str]]:
    """Name, p50, p99 and maximum of each milestone that was reached."""
    histograms = [(name, summary.histograms[name]) for name in SHOWN]
    return [
        (name.replace("_", " "), f"{ms(one, 50):.1f}", f"{ms(one, 99):.1f}", f"{ms(one, 100):.1f}")
        for name, one in histograms
        if one.get_total_count()
    ]


class View:
    """A table on a terminal that is updated in place; use it in a ``with`` block.

    RuntimeError with a hint where rich is missing.
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
        rates = (
            f"{now.seconds:.1f} s, {now.open} open, {now.summary.ends.total()} ended"
            f" ({ended:,.1f}/s), {failed:,.1f} failed/s, {events:,.0f} events/s"
        )
        table = Table()
        for heading in ("ms", "p50", "p99", "max"):
            table.add_column(heading, justify="left" if heading == "ms" else "right", min_width=9)
        for row in _rows(now.summary):
            table.add_row(*row)
        return Group(Text(printable(self._title)), table, Text(rates))
