"""What a command reports on standard error: why it cannot work, and what may be wrong."""

import sys
from collections.abc import Iterable


class CannotServe(Exception):
    """Ends the command with exit status 1; the message says, in one line, what failed."""


def warn(warnings: Iterable[str]) -> None:
    """Print warnings of a command that keeps no log."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
