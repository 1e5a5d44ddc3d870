"""Failures that a stream reports in band, after a status that signals success.

Streams of models and others report them in these forms:

- a member ``error`` at the top of a JSON object; ``null``, ``false``, 0 and an empty string signal
  no error, and some services send them in each event;
- ``"type": "error"`` (Anthropic's messages, the Responses API), ``"object": "error"`` (vLLM);
- ``response.failed`` of the Responses API;
- a choice with an ``error`` or with the finish reason ``error`` (OpenRouter, Mistral).
"""

from collections.abc import Iterator
from typing import Any

from streamserver.lab.client.values import as_object, as_objects

LENGTH = 200
"""Characters of an error message that are kept."""


class ErrorData(str):
    """The data of an event of the type ``error``."""

    __slots__ = ()


def is_failure(event: dict[str, Any]) -> bool:
    """Whether an event reports a failure."""
    return (
        _is_error(event.get("error"))
        or event.get("type") in ("error", "response.failed")
        or event.get("object") == "error"
        or any(map(_has_failed, as_objects(event.get("choices"))))
    )


def error_message(event: dict[str, Any], data: str) -> str:
    """The message of an event that reports a failure; the text of the event if it has none."""
    for one in _message_holders(event):
        if isinstance(one, str) and one:
            return one[:LENGTH]
        if isinstance(one, dict):
            for name in ("message", "detail", "error"):
                text = one.get(name)
                if isinstance(text, str) and text:
                    return text[:LENGTH]
    return data[:LENGTH] or "without a message"


def _message_holders(event: dict[str, Any]) -> Iterator[object]:
    """The values that may hold the message, the likeliest first."""
    yield event.get("error")
    yield as_object(event.get("response")).get("error")
    for choice in as_objects(event.get("choices")):
        yield choice.get("error")
    yield event


def _has_failed(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") == "error" or _is_error(choice.get("error"))


def _is_error(value: object) -> bool:
    """Whether the value is truthy in JavaScript, as most clients test it: an empty object is."""
    return bool(value) or isinstance(value, (dict, list))
