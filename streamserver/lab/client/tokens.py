"""What is a token: text that a person would see appear; and whether a model's answer has ended.

Four interfaces are known, by what their events hold: chat completions and completions, which
share ``choices``; the Responses API and Anthropic's messages, whose events tell their ``type``. An
event with the role alone, an empty piece of text and the ``[DONE]`` at the end are no tokens.

What a model thinks before it speaks is told apart, since some show it, and some only bill it.
"""

import json
from typing import Any, Literal

Kind = Literal["token", "reasoning", "other", "none"]
"""``other`` is an event of a model's answer without text; ``none`` is no event of one."""

DONE = "[DONE]"
_ENDS = frozenset(("response.completed", "response.incomplete", "message_stop"))
_BEGINS = ("response.", "message_", "content_block_")
_TEXT = {"response.output_text.delta": "delta", "response.refusal.delta": "delta"}
_REASONING = {
    "response.reasoning_text.delta": "delta",
    "response.reasoning_summary_text.delta": "delta",
}
_ERRORS = ('{"error"', '{"type":"error"', '{"type": "error"')


def kind_of(data: str) -> Kind:
    """What the data of an event holds."""
    event = _parsed(data)
    if event is None:
        return "none"
    choices, named = event.get("choices"), event.get("type")
    if isinstance(choices, list):
        return _of_choices(choices)
    if isinstance(named, str) and named.startswith(_BEGINS):
        return _of_typed(named, event)
    return "none"


def tells_of_an_error(data: str) -> bool:
    """Whether it says that the answer failed, after its head had said that it went well."""
    return data.startswith(_ERRORS)


def is_the_end(data: str) -> bool:
    """Whether it is what a model's answer ends with."""
    if data == DONE:
        return True
    event = _parsed(data)
    return event is not None and event.get("type") in _ENDS


def _parsed(data: str) -> dict[str, Any] | None:
    if not data.startswith("{"):
        return None
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _of_choices(choices: list[Any]) -> Kind:
    found: Kind = "other"
    for choice in filter(_is_object, choices):
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = {"content": choice.get("text")}
        if delta.get("content"):
            return "token"
        # The one name is DeepSeek's and vLLM's, the other OpenRouter's.
        if delta.get("reasoning_content") or delta.get("reasoning"):
            found = "reasoning"
    return found


def _of_typed(named: str, event: dict[str, Any]) -> Kind:
    if named == "content_block_delta" and _is_object(event.get("delta")):
        if event["delta"].get("text"):
            return "token"
        return "reasoning" if event["delta"].get("thinking") else "other"
    if event.get(_TEXT.get(named, "")):
        return "token"
    return "reasoning" if event.get(_REASONING.get(named, "")) else "other"


def _is_object(value: object) -> bool:
    return isinstance(value, dict)
