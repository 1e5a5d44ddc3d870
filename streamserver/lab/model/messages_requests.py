"""Requests for messages of Anthropic, validated.

The field ``anthropic-version``, which the service demands, may be left out.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamserver.kit.params import text, whole
from streamserver.lab.model.asked import Asked, Tool
from streamserver.lab.model.members import wrong
from streamserver.lab.model.messages_content import read_message, read_system
from streamserver.lab.model.models import read_model
from streamserver.lab.model.reading import Form, Reading, boolean, items, one_of, string

MAX_MESSAGES = 10_000
MAX_TOOLS = 128
MAX_STOP_SEQUENCES = 100
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
"""Members that a request to count tokens may have too."""
_SERVED = (*_COUNTED, "max_tokens", "stream", "stop_sequences", "tokens_per_second")
_WITHOUT_EFFECT = (
    *("cache_control", "inference_geo", "metadata", "service_tier", "speed", "temperature"),
    *("top_k", "top_p", "user_profile_id", "workspace_id"),
)
# More than any model generates, so no client's usual limit is refused.
_max_tokens = whole("max_tokens", 1, 1_000_000)
_budget = whole("budget_tokens", 1024, 1_000_000)
_TOOLS = {
    "custom": Form(
        ("name", "description", "input_schema"),
        (
            *("allowed_callers", "cache_control", "defer_loading", "eager_input_streaming"),
            *("input_examples", "strict"),
        ),
    )
}
_PARALLEL = "disable_parallel_tool_use"
_CHOICES = {
    "auto": Form((_PARALLEL,)),
    "any": Form((_PARALLEL,)),
    "tool": Form(("name", _PARALLEL)),
    "none": Form(),
}
_TOOL_CHOICES = {"any": "required", "tool": "function"}
"""How ``Asked`` names them, where the names differ."""
_THINKING = {
    "enabled": Form(("budget_tokens", "display")),
    "adaptive": Form(("display",)),
    "disabled": Form(),
}
_FORMATS = {"json_schema": Form(("schema",))}
_is_tool_name = re.compile("[a-zA-Z0-9_-]{1,128}").fullmatch


def message_request(members: Mapping[str, object]) -> Asked:
    """The request for a message in a JSON object; HTTPError 400 that names a wrong member."""
    reading = Reading()
    given = reading.members("", members, _SERVED, _WITHOUT_EFFECT)
    asked = _counted(reading, given)
    max_tokens = _max_tokens.of(given)
    if asked.reasoning_tokens is not None and asked.reasoning_tokens >= max_tokens:
        raise wrong("thinking.budget_tokens", "less than max_tokens")
    return replace(
        asked,
        stream=boolean("stream", given.get("stream")),
        max_tokens=max_tokens,
        stop=[
            _stop_sequence(path, value)
            for path, value in items(
                "stop_sequences", given.get("stop_sequences"), 0, MAX_STOP_SEQUENCES
            )
        ],
        without_effect=reading.without_effect,
    )


def count_request(members: Mapping[str, object]) -> Asked:
    """The request to count the tokens of a message in a JSON object; HTTPError 400 that names a
    wrong member."""
    reading = Reading()
    asked = _counted(reading, reading.members("", members, _COUNTED, _WITHOUT_EFFECT))
    return replace(asked, without_effect=reading.without_effect)


def _counted(reading: Reading, given: Mapping[str, Any]) -> Asked:
    """What a request for a message and one to count its tokens have in common."""
    model, pace = read_model(given)
    conversation = read_system(reading, given["system"]) if "system" in given else []
    for path, value in items("messages", given.get("messages"), 1, MAX_MESSAGES):
        conversation += read_message(reading, path, value)
    tools = [
        _tool(reading, path, value)
        for path, value in items("tools", given.get("tools"), 0, MAX_TOOLS)
    ]
    choice, name, is_parallel = _tool_choice(reading, given.get("tool_choice"), tools)
    is_thinking, budget = _thinking(reading, given.get("thinking"))
    return Asked(
        model,
        conversation,
        tokens_per_second=pace,
        tools=tools,
        tool_choice=choice,
        tool_name=name,
        parallel_tool_calls=is_parallel,
        schema=_schema(reading, given.get("output_config")),
        reasoning=is_thinking,
        reasoning_tokens=budget,
    )


def _stop_sequence(path: str, value: object) -> str:
    sequence = text(path, 1, 1000).of({path: value})
    if sequence.isspace():
        raise wrong(path, "a text that is more than white space")
    return sequence


def _tool(reading: Reading, path: str, value: object) -> Tool:
    typed = {"type": "custom", **value} if isinstance(value, dict) else value
    _, tool = reading.typed(path, typed, _TOOLS)
    name = tool.get("name")
    if not isinstance(name, str) or not _is_tool_name(name):
        raise wrong(f"{path}.name", "a text of 1 to 128 letters, digits, _ and -")
    description = string(f"{path}.description", tool.get("description", ""))
    schema = tool.get("input_schema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise wrong(f"{path}.input_schema", 'a JSON Schema with "type": "object"')
    return Tool(name, schema, description)


def _tool_choice(reading: Reading, value: object, tools: list[Tool]) -> tuple[str, str, bool]:
    """How ``Asked`` has it: the choice, the name of a tool, and whether calls may be parallel."""
    if value is None:
        return "auto", "", True
    if not tools:
        raise wrong("tool_choice", "left out unless there are tools")
    kind, choice = reading.typed("tool_choice", value, _CHOICES)
    name = (
        one_of("tool_choice.name", choice.get("name"), *[tool.name for tool in tools])
        if kind == "tool"
        else ""
    )
    is_parallel = not boolean(f"tool_choice.{_PARALLEL}", choice.get(_PARALLEL))
    return _TOOL_CHOICES.get(kind, kind), name, is_parallel


def _thinking(reading: Reading, value: object) -> tuple[bool, int | None]:
    """Whether there is thinking, and its limit in tokens."""
    if value is None:
        return False, None
    kind, thinking = reading.typed("thinking", value, _THINKING)
    one_of("thinking.display", thinking.get("display", "summarized"), "summarized")
    budget = _budget.of(thinking) if kind == "enabled" else None
    return kind != "disabled", budget


def _schema(reading: Reading, value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    config = reading.members("output_config", value, ("format",), ("effort",))
    if "format" not in config:
        return None
    _, form = reading.typed("output_config.format", config["format"], _FORMATS)
    schema = form.get("schema")
    if not isinstance(schema, dict):
        raise wrong("output_config.format.schema", "a JSON Schema")
    return schema
