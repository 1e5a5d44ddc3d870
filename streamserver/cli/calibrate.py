"""The command `calibrate`: up to which load the figures of `bench` hold on this machine."""

import asyncio
import json
import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamserver.cli.interrupted import unless_interrupted
from streamserver.cli.loops import NAMES, loop_factory
from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.problem import CannotServe
from streamserver.cli.values import one_of, whole
from streamserver.lab.calibrate.calibrate import LOADS, calibrate
from streamserver.lab.calibrate.level import Level, Tolerance, highest
from streamserver.lab.calibrate.own_target import DidNotStart, own_target
from streamserver.lab.calibrate.table import HEADING, line, outcome

USAGE = "streamserver calibrate [options]"
ABOUT = (
    "Measure a target of our own under rising loads, until what is measured is no longer what was"
    " commanded. `bench` then warns of runs beyond."
)
TABLE: Table = {
    "load": (
        Option("seconds", 3, whole(1, 10), "N", "that each stream goes on"),
        Option("up-to", 100_000, whole(10, 100_000), "N", "events per second, in all streams"),
    ),
    "processes": (
        Option("loop", "auto", one_of(*NAMES), "NAME", "asyncio, uvloop, or auto: the best"),
    ),
}
NOT_EVEN_ONE = 3


def main(argv: Sequence[str]) -> int:
    """Calibrate; the exit status: 3 if not even the lowest load holds.

    SystemExit for wrong usage.
    """
    options = read(argv, os.environ)
    with asyncio.Runner(loop_factory=loop_factory(options.loop)) as runner:
        found = runner.run(unless_interrupted(_calibrate(options)))
    print(f"\n{outcome(found)}")
    if found is None:
        return NOT_EVEN_ONE
    keep(found, os.environ)
    return 0


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    return parse(make_parser(USAGE, ABOUT, TABLE), TABLE, argv, environment)


async def _calibrate(options: Namespace) -> Level | None:
    tolerance, levels = Tolerance(), list[Level]()
    try:
        async with own_target(options.loop) as url:
            print(HEADING)
            loads = [(streams, rate) for streams, rate in LOADS if streams * rate <= options.up_to]
            async for level in calibrate(url, options.seconds, tolerance, loads):
                print(line(level, tolerance), flush=True)
                levels.append(level)
    except (DidNotStart, TimeoutError, RuntimeError) as problem:
        raise CannotServe(str(problem)) from problem
    return highest(levels, tolerance)


def kept_in(environment: Mapping[str, str]) -> Path:
    """The file that remembers the outcome (XDG Base Directory Specification)."""
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "streamserver" / "calibration.json"


def keep(found: Level, environment: Mapping[str, str]) -> None:
    """Remember it; where that is not possible, only `bench` will know nothing of it."""
    told = {"streams": found.streams, "rate": found.rate, "time": int(time.time())}
    try:
        kept_in(environment).parent.mkdir(parents=True, exist_ok=True)
        kept_in(environment).write_text(json.dumps(told) + "\n", "utf-8")
    except OSError as problem:
        print(f"(not remembered: {problem})")


def events_per_second(environment: Mapping[str, str]) -> float | None:
    """Up to which rate of events figures hold for one process; None if that is not known."""
    try:
        told = json.loads(kept_in(environment).read_text("utf-8"))
        return float(told["streams"]) * float(told["rate"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
