"""The command `calibrate`: up to which load the figures of `bench` are valid on this machine."""

import json
import os
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from streamserver.cli.interruption import run_interruptible
from streamserver.cli.loops import HELP, NAMES
from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.problem import CannotServe, warn
from streamserver.cli.values import one_of, whole
from streamserver.kit.units import parse_duration
from streamserver.lab.calibration import (
    HEADING,
    LOADS,
    Level,
    TargetFailed,
    Tolerance,
    calibrate,
    conclusion,
    highest_valid,
    own_target,
)
from streamserver.lab.pauses import avoid_pauses
from streamserver.wire.json_text import to_ascii_json

USAGE = "streamserver calibrate [options]"
ABOUT = (
    "Measure a target on this machine under rising loads, until the measured figures differ from"
    " the commanded ones. bench then warns of runs beyond that load."
)
MOST_SECONDS = 10


def _seconds(value: str) -> int:
    found = parse_duration(value)
    if found is not None and 1 <= found <= MOST_SECONDS and found == int(found):
        return int(found)
    allowed = f"a duration from 1 to {MOST_SECONDS} whole seconds, as in 3 or 3s"
    raise ArgumentTypeError(f"{value!r} is not {allowed}")


MOST_EVENTS = 100_000
TABLE: Table = {
    "load": (
        Option("seconds", 3, _seconds, "DURATION", "duration of a stream, in whole seconds", "3s"),
        Option(
            "up-to",
            MOST_EVENTS,
            whole(10, MOST_EVENTS),
            "N",
            "events per second of all streams at the highest load",
        ),
    ),
    "processes": (Option("loop", "auto", one_of(*NAMES), "NAME", HELP),),
}
TOLERANCE = Tolerance()
NONE_VALID = 3


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """Calibrate; the exit status: 3 if not even the lowest load can be measured.

    SystemExit for wrong usage.
    """
    options = read(argv, os.environ)
    warn(warnings)
    avoid_pauses()
    levels = run_interruptible(options.loop, lambda: _calibrate(options))
    highest = highest_valid(levels, TOLERANCE)
    print(f"\n{conclusion(levels, highest)}")
    if highest is None:
        return NONE_VALID
    save(highest, os.environ)
    return 0


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """The value of each option; SystemExit for wrong usage, `--help` and `--version`."""
    return parse(make_parser(USAGE, ABOUT, TABLE), TABLE, argv, environment)


async def _calibrate(options: Namespace) -> list[Level]:
    levels = list[Level]()
    try:
        async with own_target(options.loop) as url:
            print(HEADING)
            loads = [(streams, rate) for streams, rate in LOADS if streams * rate <= options.up_to]
            async for level in calibrate(url, options.seconds, TOLERANCE, loads):
                print(level.row(TOLERANCE), flush=True)
                levels.append(level)
    except (TargetFailed, RuntimeError) as problem:
        raise CannotServe(str(problem)) from problem
    return levels


def calibration_file(environment: Mapping[str, str]) -> Path:
    """The file that stores the result (XDG Base Directory Specification)."""
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "streamserver" / "calibration.json"


def save(level: Level, environment: Mapping[str, str]) -> None:
    """Store the result for `bench`; print a note if that fails."""
    members = {"streams": level.streams, "rate": level.rate, "time": int(time.time())}
    file = calibration_file(environment)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(to_ascii_json(members) + "\n", "utf-8")
    except OSError as problem:
        print(f"(not stored: {problem})")


def calibrated_rate(environment: Mapping[str, str]) -> float | None:
    """Up to how many events/s the figures of one process are valid; None if that is unknown."""
    try:
        members = json.loads(calibration_file(environment).read_text("utf-8"))
        return float(members["streams"]) * float(members["rate"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
