"""The commands as modules, each imported when it is needed."""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from streamserver.cli.options import Table

SERVING = ("serve", "proxy", "target")
"""Commands that handle all signals themselves, and read a configuration file."""


class Command(Protocol):
    """A module that is a command."""

    TABLE: Table

    def main(self, argv: Sequence[str], warnings: Sequence[str]) -> int:
        """Run the command; the exit status."""


def command(name: str) -> Command:
    """The module of a command, imported."""
    return cast(Command, import_module(f"streamserver.cli.{name}"))
