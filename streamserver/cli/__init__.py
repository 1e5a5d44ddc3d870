"""The command line: the only room that reads argv and the environment.

A command is a function of its arguments and of warnings, which it shows where it logs. It returns
the exit status: 2 for wrong usage, 1 for what cannot be done, each after a line that says why.
"""

import os
import sys
from collections.abc import Callable, Sequence

from streamserver.cli import (
    bench,
    calibrate,
    learn,
    logs,
    proxy,
    proxy_options,
    serve,
    target,
    variables,
)
from streamserver.cli.options import Table
from streamserver.cli.problem import CannotServe
from streamserver.cli.running import Stopped, leave, unblock
from streamserver.server.sockets import CannotListen
from streamserver.wire.printable import printable

DEFAULT = "serve"
COMMANDS: dict[str, Callable[[Sequence[str], Sequence[str]], int]] = {
    "serve": serve.main,
    "proxy": proxy.main,
    "target": target.main,
    "bench": bench.main,
    "calibrate": calibrate.main,
    "learn": learn.main,
}
SERVING = ("serve", "proxy", "target")
"""Commands that handle all signals themselves."""
TABLES: dict[str, Table] = {
    "serve": serve.TABLE,
    "proxy": proxy_options.TABLE,
    "target": target.TABLE,
    "bench": bench.TABLE,
    "calibrate": calibrate.TABLE,
    "learn": learn.TABLE,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) names; `serve` if none.

    Returns the exit status. Wrong usage, `--help` and `--version` raise SystemExit.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = bool(arguments) and arguments[0] in COMMANDS
    name = arguments.pop(0) if named else DEFAULT
    warnings = variables.unread(arguments, os.environ, TABLES[name], TABLES.values())
    if name not in SERVING:
        unblock()
    try:
        return COMMANDS[name](arguments, warnings)
    except (CannotServe, CannotListen) as problem:
        return _fail(f"streamserver: {problem}")
    except Stopped as early:
        leave()
        return early.status
    except SystemExit as end:
        if isinstance(end.code, str):  # the interpreter would print it
            return _fail(end.code)
        raise


def _fail(problem: str) -> int:
    if not logs.complain(problem):
        print("\n".join(map(printable, problem.split("\n"))), file=sys.stderr)
    return 1
