"""Requests for responses of OpenAI, validated.

No answer is kept, so ``previous_response_id`` and ``conversation`` are refused: a client sends all
items. An item that only refers to an earlier one is accepted without effect, since the AI SDK sends
those unless it is configured otherwise.
"""

from collections.abc import Mapping
from typing import Any

from streamserver.kit.params import Parameter, number, one_of, text, whole
from streamserver.lab.model.asked import Asked, Json, Message, Tool
from streamserver.lab.model.members import check_values, flag, optional, wrong
from streamserver.lab.model.models import read_model
from streamserver.lab.model.openai.requests import EFFORTS, MAX_TOKENS
from streamserver.lab.model.openai.responses_input import read_input
from streamserver.lab.model.openai.tools import MAX_TOOLS
from streamserver.lab.model.reading import Form, Reading, checked, items, schema, string

MAX_INCLUDED = 16
LOGPROBS = "message.output_text.logprobs"
"""What a request may include in the answer. Other names have no effect on this model."""
_SERVED = (
    *("model", "input", "instructions", "stream", "max_output_tokens", "tools", "tool_choice"),
    *("parallel_tool_calls", "text", "reasoning", "include", "top_logprobs", "metadata"),
    *("background", "tokens_per_second", "min_tokens", "ignore_eos", "seed"),
)
_WITHOUT_EFFECT = (
    *("temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "store"),
    *("prompt_cache_retention", "prompt_cache_options", "service_tier", "truncation"),
    *("stream_options", "max_tool_calls", "top_k", "min_p", "presence_penalty"),
    *("frequency_penalty", "repetition_penalty"),
)
_REPEATED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Members that a response repeats, with their values unless the request has others."""
_CHOICES = ("auto", "none", "required")
_TOOLS = {"function": Form(("name", "description", "parameters"), ("strict",))}
_FORMATS = {
    "text": Form(),
    "json_object": Form(),
    "json_schema": Form(("name", "schema"), ("description", "strict")),
}

_stream, _background, _ignore_eos = map(flag, ("stream", "background", "ignore_eos"))
_parallel = flag("parallel_tool_calls", default=True)
_max_tokens = whole("max_output_tokens", 1, MAX_TOKENS)
_min_tokens = whole("min_tokens", 0, MAX_TOKENS, default=0)
_seed = whole("seed", -(2**63), 2**63 - 1)
_top_logprobs = whole("top_logprobs", 0, 20, default=0)
_effort = one_of("reasoning.effort", *EFFORTS)
_summary = one_of("reasoning.summary", "auto", "concise", "detailed")
_VALUES: tuple[Parameter[Any], ...] = (
    *(number("temperature", 0, 2), number("top_p", 0, 1), whole("max_tool_calls", 1, 10_000)),
    *[text(name, 0, 512) for name in ("user", "safety_identifier", "prompt_cache_key")],
    one_of("service_tier", "auto", "default", "flex", "scale", "priority"),
    *(one_of("truncation", "auto", "disabled"), flag("store")),
)
"""Members that are only repeated."""


def responses_request(members: Mapping[str, object]) -> Asked:
    """The request for a response in a JSON object; HTTPError 400 that names a wrong member."""
    reading = Reading()
    given = reading.members("", members, _SERVED, _WITHOUT_EFFECT)
    check_values(given, _VALUES)
    if _background.of(given):
        raise wrong("background", "false: this model answers at once")
    model, pace = read_model(given)
    included = _included(given.get("include"))
    top_logprobs = _top_logprobs.of(given)
    effort = _effort_of(reading, given.get("reasoning", {}))
    return Asked(
        model,
        _conversation(reading, given),
        stream=_stream.of(given),
        tokens_per_second=pace,
        seed=optional(_seed, given),
        top_logprobs=top_logprobs if top_logprobs or LOGPROBS in included else None,
        parallel_tool_calls=_parallel.of(given),
        schema=_schema(reading, given.get("text", {})),
        schema_name="text.format.schema",
        reasoning=effort != "none",
        reasoning_tokens=EFFORTS[effort],
        **_read_length(given),
        **_read_tools(reading, given),
        repeated=_repeated(given),
        without_effect=[
            *reading.without_effect,
            *[f"include {one[:64]!a}" for one in included if one != LOGPROBS],
        ],
    )


def _conversation(reading: Reading, given: Mapping[str, Any]) -> list[Message]:
    instructions = string("instructions", given.get("instructions", ""))
    first = [Message("system", instructions)] if instructions else []
    return [*first, *read_input(reading, given.get("input"))]


def _read_length(given: Mapping[str, Any]) -> Json:
    """The members of ``Asked`` about the length of the answer."""
    limit, least = optional(_max_tokens, given), _min_tokens.of(given)
    if limit is not None and least > limit:
        raise wrong("min_tokens", "at most max_output_tokens")
    return {"max_tokens": limit, "min_tokens": least, "ignore_eos": _ignore_eos.of(given)}


def _included(value: object) -> list[str]:
    return [string(path, one) for path, one in items("include", value, MAX_INCLUDED, "names")]


def _read_tools(reading: Reading, given: Mapping[str, Any]) -> Json:
    """The members of ``Asked`` about tools."""
    tools = [_tool(reading, *one) for one in items("tools", given.get("tools"), MAX_TOOLS, "tools")]
    names, choice = [tool.name for tool in tools], given.get("tool_choice")
    if isinstance(choice, dict):
        _, called = reading.typed("tool_choice", choice, {"function": Form(("name",))})
        name = checked(one_of("tool_choice.name", *names), called.get("name"))
        return {"tools": tools, "tool_choice": "function", "tool_name": name}
    choice = checked(one_of("tool_choice", *_CHOICES, default="auto"), choice)
    if choice == "required" and not tools:
        raise wrong("tool_choice", "auto or none without tools")
    return {"tools": tools, "tool_choice": choice}


def _tool(reading: Reading, path: str, value: object) -> Tool:
    _, tool = reading.typed(path, value, _TOOLS)
    name = checked(text(f"{path}.name", 1, 64), tool.get("name"))
    parameters = schema(f"{path}.parameters", tool.get("parameters", {}))
    return Tool(name, parameters, string(f"{path}.description", tool.get("description", "")))


def _schema(reading: Reading, value: object) -> Mapping[str, Any] | None:
    config = reading.members("text", value, ("format",), ("verbosity",))
    if "format" not in config:
        return None
    kind, form = reading.typed("text.format", config["format"], _FORMATS)
    if kind != "json_schema":
        return {} if kind == "json_object" else None
    checked(text("text.format.name", 1, 64), form.get("name"))
    return schema("text.format.schema", form.get("schema"))


def _effort_of(reading: Reading, value: object) -> str:
    """A summary alone demands the default effort."""
    given = reading.members("reasoning", value, ("effort", "summary"), ("generate_summary",))
    named = {f"reasoning.{name}": one for name, one in given.items()}
    summary = optional(_summary, named)
    return optional(_effort, named) or ("medium" if summary else "none")


def _repeated(given: Mapping[str, Any]) -> Json:
    """The members that the response repeats, of which all but ``metadata`` have been read."""
    metadata = given.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(one, str) for one in metadata.values()):
        raise wrong("metadata", "an object whose members are texts")
    repeated = {name: given.get(name, default) for name, default in _REPEATED.items()}
    for name in ("reasoning", "text"):
        repeated[name] = _REPEATED[name] | repeated[name]
    more = {"description": None, "parameters": None, "strict": True}
    repeated["tools"] = [more | tool for tool in repeated["tools"]]
    return repeated
