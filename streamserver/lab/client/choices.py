"""The choices of an answer, each of which ends with a finish reason.

Many services omit ``[DONE]``, so the finish reasons end an answer. A choice that began and did not
finish was cut. Gemini's candidates are choices; so is each answer of llama.cpp's own interface,
whose last event has ``"stop": true``.
"""

from typing import Any

from streamserver.lab.client.values import as_objects

MOST_CHOICES = 128
"""Choices that are distinguished, as many as the interface allows."""


class Choices:
    """Which choices of an answer began, and which finished."""

    __slots__ = ("_begun", "_finished")

    def __init__(self) -> None:
        self._finished: set[int] = set()
        self._begun: set[int] = set()

    def update(self, event: dict[str, Any]) -> None:
        """Process an event of the answer."""
        for choice in _choices(event):
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            if _has_finished(choice):
                self._begun.discard(index)
                _add(self._finished, index)
            elif index not in self._finished and _has_content(choice):
                _add(self._begun, index)

    @property
    def have_finished(self) -> bool:
        """Whether at least one has finished, and every one that began."""
        return bool(self._finished) and not self._begun


def _add(indexes: set[int], index: int) -> None:
    if len(indexes) < MOST_CHOICES:
        indexes.add(index)


def _choices(event: dict[str, Any]) -> list[dict[str, Any]]:
    choices = event.get("choices") or event.get("candidates")
    if choices is not None:
        return as_objects(choices)
    return [event] if isinstance(event.get("stop"), bool) else []


def _has_finished(choice: dict[str, Any]) -> bool:
    reason = choice.get("finish_reason") or choice.get("finishReason")
    return bool(reason) or choice.get("stop") is True


def _has_content(choice: dict[str, Any]) -> bool:
    """Whether it has more than a role: some services send an empty delta after the last one."""
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return bool(choice.get("text") or choice.get("content"))
    return any(value for name, value in delta.items() if name != "role")
