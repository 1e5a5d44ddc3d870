"""`bench URL --sweep`: the highest load that meets the objectives."""

import asyncio
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO

from streamserver.cli.measuring import Runs, measure, warn_of_load
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.report_about import rfc3339
from streamserver.cli.report_options import save, show, watching
from streamserver.lab.load.job import MAX_OPEN, Job
from streamserver.lab.load.processes import Result
from streamserver.lab.report import slo
from streamserver.lab.report.progress import Plan, minutes
from streamserver.lab.report.report import About
from streamserver.lab.sweep.forms import to_json, write_csv
from streamserver.lab.sweep.level import Kind, Level
from streamserver.lab.sweep.page import page
from streamserver.lab.sweep.search import MAX_PRECISION, MIN_PRECISION, Scale
from streamserver.lab.sweep.sweep import Prospect, Sweep, sweep
from streamserver.lab.sweep.table import UNITS, outcome, table

DURATION, SETTLE = 10.0, 2.0
"""Seconds of a level that are measured, and before them."""
HIGHEST = float(MAX_OPEN)
LEAST_RATE = 0.001
ERRORS = "errors=1%"
"""The objective that is added if the given ones allow any errors."""
INTERRUPTED = "it was interrupted"
EXAMPLE = "--slo ttft_p99=500ms,errors=1%"
FORMS = "rate or concurrency, with the first load or the first and the last, as in rate:5..500"
_range = re.compile(
    r"(rate|concurrency)(?::([0-9]{1,7}(?:\.[0-9]{1,6})?)(?:\.\.([0-9]{1,7}(?:\.[0-9]{1,6})?))?)?"
).fullmatch
_percent = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)%").fullmatch


@dataclass(frozen=True, slots=True)
class Range:
    """The value of ``--sweep``; None for a load that was not given."""

    kind: Kind
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        low = "" if self.low is None else f":{self.low:g}"
        return f"{self.kind}{low}" + ("" if self.high is None else f"..{self.high:g}")


def _read_range(value: str) -> Range:
    found = _range(value)
    if not found:
        raise ArgumentTypeError(f"{value!r} is not {FORMS}")
    kind: Kind = "rate" if found[1] == "rate" else "concurrency"
    low, high = [None if one is None else float(one) for one in (found[2], found[3])]
    least = 1.0 if kind == "concurrency" else LEAST_RATE
    for load in (low, high):
        if load is not None and (load < least or (kind == "concurrency" and load % 1)):
            kinds = "a whole number from 1" if kind == "concurrency" else f"at least {least:g}"
            raise ArgumentTypeError(f"{value!r}: a {kind} is {kinds}")
    if low is not None and low > (HIGHEST if high is None else high):
        raise ArgumentTypeError(f"{value!r}: the first load is above the last")
    return Range(kind, low, high)


def _precision(value: str) -> float:
    found = _percent(value)
    if found and MIN_PRECISION <= float(found[1]) / 100 <= MAX_PRECISION:
        return float(found[1]) / 100
    allowed = f"a share from {MIN_PRECISION:.0%} to {MAX_PRECISION:.0%}, as in 5%"
    raise ArgumentTypeError(f"{value!r} is not {allowed}")


SWEEP = (
    Option(
        "sweep",
        None,
        _read_range,
        "KIND[:FROM[..TO]]",
        "search for the highest rate or concurrency that meets the objectives of --slo, from FROM"
        f" (1 by default) to TO ({HIGHEST:,.0f}). Each level lasts --duration ({DURATION:g}s), and"
        f" --warm-up before that ({SETTLE:g}s), or longer if the exchanges do",
        shown="",
    ),
    Option(
        "sweep-precision",
        0.05,
        _precision,
        "PERCENT",
        "the search ends when a load that is higher by this share is missed",
        "5%",
    ),
)
_EXCLUDED = ("rate", "concurrency", "count", "compare")


def check(options: Namespace, parser: ArgumentParser) -> None:
    """Exit with wrong usage for options that exclude or need each other."""
    if not options.sweep:
        return
    for name in _EXCLUDED:
        if getattr(options, name):
            parser.error(f"--{name} cannot be combined with --sweep")
    if not options.slo:
        parser.error(f"--sweep needs the objectives that the load must meet, as in {EXAMPLE}")
    low = options.sweep.low
    if options.sweep.kind == "concurrency" and low is not None and low < options.processes:
        parser.error("--sweep concurrency must begin at --processes: each needs an exchange")


def main(options: Namespace, job: Job, about: About) -> int:
    """Sweep; the exit status: 1 if not even the lowest load meets the objectives, 3 if nothing
    valid was measured. CannotServe if the run cannot begin."""
    least = level_of(options, job)
    found = asyncio.run(measure(options.processes, lambda runs: _sweep(options, least, runs)))
    about = replace(about, ended=rfc3339(datetime.now(UTC)))
    if found.best is not None:
        warn_of_load(found.best.summary, options.processes)
    show(options, to_json(found, about), table(found))
    if options.html:
        save("html", options.html, page(found, job.request.title, about))
    if options.csv:
        lines = StringIO(newline="")
        write_csv(found, lines)
        save("csv", options.csv, lines.getvalue())
    return found.status


def level_of(options: Namespace, job: Job) -> Job:
    """The job of a level, but for its load."""
    return replace(
        job,
        count=None,
        duration=options.duration or DURATION,
        warm_up=SETTLE if options.warm_up is None else options.warm_up,
        sends_records=False,
    )


async def _sweep(options: Namespace, job: Job, runs: Runs) -> Sweep:
    async def measured(level: Job, prospect: Prospect) -> Result | str:
        _print(options, describe(options.sweep.kind, prospect))
        try:
            plan = Plan(level.seconds, None, level.grace)
            with watching(options, job.request.title, plan) as on_progress:
                result = await runs.run(level, on_progress)
        except CannotServe as problem:
            if prospect.number == 1 and not runs.is_interrupted:
                raise
            return INTERRUPTED if runs.is_interrupted else str(problem)
        return INTERRUPTED if runs.is_interrupted else result

    return await sweep(
        job,
        options.sweep.kind,
        scale(options),
        objectives(options),
        measured,
        lambda level: _print(options, _measured(level)),
    )


def describe(kind: Kind, prospect: Prospect) -> str:
    """The level that is measured next, and the time that is left."""
    left = f"{prospect.most_left} levels, {minutes(prospect.seconds)}, and their draining"
    load = f"{prospect.trial.load:g}{UNITS[kind]}"
    return f"level {prospect.number}: {load}, {prospect.trial.purpose}; left: at most {left}"


def _measured(level: Level) -> str:
    evidence = f" ({level.limit.evidence})" if level.limit else ""
    return f"{level.load:g}{UNITS[level.kind]}: {outcome(level)}{evidence}"


def _print(options: Namespace, line: str) -> None:
    if options.progress:
        print(line, file=sys.stderr, flush=True)


def scale(options: Namespace) -> Scale:
    """The loads that are searched."""
    is_whole = options.sweep.kind == "concurrency"
    low = options.sweep.low or (options.processes if is_whole else 1.0)
    high = options.sweep.high or HIGHEST
    return Scale(float(low), max(float(high), low), options.sweep_precision, is_whole)


def objectives(options: Namespace) -> list[slo.Objective]:
    """The given ones; without one of errors, a service that fails fast would meet them."""
    given: list[slo.Objective] = options.slo
    names = [one.milestone for one in given]
    return given if slo.ERRORS in names else [*given, *slo.parse(ERRORS)]
