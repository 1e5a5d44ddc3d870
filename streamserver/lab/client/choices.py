"""The choices of an answer, each of which has a finish reason of its own.

Many services leave out ``[DONE]``, so the finish reason ends an answer. Where there are several
choices, one that has begun and not finished was cut.
"""

from typing import Any

MOST = 128
"""Choices that are distinguished, as many as the interface allows."""


class Choices:
    """Takes the ``choices`` of each event."""

    __slots__ = ("_finished", "_open")

    def __init__(self) -> None:
        self._finished: set[object] = set()
        self._open: set[object] = set()

    def take(self, choices: list[Any]) -> None:
        """Further pieces of some of them."""
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            if choice.get("finish_reason"):
                self._open.discard(index)
                self._add(self._finished, index)
            elif index not in self._finished and _holds_something(choice):
                self._add(self._open, index)

    @property
    def have_finished(self) -> bool:
        """Whether all that were seen to begin have finished."""
        return bool(self._finished) and not self._open

    @staticmethod
    def _add(indexes: set[object], index: int) -> None:
        if len(indexes) < MOST:
            indexes.add(index)


def _holds_something(choice: dict[str, Any]) -> bool:
    """Whether it has more than a role: some services send an empty delta after the last one."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text"))
    return any(value for name, value in delta.items() if name != "role")
