"""The command `learn`: the steps of the ladder, listed, or one of them run.

A step is run as `python FILE` would run it: it imports nothing of ours.
"""

import ast
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

STEPS = {
    int(path.name[1]): path
    for path in sorted(Path(__file__).parents[1].joinpath("learn").glob("s[1-9]_*.py"))
}
RELAY, PROBE = 7, 8
USAGE = "streamserver learn [STEP] [options]"
ABOUT = "List the steps of the ladder, or serve one of them on 127.0.0.1."
TABLE: Table = {
    "options": (
        Option("port", 8000, whole(0, 65535), "PORT", "port to listen on; 0 picks a free one"),
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
    """List the steps, or run one until a signal comes; the exit status.

    Raises CannotServe, and SystemExit for wrong usage.
    """
    options = read(argv, os.environ)
    warn(warnings)
    if options.step is None:
        _list()
        return 0
    arguments = ["probe"] if options.probe else []
    arguments.append(str(options.port))
    if options.step == RELAY:
        arguments.append(str(options.upstream_port or 8001))
    _run(STEPS[options.step], arguments)
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


def title(path: Path) -> str:
    """What a step adds: the first line of its file, without its number."""
    documentation = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return documentation.partition("\n")[0].partition(": ")[2].rstrip(".")


def _list() -> None:
    steps = [f"{n}  {title(path)}\n   {os.path.relpath(path)}\n" for n, path in STEPS.items()]
    print(*steps, "\nstreamserver learn STEP serves a step; its file says what to try.", sep="")


def _run(path: Path, arguments: list[str]) -> None:
    sys.argv[:] = [str(path), *arguments]
    with suppress(KeyboardInterrupt):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except OSError as problem:
            raise CannotServe(str(problem)) from problem
