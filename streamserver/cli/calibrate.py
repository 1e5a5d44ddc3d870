"""The command `calibrate`: up to which load the figures of `bench` hold on this machine."""

import asyncio
import json
import os
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamserver.cli.interrupted import unless_interrupted
from streamserver.cli.loops import HELP, NAMES, loop_factory
from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.problem import CannotServe, warn
from streamserver.cli.values import one_of, whole
from streamserver.kit.units import parse_duration
from streamserver.lab.calibrate.calibrate import LOADS, calibrate
from streamserver.lab.calibrate.level import Level, Tolerance, highest
from streamserver.lab.calibrate.own_target import DidNotStart, own_target
from streamserver.lab.calibrate.table import HEADING, line, outcome
from streamserver.wire.json_text import to_ascii_json

USAGE = "streamserver calibrate [options]"
ABOUT = (
    "Measure a target on this machine under rising loads, until the figures no longer match what"
    " was commanded. bench warns of runs beyond that load."
)
MOST_SECONDS = 10


def _seconds(value: str) -> int:
    found = parse_duration(value)
    if found is not None and 1 <= found <= MOST_SECONDS and found == int(found):
        return int(found)
    allowed = f"a duration from 1 to {MOST_SECONDS} whole seconds, as in 3 or 3s"
    raise ArgumentTypeError(f"{value!r} is not {allowed}")


TABLE: Table = {
    "load": (
        Option("seconds", 3, _seconds, "DURATION", "of each stream, in whole seconds", "3s"),
        Option(
            "up-to",
            100_000,
            whole(10, 100_000),
            "N",
            "total of events per second at the highest load",
        ),
    ),
    "processes": (Option("loop", "auto", one_of(*NAMES), "NAME", HELP),),
}
TOLERANCE = Tolerance()
NOT_EVEN_ONE = 3


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Calibrate; the exit status: 3 if not even the lowest load holds.

    SystemExit for wrong usage.
    """
    options = read(argv, os.environ)
    warn(warnings)
    with asyncio.Runner(loop_factory=loop_factory(options.loop)) as runner:
        levels = runner.run(unless_interrupted(_calibrate(options)))
    found = highest(levels, TOLERANCE)
    print(f"\n{outcome(levels, found)}")
    if found is None:
        return NOT_EVEN_ONE
    keep(found, os.environ)
    return 0


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    return parse(make_parser(USAGE, ABOUT, TABLE), TABLE, argv, environment)


async def _calibrate(options: Namespace) -> list[Level]:
    levels = list[Level]()
    try:
        async with own_target(options.loop) as url:
            print(HEADING)
            loads = [(streams, rate) for streams, rate in LOADS if streams * rate <= options.up_to]
            async for level in calibrate(url, options.seconds, TOLERANCE, loads):
                print(line(level, TOLERANCE), flush=True)
                levels.append(level)
    except (DidNotStart, TimeoutError, RuntimeError) as problem:
        raise CannotServe(str(problem)) from problem
    return levels


def kept_in(environment: Mapping[str, str]) -> Path:
    """The file that remembers the outcome (XDG Base Directory Specification)."""
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "streamserver" / "calibration.json"


def keep(found: Level, environment: Mapping[str, str]) -> None:
    """Remember it; where that is not possible, only `bench` will know nothing of it."""
    told = {"streams": found.streams, "rate": found.rate, "time": int(time.time())}
    try:
        kept_in(environment).parent.mkdir(parents=True, exist_ok=True)
        kept_in(environment).write_text(to_ascii_json(told) + "\n", "utf-8")
    except OSError as problem:
        print(f"(not remembered: {problem})")


def events_per_second(environment: Mapping[str, str]) -> float | None:
    """Up to which rate of events figures hold for one process; None if that is not known."""
    try:
        told = json.loads(kept_in(environment).read_text("utf-8"))
        return float(told["streams"]) * float(told["rate"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
