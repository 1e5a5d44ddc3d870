"""What one event of a model's answer holds: text, reasoning, a tool call, its end.

The interfaces are recognized by members of their events: chat completions and completions share
``choices``; events of the Responses API and of Anthropic's messages have a ``type``, Ollama's lines
``done``, Gemini's events ``candidates`` or ``promptFeedback``, those of TGI's own interface a
``token``, and those of llama.cpp's own ``content`` and ``stop``.

A token is a piece of text that a user sees, refusals included; an event with the role alone and an
empty piece of text are none. Reasoning is counted apart, since some services show it and others
only bill it. Text is not searched for the tags of reasoning, as in ``<think>``: it is what the
service sends as text.
"""

from typing import Any, NamedTuple

from streamserver.lab.client.values import as_object, as_objects, as_string


class ModelEvent(NamedTuple):
    """What one event holds."""

    reasoning: bool = False
    token: bool = False
    tool_call: bool = False
    """The name of a tool, or a piece of its input."""
    ends: bool = False
    """Whether it ends the answer. Choices end one by one, see ``choices``."""
    text: str = ""
    """Its piece of text or reasoning, if that is one string."""

    @property
    def has_output(self) -> bool:
        """Whether it has a piece of an answer of any kind."""
        return self.reasoning or self.token or self.tool_call


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
    return _of_candidates(event) or _of_native(event)


def _of_choices(choices: list[Any], event: dict[str, Any]) -> ModelEvent | None:
    found = [_of_choice(choice) for choice in choices if _is_choice(choice)]
    if not found and (choices or not any(map(event.get, _BESIDE_NO_CHOICES))):
        return None  # Choices of something else, such as a poll.
    return _joined(found)


def _joined(found: list[ModelEvent]) -> ModelEvent:
    """What several choices or parts hold together."""
    if len(found) == 1:
        return found[0]
    return ModelEvent(
        any(one.reasoning for one in found),
        any(one.token for one in found),
        any(one.tool_call for one in found),
        text="".join([one.text for one in found if one.token]),
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
        text=as_string(content) or as_string(reasoning),
    )


def _of_typed(kind: str, event: dict[str, Any]) -> ModelEvent:
    delta = event.get("delta")
    if kind in _DELTAS:
        text = as_string(delta)
        held = _DELTAS[kind] if text else ""
        return ModelEvent(held == "reasoning", held == "token", held == "tool_call", text=text)
    if kind == "content_block_delta":
        return _of_block(as_object(delta))
    if kind == "content_block_start":
        return _of_block(as_object(event.get("content_block")))
    if kind == "response.output_item.added":
        item = as_object(event.get("item"))
        return ModelEvent(tool_call=as_string(item.get("type")).endswith("_call"))
    return ModelEvent(ends=kind in _ENDS)


def _of_block(block: dict[str, Any]) -> ModelEvent:
    """A content block of Anthropic's messages, or a piece of one."""
    text, reasoning = as_string(block.get("text")), as_string(block.get("thinking"))
    uses_tool = as_string(block.get("type")).endswith("tool_use")
    called = uses_tool or as_string(block.get("partial_json")) != ""
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


def _of_candidates(event: dict[str, Any]) -> ModelEvent | None:
    """An event of Gemini's. A refused prompt has no candidate."""
    blocked = as_object(event.get("promptFeedback")).get("blockReason")
    candidates = as_objects(event.get("candidates"))
    parts = [
        _of_part(part)
        for one in candidates
        for part in as_objects(as_object(one.get("content")).get("parts"))
    ]
    if blocked or any("content" in one or "finishReason" in one for one in candidates):
        return _joined(parts)._replace(ends=bool(blocked))
    return None


def _of_part(part: dict[str, Any]) -> ModelEvent:
    text, is_thought = as_string(part.get("text")), part.get("thought") is True
    called = as_object(part.get("functionCall")) or as_object(part.get("executableCode"))
    return ModelEvent(
        is_thought and text != "", not is_thought and text != "", called != {}, text=text
    )


def _of_native(event: dict[str, Any]) -> ModelEvent | None:
    """An event of TGI's or of llama.cpp's own interface."""
    token, content = event.get("token"), event.get("content")
    if isinstance(token, dict) and "id" in token and isinstance(token.get("text"), str):
        text = "" if token.get("special") is True else token["text"]
        ends = isinstance(event.get("generated_text"), str) or bool(event.get("details"))
        return ModelEvent(token=text != "", ends=ends, text=text)
    if isinstance(content, str) and isinstance(event.get("stop"), bool):
        return ModelEvent(token=content != "", text=content)
    return None


def _has_calls(calls: object) -> bool:
    return isinstance(calls, list) and any(
        _is_call(as_object(call).get("function") or as_object(call).get("custom")) for call in calls
    )


def _is_call(call: object) -> bool:
    """Whether it has a tool's name or a piece of its input, which Ollama sends as an object."""
    return isinstance(call, dict) and any(map(call.get, ("name", "arguments", "input")))


def _has_text(content: object) -> bool:
    """Whether a content, a string or a list of parts, has text."""
    if not isinstance(content, list):
        return as_string(content) != ""
    return any(
        as_string(part)
        or as_string(as_object(part).get("text"))
        or as_string(as_object(part).get("refusal"))
        for part in content
    )


def _has_thinking(content: object) -> bool:
    """Whether a part of a content is reasoning, as in Mistral's interface."""
    return isinstance(content, list) and any(
        _has_text(as_object(part).get("thinking")) for part in content
    )
