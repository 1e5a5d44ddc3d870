"""The command line: the only room that reads argv and the environment.

A command is a function from its arguments to an exit status. Whatever cannot be done is told in
one line that says why: 2 means that the command was wrong, 1 that the world was.
"""

import sys
from collections.abc import Callable, Sequence

from streamserver.cli import bench, calibrate, logs, proxy, serve, target
from streamserver.cli.problem import CannotServe
from streamserver.cli.running import Stopped, leave
from streamserver.server.sockets import CannotListen

DEFAULT = "serve"
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": serve.main,
    "proxy": proxy.main,
    "target": target.main,
    "bench": bench.main,
    "calibrate": calibrate.main,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) names; `serve` if none.

    Returns the exit status. Wrong usage, `--help` and `--version` raise SystemExit.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = bool(arguments) and arguments[0] in COMMANDS
    command = COMMANDS[arguments.pop(0) if named else DEFAULT]
    try:
        return command(arguments)
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
        print(problem, file=sys.stderr)
    return 1
