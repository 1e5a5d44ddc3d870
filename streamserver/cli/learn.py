"""The command `learn`: list the steps of the ladder, or run one as `python FILE` does."""

import os
import runpy
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from streamserver.cli.options import Option, Table, make_parser, parse
from streamserver.cli.problem import CannotServe, warn
from streamserver.cli.values import switch, whole
from streamserver.learn.ladder import steps

STEPS = steps()
RELAY, PROBE = 7, 8
USAGE = "streamserver learn [STEP] [options]"
ABOUT = "List the steps of the ladder, or serve one of them on 127.0.0.1."
TABLE: Table = {
    "serving a step": (
        Option("port", 8000, whole(0, 65535), "PORT", "port to listen on; 0 selects a free one"),
        Option(
            "upstream-port",
            None,
            whole(1, 65535),
            "PORT",
            f"step {RELAY}: port of the upstream",
            "8001",
        ),
        Option(
            "probe", False, switch, "", f"step {PROBE}: measure the server on --port instead", "off"
        ),
    ),
}


def main(argv: Sequence[str], warnings: Sequence[str]) -> int:
    """List the steps, or run one until a signal arrives; the exit status. Raises CannotServe."""
    options = read(argv, os.environ)
    warn(warnings)
    if options.step is None:
        _list()
        return 0
    arguments = ["probe"] if options.probe else []
    arguments.append(str(options.port))
    if options.step == RELAY:
        arguments.append(str(options.upstream_port or 8001))
    _run(STEPS[options.step - 1].path, arguments)
    return 0


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Namespace:
    """Each option's value; SystemExit for wrong usage, `--help` and `--version`."""
    parser = make_parser(USAGE, ABOUT, TABLE)
    numbers = whole(1, len(STEPS))
    about = f"1 to {len(STEPS)} (default: list them)"
    parser.add_argument("step", nargs="?", type=numbers, default=None, metavar="STEP", help=about)
    options = parse(parser, TABLE, argv, environment)
    if options.upstream_port is not None and options.step != RELAY:
        parser.error(f"--upstream-port is for step {RELAY}, the relay")
    if options.probe and options.step != PROBE:
        parser.error(f"--probe is for step {PROBE}")
    return options


def _list() -> None:
    for step in STEPS:
        print(f"{step.number}  {step.title}\n   {os.path.relpath(step.path)}\n")
    print("streamserver learn STEP serves a step; its file says what to try.")


def _run(path: Path, arguments: list[str]) -> None:
    sys.argv[:] = [str(path), *arguments]
    with suppress(KeyboardInterrupt):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except OSError as problem:
            raise CannotServe(str(problem)) from problem
