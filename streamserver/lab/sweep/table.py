"""The table of a sweep, with its result below it."""

from collections.abc import Iterator

from streamserver.lab.report.table import Labelled, failures, label, labelled
from streamserver.lab.sweep.level import Level
from streamserver.lab.sweep.sweep import Sweep
from streamserver.wire.printable import printable

BEST = "*"
UNITS = {"rate": "/s", "concurrency": " concurrent exchanges"}


def table(sweep: Sweep) -> str:
    """A row per level, the best one marked, then the highest load and its limit."""
    lines = [*_aligned(rows(sweep)), "", *map(labelled, conclusion(sweep))]
    return "\n".join(map(printable, lines)) + "\n"


def rows(sweep: Sweep) -> list[list[str]]:
    """A row of headings, and one per level in the order of the loads; a figure that no level has is
    absent."""
    first = sweep.levels[0] if sweep.levels else None
    shown = [(name, p) for name in (first.latency, first.pace) for p in (50, 99)] if first else []
    loads = "rate/s" if sweep.kind == "rate" else "conc."
    names = [f"{label(name)} p{p}, ms" for name, p in shown]
    grid = [["", loads, "achieved/s", "goodput/s", "open", *names, "tokens/s", "errors", "outcome"]]
    for level in sorted(sweep.levels, key=lambda one: one.load):
        grid.append(
            [
                BEST if level is sweep.best else "",
                f"{level.load:g}",
                f"{level.achieved:.2f}",
                _text(level.goodput, ".2f"),
                f"{level.open:.1f}",
                *[_text(level.ms(name, p), ".1f") for name, p in shown],
                _text(level.tokens_per_second or None, ",.0f"),
                _text(level.summary.errors, ".1%"),
                outcome(level),
            ]
        )
    kept = [n for n, column in enumerate(zip(*grid[1:], strict=True)) if n < 1 or any(column)]
    return [[row[n] for n in kept] for row in grid] if sweep.levels else []


def _text(figure: float | None, form: str) -> str:
    return "" if figure is None else format(figure, form)


def conclusion(sweep: Sweep) -> Iterator[Labelled]:
    """The highest load, its limit, and the objectives."""
    best, missed, limit = sweep.best, sweep.missed, sweep.limit
    unit = UNITS[sweep.kind]
    if best is not None:
        at_least = "" if limit and limit.is_valid else "at least "
        yield "highest", f"{at_least}{best.load:g}{unit}: {best.achieved:.2f} complete exchanges/s"
    elif not sweep.not_valid:
        yield "highest", f"none: not even {sweep.scale.low:g}{unit} meets the objectives"
    if missed is not None and limit is not None:
        yield "limit", f"at {missed.load:g}{unit}, {limit}"
        if limit.party == "target":
            yield from failures(missed.summary)
        if limit.party == "client":
            yield "", "the service may reach more: use more --processes or an idle machine"
    elif best is not None and not sweep.problems:
        yield "limit", f"none up to {best.load:g}{unit}, the end of --sweep"
    for objective in sweep.objectives:
        yield "objective", objective.text
    for reason in sweep.not_valid:
        yield "not valid", reason


def outcome(level: Level) -> str:
    """Whether a level met the objectives, or why not."""
    limit = level.limit
    if limit is None:
        return "met"
    return f"{'missed' if limit.is_valid else 'not valid'}, {limit.party}: {limit.reason}"


def _aligned(grid: list[list[str]]) -> Iterator[str]:
    """Rows as text, their figures to the right."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    for *cells, verdict in grid:
        shown = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*shown, verdict]).rstrip()
