"""The forms of a sweep: the table, a line of CSV per level (RFC 4180), and the JSON."""

import csv
from collections.abc import Iterator
from typing import Any, TextIO

from streamserver.lab.report.report import About
from streamserver.lab.report.table import Labelled, failures, label, labelled
from streamserver.lab.sweep.level import LATENCIES, Level
from streamserver.lab.sweep.sweep import Sweep
from streamserver.wire.printable import printable

VERSION = 1
"""Of the JSON form."""
BEST = "*"
UNITS = {"rate": "/s", "concurrency": " concurrent exchanges"}
FIGURES = (*LATENCIES, "tpot", "itl", "gap", "e2e")
PERCENTILES = (50, 90, 99)
COLUMNS = (
    *("load_kind", "load", "purpose", "settle_s", "duration_s", "achieved_per_s"),
    *(
        "goodput_per_s",
        "open_mean",
        "growth",
        "exchanges",
        "errors",
        "unsent",
        "output_tokens_per_s",
    ),
    *[f"{name}_p{p}_ms" for name in FIGURES for p in PERCENTILES],
    *("met", "limit", "evidence"),
)


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
            yield "", "use more --processes, or a higher --max-open, to load the service further"
    elif best is not None and not sweep.problems:
        yield "limit", f"none up to {best.load:g}{unit}, the end of --sweep"
    for objective in sweep.objectives:
        yield "objective", objective.text
    for reason in sweep.not_valid:
        yield "not valid", reason


def outcome(level: Level) -> str:
    """Whether a level met the objectives, or what did not."""
    limit = level.limit
    return "met" if limit is None else f"missed by the {limit.party}: {limit.reason}"


def _aligned(grid: list[list[str]]) -> Iterator[str]:
    """Rows as text, their figures to the right."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    for *cells, verdict in grid:
        shown = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*shown, verdict]).rstrip()


def to_json(sweep: Sweep, about: About | None = None) -> dict[str, Any]:
    """The sweep for programs; durations are in milliseconds, shares from 0 to 1."""
    best, missed, limit = sweep.best, sweep.missed, sweep.limit
    return {
        "version": VERSION,
        "run": about.to_json() if about else None,
        "kind": sweep.kind,
        "from": sweep.scale.low,
        "to": sweep.scale.high,
        "precision": sweep.scale.precision,
        "objectives": [one.text for one in sweep.objectives],
        "valid": not sweep.not_valid,
        "not_valid": sweep.not_valid,
        "highest": best and {"load": best.load, "achieved": round(best.achieved, 6)},
        "limit": missed
        and limit
        and {"load": missed.load, "party": limit.party, "evidence": limit.evidence},
        "levels": [_members(level, is_best=level is best) for level in sweep.levels],
    }


def _members(level: Level, *, is_best: bool) -> dict[str, Any]:
    summary, limit = level.summary, level.limit
    return {
        "load": level.load,
        "purpose": level.trial.purpose,
        "settle": round(level.timing.settle, 3),
        "duration": round(level.timing.duration, 3),
        "achieved": round(level.achieved, 6),
        "goodput": None if level.goodput is None else round(level.goodput, 6),
        "open": round(level.open, 3),
        "growth": round(level.growth, 6),
        "exchanges": summary.ends.total(),
        "ended": dict(summary.ends),
        "errors": summary.errors,
        "unsent": summary.unsent,
        "output_tokens_per_second": round(level.tokens_per_second, 3),
        "figures": {name: _percentiles(level, name) for name in FIGURES},
        "objectives": [
            {"objective": one.objective.text, "measured": one.measured, "met": one.is_met}
            for one in level.judgements
        ],
        "met": limit is None,
        "limit": limit and {"party": limit.party, "evidence": limit.evidence},
        "best": is_best,
    }


def _percentiles(level: Level, name: str) -> dict[str, float] | None:
    found = {f"p{p}": level.ms(name, p) for p in PERCENTILES}
    return {p: round(value, 6) for p, value in found.items() if value is not None} or None


def write_csv(sweep: Sweep, file: TextIO) -> None:
    """Write a line per level, in the order in which they were measured."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for level in sweep.levels:
        summary, limit = level.summary, level.limit
        figures = [level.ms(name, p) for name in FIGURES for p in PERCENTILES]
        writer.writerow(
            [
                *(level.kind, f"{level.load:g}", level.trial.purpose),
                *(f"{level.timing.settle:g}", f"{level.timing.duration:g}"),
                f"{level.achieved:.6f}",
                "" if level.goodput is None else f"{level.goodput:.6f}",
                *(f"{level.open:.3f}", f"{level.growth:.6f}"),
                summary.ends.total(),
                "" if summary.errors is None else f"{summary.errors:.6f}",
                *(summary.unsent, f"{level.tokens_per_second:.3f}"),
                *["" if one is None else f"{one:.6f}" for one in figures],
                *("no" if limit else "yes", limit.party if limit else ""),
                printable(limit.evidence) if limit else "",
            ]
        )
