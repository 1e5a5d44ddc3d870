"""What one event of a model's answer holds: text, reasoning, a tool call, its end, or a failure.

Five interfaces are recognized by members of their events: chat completions and completions, which
share ``choices``; the Responses API and Anthropic's messages, whose events have a ``type``; and
Ollama's lines, which have ``done``. A token is a piece of text that a user sees, refusals included;
an event with the role alone and an empty piece of text are none. Reasoning is counted apart, since
some services show it and others only bill it.

Failures in band follow a status that signals success. Other streams report them in these forms too:

- a member ``error`` at the top of a JSON object; ``null``, ``false``, 0 and an empty string signal
  no error, and some services send them in each event;
- ``"type": "error"`` (Anthropic's messages, the Responses API), ``"object": "error"`` (vLLM);
- ``response.failed`` of the Responses API;
- a choice with an ``error`` or with the finish reason ``error`` (OpenRouter, Mistral).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

LENGTH = 200
"""Characters of an error message that are kept."""


class ErrorData(str):
    """The data of an event of the type ``error``."""

    __slots__ = ()


class ModelEvent(NamedTuple):
    """What one event holds."""

    reasoning: bool = False
    token: bool = False
    tool_call: bool = False
    """The name of a tool, or a piece of its input."""
    ends: bool = False
    """Whether it ends the answer. Choices end one by one, see ``tracker.Choices``."""
    text: str = ""
    """Its piece of text or reasoning, if that is one string."""


_ENDS = frozenset(("response.completed", "response.incomplete", "message_stop"))
_MESSAGES = frozenset(
    [f"message_{step}" for step in ("start", "delta", "stop")]
    + [f"content_block_{step}" for step in ("start", "delta", "stop")]
)
_DELTAS = {
    "response.output_text.delta": "token",
    "response.refusal.delta": "token",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.function_call_arguments.delta": "tool_call",
    "response.custom_tool_call_input.delta": "tool_call",
    "response.mcp_call_arguments.delta": "tool_call",
    "response.code_interpreter_call_code.delta": "tool_call",
}
"""Events of the Responses API, and the kind of their ``delta``."""
_BESIDE_NO_CHOICES = ("id", "object", "model", "usage")
"""Members of a chunk; at least one accompanies an empty list of choices."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Members of a message: DeepSeek's and vLLM's, OpenRouter's, Ollama's."""


def read_model_event(event: dict[str, Any]) -> ModelEvent | None:
    """What an event holds; None for an event of anything but a model's answer."""
    choices, kind = event.get("choices"), event.get("type")
    if isinstance(choices, list):
        return _of_choices(choices, event)
    if isinstance(kind, str) and (kind in _MESSAGES or kind.startswith("response.")):
        return _of_typed(kind, event)
    if isinstance(event.get("done"), bool):
        return _of_line(event)
    return None


def _of_choices(choices: list[Any], event: dict[str, Any]) -> ModelEvent | None:
    found = [_of_choice(choice) for choice in choices if _is_choice(choice)]
    if len(found) == 1:
        return found[0]
    if not found and (choices or not any(map(event.get, _BESIDE_NO_CHOICES))):
        return None  # Choices of something else, such as a poll.
    return ModelEvent(
        any(one.reasoning for one in found),
        any(one.token for one in found),
        any(one.tool_call for one in found),
    )


def _is_choice(choice: object) -> bool:
    return isinstance(choice, dict) and (
        "delta" in choice or "finish_reason" in choice or {"text", "index"} <= choice.keys()
    )


def _of_choice(choice: dict[str, Any]) -> ModelEvent:
    delta = choice.get("delta")
    return _of_message(delta if isinstance(delta, dict) else {"content": choice.get("text")})


def _of_message(message: dict[str, Any]) -> ModelEvent:
    content = message.get("content")
    reasoning = next(filter(None, map(message.get, _REASONING)), None)
    return ModelEvent(
        _has_text(reasoning) or _has_thinking(content),
        _has_text(content) or _has_text(message.get("refusal")),
        _has_calls(message.get("tool_calls")) or _is_call(message.get("function_call")),
        text=_string(content) or _string(reasoning),
    )


def _of_typed(kind: str, event: dict[str, Any]) -> ModelEvent:
    delta = event.get("delta")
    if kind in _DELTAS:
        text = _string(delta)
        held = _DELTAS[kind] if text else ""
        return ModelEvent(held == "reasoning", held == "token", held == "tool_call", text=text)
    if kind == "content_block_delta":
        return _of_block(_object(delta))
    if kind == "content_block_start":
        return _of_block(_object(event.get("content_block")))
    if kind == "response.output_item.added":
        item = _object(event.get("item"))
        return ModelEvent(tool_call=_string(item.get("type")).endswith("_call"))
    return ModelEvent(ends=kind in _ENDS)


def _of_block(block: dict[str, Any]) -> ModelEvent:
    """A content block of Anthropic's messages, or a piece of one."""
    text, reasoning = _string(block.get("text")), _string(block.get("thinking"))
    uses_tool = _string(block.get("type")).endswith("tool_use")
    called = uses_tool or _string(block.get("partial_json")) != ""
    return ModelEvent(reasoning != "", text != "", called, text=text or reasoning)


def _of_line(event: dict[str, Any]) -> ModelEvent | None:
    """A line of Ollama's, of a chat or of a completion."""
    message, text = event.get("message"), event.get("response")
    if isinstance(message, dict):
        found = _of_message(message)
    elif isinstance(text, str):
        found = _of_message({"content": text, "thinking": event.get("thinking")})
    else:
        return None
    return found._replace(ends=event["done"])


def _has_calls(calls: object) -> bool:
    return isinstance(calls, list) and any(
        _is_call(_object(call).get("function") or _object(call).get("custom")) for call in calls
    )


def _is_call(call: object) -> bool:
    """Whether it has a tool's name or a piece of its input, which Ollama sends as an object."""
    return isinstance(call, dict) and any(map(call.get, ("name", "arguments", "input")))


def _has_text(content: object) -> bool:
    """Whether a content, a string or a list of parts, has text."""
    if not isinstance(content, list):
        return _string(content) != ""
    return any(
        _string(part) or _string(_object(part).get("text")) or _string(_object(part).get("refusal"))
        for part in content
    )


def _has_thinking(content: object) -> bool:
    """Whether a part of a content is reasoning, as in Mistral's interface."""
    return isinstance(content, list) and any(
        _has_text(_object(part).get("thinking")) for part in content
    )


def is_failure(event: dict[str, Any]) -> bool:
    """Whether an event reports a failure."""
    return (
        _is_error(event.get("error"))
        or event.get("type") in ("error", "response.failed")
        or event.get("object") == "error"
        or any(map(_has_failed, _choices(event)))
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
    yield _object(event.get("response")).get("error")
    for choice in _choices(event):
        yield choice.get("error")
    yield event


def _choices(event: dict[str, Any]) -> list[dict[str, Any]]:
    choices = event.get("choices")
    return [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []


def _has_failed(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") == "error" or _is_error(choice.get("error"))


def _is_error(value: object) -> bool:
    """Whether the value is truthy in JavaScript, as most clients test it: an empty object is."""
    return bool(value) or isinstance(value, (dict, list))


def _string(value: object) -> str:
    """A string; "" for any other value."""
    return value if isinstance(value, str) else ""


def _object(value: object) -> dict[str, Any]:
    """A JSON object; {} for any other value."""
    return value if isinstance(value, dict) else {}
