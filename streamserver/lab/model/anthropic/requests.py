"""Requests for messages of Anthropic, validated.

The field ``anthropic-version``, which the service demands, may be left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from streamserver.kit.params import Parameter, number, one_of, text, whole
from streamserver.lab.model.anthropic.content import read_message, read_system
from streamserver.lab.model.asked import Asked, Json, Tool
from streamserver.lab.model.members import check_values, flag, wrong
from streamserver.lab.model.models import read_model
from streamserver.lab.model.reading import (
    MAX_OBJECTS,
    Form,
    Reading,
    checked,
    items,
    schema,
    string,
)
from streamserver.wire.problem import HTTPError

MAX_TOOLS = 128
MAX_STOP_SEQUENCES = 100
_STOP = "stop_sequences"
_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")
"""Members that a request to count tokens may have too."""
_SERVED = (*_COUNTED, "max_tokens", "stream", _STOP, "thread", "tokens_per_second")
_WITHOUT_EFFECT = (
    *("cache_control", "inference_geo", "metadata", "service_tier", "speed", "temperature"),
    *("top_k", "top_p", "user_profile_id", "workspace_id"),
)
# More than any model generates, so no client's usual limit is refused.
_max_tokens = whole("max_tokens", 1, 1_000_000)
_budget = whole("thinking.budget_tokens", 1024, 1_000_000)
_display = one_of("thinking.display", "summarized", "omitted", default="summarized")
_VALUES: tuple[Parameter[Any], ...] = (
    *(number("temperature", 0, 1), number("top_p", 0, 1), whole("top_k", 0, 1_000_000)),
    *(one_of("service_tier", "auto", "standard_only"), one_of("speed", "standard", "fast")),
)
"""Members without effect, of which the service refuses some values."""
_stream = flag("stream")
_TOOLS = {
    "custom": Form(
        ("name", "description", "input_schema"),
        (
            *("allowed_callers", "cache_control", "defer_loading", "eager_input_streaming"),
            *("input_examples", "strict"),
        ),
    )
}
_ALONE = "disable_parallel_tool_use"
_CHOICES = {
    "auto": Form((_ALONE,)),
    "any": Form((_ALONE,)),
    "tool": Form(("name", _ALONE)),
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
    if "thread" in given:
        # With this code the service's clients send the whole conversation instead.
        detail = "thread must be left out: this model keeps no conversation"
        raise HTTPError(400, detail, parameter="thread", code="thread_unsupported_request")
    asked = _read_counted(reading, given)
    max_tokens = _max_tokens.of(given)
    if asked.reasoning_tokens is not None and asked.reasoning_tokens >= max_tokens:
        raise wrong("thinking.budget_tokens", "less than max_tokens")
    sequences = items(_STOP, given.get(_STOP), MAX_STOP_SEQUENCES, "texts")
    return replace(
        asked,
        stream=_stream.of(given),
        max_tokens=max_tokens,
        stop=[_read_stop_sequence(path, sequence) for path, sequence in sequences],
        without_effect=reading.without_effect,
    )


def count_request(members: Mapping[str, object]) -> Asked:
    """The request to count the tokens of a message in a JSON object; HTTPError 400 that names a
    wrong member."""
    reading = Reading()
    asked = _read_counted(reading, reading.members("", members, _COUNTED, _WITHOUT_EFFECT))
    return replace(asked, without_effect=reading.without_effect)


def _read_counted(reading: Reading, given: Mapping[str, Any]) -> Asked:
    """What a request for a message and one to count its tokens have in common."""
    model, pace = read_model(given)
    check_values(given, _VALUES)
    conversation = read_system(reading, given["system"]) if "system" in given else []
    messages = items("messages", given.get("messages"), MAX_OBJECTS, "messages")
    if not messages:
        raise wrong("messages", "a list of at least one message")
    for path, value in messages:
        conversation += read_message(reading, path, value)
    listed = items("tools", given.get("tools"), MAX_TOOLS, "tools")
    tools = [_read_tool(reading, path, value) for path, value in listed]
    return Asked(
        model,
        conversation,
        tokens_per_second=pace,
        tools=tools,
        **_read_tool_choice(reading, given.get("tool_choice"), tools),
        **_read_thinking(reading, given.get("thinking")),
        schema=_read_schema(reading, given.get("output_config")),
        schema_name="output_config.format.schema",
    )


def _read_stop_sequence(path: str, value: object) -> str:
    sequence = checked(text(path, 1, 1000), value)
    if sequence.isspace():
        raise wrong(path, "a text that is more than white space")
    return sequence


def _read_tool(reading: Reading, path: str, value: object) -> Tool:
    if isinstance(value, dict):
        value = {**value, "type": value.get("type") or "custom"}
    _, tool = reading.typed(path, value, _TOOLS)
    name = tool.get("name")
    if not isinstance(name, str) or not _is_tool_name(name):
        raise wrong(f"{path}.name", "1 to 128 of A-Z, a-z, 0-9, _ and -")
    parameters = schema(f"{path}.input_schema", tool.get("input_schema"))
    if parameters.get("type") != "object":
        raise wrong(f"{path}.input_schema.type", "object")
    return Tool(name, parameters, string(f"{path}.description", tool.get("description", "")))


def _read_tool_choice(reading: Reading, value: object, tools: Sequence[Tool]) -> Json:
    """The members of ``Asked`` about the choice of a tool."""
    if value is None:
        return {}
    if not tools:
        raise wrong("tool_choice", "left out unless there are tools")
    kind, choice = reading.typed("tool_choice", value, _CHOICES)
    is_alone = checked(flag(f"tool_choice.{_ALONE}"), choice.get(_ALONE))
    found = {"tool_choice": _TOOL_CHOICES.get(kind, kind), "parallel_tool_calls": not is_alone}
    if kind != "tool":
        return found
    names = one_of("tool_choice.name", *[tool.name for tool in tools])
    return found | {"tool_name": checked(names, choice.get("name"))}


def _read_thinking(reading: Reading, value: object) -> Json:
    """The members of ``Asked`` about reasoning."""
    if value is None:
        return {}
    kind, thinking = reading.typed("thinking", value, _THINKING)
    budget = checked(_budget, thinking.get("budget_tokens")) if kind == "enabled" else None
    return {
        "reasoning": kind != "disabled",
        "reasoning_tokens": budget,
        "is_reasoning_hidden": checked(_display, thinking.get("display")) == "omitted",
    }


def _read_schema(reading: Reading, value: object) -> Json | None:
    if value is None:
        return None
    config = reading.members("output_config", value, ("format",), ("effort",))
    if "format" not in config:
        return None
    _, form = reading.typed("output_config.format", config["format"], _FORMATS)
    return schema("output_config.format.schema", form.get("schema"))
