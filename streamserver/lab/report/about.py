"""How a report came to be: when, by which version, and by which command."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """An option and its value."""

    name: str
    value: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class About:
    """Everything may be shown: secrets are redacted already."""

    date: str
    """When the run began, as RFC 3339 has it."""
    version: str
    command: str
    """The command line, as a shell takes it."""
    settings: Sequence[Setting]

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        options = {one.name: one.value for one in self.settings if not one.is_default}
        return {
            "date": self.date,
            "version": self.version,
            "command": self.command,
            "options": options,
        }
