"""What an event of a model's answer holds: text, reasoning, a tool call, or its end.

Five interfaces are known by the members of their events: chat completions and completions, which
share ``choices``; the Responses API and Anthropic's messages, whose events have a ``type``; and
Ollama's lines, which have ``done``. A token is text that a person would see appear, a refusal
included. An event with the role alone and an empty piece of text are no tokens. Reasoning is apart
from it, since some services show it, and some only bill it.
"""

from typing import Any, NamedTuple


class Meaning(NamedTuple):
    """What one event holds."""

    reasoning: bool = False
    token: bool = False
    tool_call: bool = False
    """The name of a tool that is called, or a piece of its input."""
    ends: bool = False
    """Whether the answer ends with it. Choices end one by one: see ``choices``."""
    text: str = ""
    """A piece of text or of reasoning that it holds as a string."""


_ENDS = frozenset(("response.completed", "response.incomplete", "message_stop"))
_RESPONSES = "response."
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
"""Events of the Responses API, and what a ``delta`` that is not empty is in each."""
_BESIDE_NONE = ("id", "object", "model", "usage")
"""Members of a chunk, one of which stands beside an empty list of choices."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Members of a message: DeepSeek's and vLLM's, OpenRouter's, Ollama's."""


def meaning_of(event: dict[str, Any]) -> Meaning | None:
    """What an event holds; None if it is no event of a model's answer."""
    choices, named = event.get("choices"), event.get("type")
    if isinstance(choices, list):
        return _of_choices(choices, event)
    if isinstance(named, str) and (named in _MESSAGES or named.startswith(_RESPONSES)):
        return _of_typed(named, event)
    if isinstance(event.get("done"), bool):
        return _of_line(event)
    return None


def _of_choices(choices: list[Any], event: dict[str, Any]) -> Meaning | None:
    found = [_of_choice(choice) for choice in choices if _is_choice(choice)]
    if len(found) == 1:
        return found[0]
    if not found and (choices or not any(map(event.get, _BESIDE_NONE))):
        return None  # Those of something else, such as a poll.
    return Meaning(
        any(one.reasoning for one in found),
        any(one.token for one in found),
        any(one.tool_call for one in found),
    )


def _is_choice(choice: object) -> bool:
    return isinstance(choice, dict) and (
        "delta" in choice or "finish_reason" in choice or {"text", "index"} <= choice.keys()
    )


def _of_choice(choice: dict[str, Any]) -> Meaning:
    delta = choice.get("delta")
    return _of_message(delta if isinstance(delta, dict) else {"content": choice.get("text")})


def _of_message(message: dict[str, Any]) -> Meaning:
    content = message.get("content")
    thought = next(filter(None, map(message.get, _REASONING)), None)
    return Meaning(
        _has_text(thought) or _has_thinking(content),
        _has_text(content) or _has_text(message.get("refusal")),
        _has_calls(message.get("tool_calls")) or _is_call(message.get("function_call")),
        text=_string(content) or _string(thought),
    )


def _of_typed(named: str, event: dict[str, Any]) -> Meaning:
    delta = event.get("delta")
    if named in _DELTAS:
        text = _string(delta)
        kind = _DELTAS[named] if text else ""
        return Meaning(kind == "reasoning", kind == "token", kind == "tool_call", text=text)
    if named == "content_block_delta":
        return _of_block(_object(delta))
    if named == "content_block_start":
        return _of_block(_object(event.get("content_block")))
    if named == "response.output_item.added":
        item = _object(event.get("item"))
        return Meaning(tool_call=_string(item.get("type")).endswith("_call"))
    return Meaning(ends=named in _ENDS)


def _of_block(block: dict[str, Any]) -> Meaning:
    """A content block of Anthropic's messages, or a piece of one."""
    text, thought = _string(block.get("text")), _string(block.get("thinking"))
    uses_tool = _string(block.get("type")).endswith("tool_use")
    called = uses_tool or _string(block.get("partial_json")) != ""
    return Meaning(thought != "", text != "", called, text=text or thought)


def _of_line(event: dict[str, Any]) -> Meaning | None:
    """A line of Ollama's: of a chat, or of a completion."""
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
    """Whether it names a tool or has a piece of its input; Ollama has that as an object."""
    return isinstance(call, dict) and any(map(call.get, ("name", "arguments", "input")))


def _has_text(content: object) -> bool:
    """Whether a content has text: it is a string, or a list of parts."""
    if not isinstance(content, list):
        return _string(content) != ""
    return any(
        _string(part) or _string(_object(part).get("text")) or _string(_object(part).get("refusal"))
        for part in content
    )


def _has_thinking(content: object) -> bool:
    """Whether one of the parts of a content is reasoning, as Mistral's are."""
    return isinstance(content, list) and any(
        _has_text(_object(part).get("thinking")) for part in content
    )


def _string(value: object) -> str:
    """A string; an empty one for any other value."""
    return value if isinstance(value, str) else ""


def _object(value: object) -> dict[str, Any]:
    """A JSON object; an empty one for any other value."""
    return value if isinstance(value, dict) else {}
