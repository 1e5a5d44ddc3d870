"""Failures that are reported in band: by an event, behind a status that promises success.

Services differ in the form, and a stream that is not a model's may report failures as well:

- a member ``error`` at the top of a JSON object, alone or beside others; ``null``, ``false``, 0 and
  an empty string say that there is no error, as services write in each event;
- ``"type": "error"`` (Anthropic's messages, the Responses API), ``"object": "error"`` (vLLM);
- ``response.failed`` of the Responses API;
- a choice with an ``error`` or with the finish reason ``error`` (OpenRouter, Mistral);
- ``event: error``, whatever the data.
"""

from collections.abc import Iterator
from typing import Any

LENGTH = 200
"""Characters of a message that are kept."""


def failure_of(event: dict[str, Any], data: str) -> str | None:
    """The message of an event that reports a failure; None for any other event.

    ``data``: the text of the event, which is shown where it has no message.
    """
    if (
        _is_error(event.get("error"))
        or event.get("type") in ("error", "response.failed")
        or event.get("object") == "error"
        or any(map(_has_failed, _choices(event)))
    ):
        return message_of(event, data)
    return None


def message_of(event: dict[str, Any], data: str) -> str:
    """The message of an event that reports a failure."""
    for one in _places(event):
        if isinstance(one, str) and one:
            return one[:LENGTH]
        if isinstance(one, dict):
            for name in ("message", "detail", "error"):
                text = one.get(name)
                if isinstance(text, str) and text:
                    return text[:LENGTH]
    return data[:LENGTH] or "without a message"


def _places(event: dict[str, Any]) -> Iterator[object]:
    """Where a message may stand, the most likely place first."""
    yield event.get("error")
    response = event.get("response")
    if isinstance(response, dict):
        yield response.get("error")
    for choice in _choices(event):
        yield choice.get("error")
    yield event


def _choices(event: dict[str, Any]) -> list[dict[str, Any]]:
    choices = event.get("choices")
    if not isinstance(choices, list):
        return []
    return [choice for choice in choices if isinstance(choice, dict)]


def _has_failed(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") == "error" or _is_error(choice.get("error"))


def _is_error(value: object) -> bool:
    """Whether the value is truthy in JavaScript, as most clients test it: an empty object is."""
    return bool(value) or isinstance(value, (dict, list))
