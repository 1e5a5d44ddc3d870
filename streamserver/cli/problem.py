"""Errors and warnings of a command, on standard error."""

import sys
from collections.abc import Iterable


class CannotServe(Exception):
    """Ends the command with exit status 1; the message is one line."""


def warn(warnings: Iterable[str]) -> None:
    """Print the warnings of a command that has no log."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
