"""The view of a run while it lasts: a screen that is updated in place, or a line at intervals.

Rates are those since the last call, percentiles those of the whole run so far. Each part of the
screen has a fixed place, and the whole fits 80 columns and 24 lines.
"""

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Any, TextIO

from streamserver.extras import install_hint
from streamserver.lab.report.histograms import all_ms
from streamserver.lab.report.progress import Clock, Plan, Progress, Rates, causes, failures, minutes
from streamserver.lab.report.slo import Judgement, Objective, judge
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.table import label
from streamserver.wire.printable import printable

OF_ANSWERS = ("ttft", "first_reasoning", "itl", "tpot", "e2e")
OF_OTHERS = ("head", "first_byte", "gap", "last_byte")
"""The figures that are shown, of models' answers and of other responses."""
PERCENTILES = (50, 90, 99, 100)
WIDTH = 80
BAR = 40
"""Characters of the progress bar."""
ERRORS, OBJECTIVES = 3, 4
"""Lines for the kinds of errors, and for objectives."""
_ROW = "{:<16}" + "{:>12}" * len(PERCENTILES)


def plain(
    file: TextIO, plan: Plan | None = None, objectives: Sequence[Objective] = ()
) -> Callable[[Progress], None]:
    """A function that writes a line per call, for a pipe or a log."""
    screen, shown = Screen("", plan or Plan(), objectives), set[str]()

    def show(now: Progress) -> None:
        file.write("  ".join(screen.line(now)) + "\n")
        for end, _, cause in causes(now.summary):
            if end not in shown:
                shown.add(end)
                file.write(f"         first {end}: {printable(cause) or 'no reason given'}\n")
        file.flush()

    return show


class View:
    """A screen on a terminal that is updated in place; use it in a ``with`` block.

    RuntimeError with a hint where rich is missing.
    """

    def __init__(
        self,
        title: str,
        file: TextIO,
        plan: Plan | None = None,
        objectives: Sequence[Objective] = (),
    ) -> None:
        try:
            from rich.console import Console
            from rich.live import Live
        except ImportError as error:
            needed = f"the live view needs rich: {install_hint('lab')}"
            raise RuntimeError(needed) from error
        self._screen = Screen(title, plan or Plan(), objectives)
        self._live: Any = Live(console=Console(file=file), auto_refresh=False, transient=True)

    def __enter__(self) -> "View":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, now: Progress) -> None:
        """Show the run as it is now."""
        from rich.text import Text

        lines = [*map(printable, self._screen.lines(now))]
        if len(lines) >= self._live.console.height:  # the last ones would not be shown
            lines = [*filter(None, lines)]
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        self._live.update(text, refresh=True)


class Screen:
    """The lines of the view."""

    def __init__(self, title: str, plan: Plan, objectives: Sequence[Objective]) -> None:
        self._title = title
        self._plan = plan
        self._objectives = list(objectives)
        self._clock = Clock(plan)
        self._rates = Rates()

    def lines(self, now: Progress) -> Iterator[str]:
        """The lines; their number is the same at every moment of a run."""
        ended, failed, events = self._rates.since(now)
        summary = now.summary
        yield self._title
        yield self._bar(now)
        yield f"time left    {self._remaining(now)}"
        yield ""
        counts = f"{summary.ends.total():,} ended, {failures(summary):,} failed"
        yield f"exchanges    {now.open:,} open, {counts}"
        rates = f"{ended:,.1f} ended, {failed:,.1f} failed, {events:,.0f} events"
        yield f"per second   {rates}{_tokens(now)}"
        yield ""
        yield from self._percentiles(summary)
        yield ""
        yield from _padded([*_errors(summary)][:ERRORS], ERRORS)
        if self._objectives:
            yield ""
            yield from _padded([*self._states(summary)], OBJECTIVES)

    def line(self, now: Progress) -> Iterator[str]:
        """The parts of one line."""
        ended, failed, events = self._rates.since(now)
        summary, share = now.summary, self._plan.share(now)
        yield f"{now.seconds:6.1f} s"
        if share is not None:
            yield f"{share:.0%}"
        yield f"left {self._remaining(now)}"
        yield f"open {now.open}"
        yield f"ended {summary.ends.total()} ({ended:,.1f}/s)"
        yield f"failed {failed:,.1f}/s"
        yield f"events {events:,.0f}/s"
        if summary.tokens.output:
            yield f"output tokens {_token_rate(now):,.0f}/s"
        for name in _shown(summary):
            if summary.histograms[name].get_total_count():
                median, rare = all_ms(summary.histograms[name], [50, 99])
                yield f"{label(name)} p50 {median:.1f} p99 {rare:.1f} ms"
        yield from [f"{one.objective.text} {one.outcome}" for one in self._judged(summary)]

    def _bar(self, now: Progress) -> str:
        share, elapsed = self._plan.share(now), minutes(now.seconds)
        if share is None:
            return f"elapsed      {elapsed}"
        done = int(share * BAR)
        return f"[{'#' * done}{'.' * (BAR - done)}] {share:4.0%}, elapsed {elapsed}"

    def _remaining(self, now: Progress) -> str:
        left = self._clock.remaining(now)
        if rounds := self._plan.rounds(now):
            left += f", {rounds} done"
        return f"{left} (warming up)" if now.warming_up else left

    def _percentiles(self, summary: Summary) -> Iterator[str]:
        yield _ROW.format("ms", "p50", "p90", "p99", "max")
        rows = []
        for name in _shown(summary):
            histogram, cells = summary.histograms[name], ["-"] * len(PERCENTILES)
            if histogram.get_total_count():
                cells = [f"{value:,.1f}" for value in all_ms(histogram, PERCENTILES)]
            rows.append(_ROW.format(label(name), *cells))
        yield from _padded(rows, len(OF_ANSWERS))

    def _judged(self, summary: Summary) -> list[Judgement]:
        return judge(self._objectives, summary)

    def _states(self, summary: Summary) -> Iterator[str]:
        """The objectives; of many, those that are missed are the first."""
        judged = self._judged(summary)
        last = OBJECTIVES
        if len(judged) > OBJECTIVES:
            judged.sort(key=lambda one: one.is_met)
            last -= 1
        for one in judged[:last]:
            now = f", now {one.shown}" if one.shown else ""
            outcome = "unknown" if one.measured is None else one.outcome
            yield f"objective    {one.objective.text}: {outcome}{now}"
        if len(judged) > last:
            met = sum([one.is_met for one in judged[last:]])
            yield f"             and {len(judged) - last} others, of which {met} are met"


def _shown(summary: Summary) -> Sequence[str]:
    return OF_ANSWERS if summary.tokens.answers else OF_OTHERS


def _token_rate(now: Progress) -> float:
    """Output tokens per second of the run: they count when an answer ends, so in bursts."""
    summary = now.summary
    return summary.tokens.output * 1e9 / max(summary.ended - summary.began, 1)


def _tokens(now: Progress) -> str:
    return f", {_token_rate(now):,.0f} output tokens" if now.summary.tokens.output else ""


def _errors(summary: Summary) -> Iterator[str]:
    """A line for each kind of error; if there is one kind, its first cause may take all lines."""
    found = [*causes(summary)]
    if not found:
        yield "errors       none"
    last = ERRORS if len(found) <= ERRORS else ERRORS - 1
    for end, count, cause in found[:last]:
        line = f"{count:>6,} x     {end}" + (f", first: {printable(cause)}" if cause else "")
        yield from wrap(line, WIDTH, subsequent_indent=" " * 13) if len(found) == 1 else [line]
    if len(found) > last:
        yield f"             and {len(found) - last} further kinds of errors"


def _padded(lines: list[str], length: int) -> list[str]:
    return lines + [""] * (length - len(lines))
