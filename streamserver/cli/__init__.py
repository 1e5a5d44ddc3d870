"""The command line: the only room that reads argv and the environment.

A command is a module with `TABLE`, its options, and `main`. Only the module of the chosen command
is imported: to import all takes as long as to start a server. `main` takes its arguments and
warnings to show, and returns the exit status: 2 for wrong usage, 1 for what cannot be done, each
after a line with the reason.
"""

import os
import sys
from collections.abc import Sequence

from streamserver.cli import variables
from streamserver.cli.commands import SERVING, command
from streamserver.cli.config_file import early_texts
from streamserver.cli.naming import COMMANDS
from streamserver.cli.problem import CannotServe
from streamserver.serving import logs, signals
from streamserver.serving.sockets import CannotListen
from streamserver.wire.printable import printable

DEFAULT = "serve"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) names; `serve` if none.

    Returns the exit status. Wrong usage, `--help` and `--version` raise SystemExit.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = bool(arguments) and arguments[0] in COMMANDS
    name = arguments.pop(0) if named else DEFAULT
    chosen = command(name)
    tables = (command(each).TABLE for each in COMMANDS)
    filed = early_texts(arguments, os.environ)
    warnings = variables.unread(arguments, os.environ, chosen.TABLE, tables, filed)
    if name not in SERVING:
        signals.unblock()
    try:
        return chosen.main(arguments, warnings)
    except (CannotServe, CannotListen) as problem:
        return _fail(f"streamserver: {problem}")
    except signals.Stopped as early:
        signals.ignore()
        return early.status
    except SystemExit as end:
        if isinstance(end.code, str):  # the interpreter would print it
            return _fail(end.code)
        raise


def _fail(problem: str) -> int:
    if not logs.log_json_error(problem):
        print("\n".join(map(printable, problem.split("\n"))), file=sys.stderr)
    return 1
