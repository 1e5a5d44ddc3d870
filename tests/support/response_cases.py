"""Requests for responses of every kind, and what is answered."""

import json
import re
from typing import Any, NamedTuple

from streamserver.lab.model.text import REASONING, tokenize
from support.model import PROMPT, TOKENS

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER, TIME = [
    {"type": "function", "name": name, "description": "", "parameters": CITY, "strict": True}
    for name in ("weather", "time")
]
SCHEMA = {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}
THOUGHT = len(tokenize(REASONING))

ITEM, DONE = "response.output_item.added", "response.output_item.done"
PART, PART_DONE = "response.content_part.added", "response.content_part.done"
CALL = [
    ITEM,
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    DONE,
]


def with_content(name: str) -> list[str]:
    """The types of the events of an item with content, each once."""
    return [ITEM, PART, f"response.{name}.delta", f"response.{name}.done", PART_DONE, DONE]


TEXT_ITEM = with_content("output_text")
SUMMARY = "response.reasoning_summary"
SUMMARY_ITEM = [
    *(ITEM, f"{SUMMARY}_part.added", f"{SUMMARY}_text.delta", f"{SUMMARY}_text.done"),
    *(f"{SUMMARY}_part.done", DONE),
]


class Case(NamedTuple):
    """The members of a request, the types of the items' events, and the response."""

    members: dict[str, Any]
    types: list[str]
    items: list[str]
    tokens: int | None = len(TOKENS)
    query: str = ""
    status: str = "completed"


CASES = {
    "text": Case({}, TEXT_ITEM, ["message"]),
    "items": Case(
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": PROMPT}]}]},
        TEXT_ITEM,
        ["message"],
        query="&chunk_events=2",
    ),
    "cut": Case({"max_output_tokens": 3}, TEXT_ITEM, ["message"], 3, status="incomplete"),
    "exact": Case(
        *({"max_output_tokens": 200, "ignore_eos": True}, TEXT_ITEM, ["message"], 200),
        status="incomplete",
    ),
    "tool": Case({"tools": [WEATHER]}, CALL, ["function_call"], None),
    "tools": Case({"tools": [WEATHER, TIME]}, [*CALL, *CALL], ["function_call"] * 2, None),
    "one tool": Case(
        {"tools": [WEATHER, TIME], "parallel_tool_calls": False}, CALL, ["function_call"], None
    ),
    "named tool": Case(
        {"tools": [WEATHER, TIME], "tool_choice": {"type": "function", "name": "time"}},
        *(CALL, ["function_call"], None),
    ),
    "no tool": Case({"tools": [WEATHER], "tool_choice": "none"}, TEXT_ITEM, ["message"]),
    "schema": Case({"text": {"format": SCHEMA}}, TEXT_ITEM, ["message"], None),
    "object": Case({"text": {"format": {"type": "json_object"}}}, TEXT_ITEM, ["message"], None),
    "summary": Case(
        {"reasoning": {"summary": "auto"}},
        *([*SUMMARY_ITEM, *TEXT_ITEM], ["reasoning", "message"], THOUGHT + len(TOKENS)),
    ),
    "reasoning": Case(
        {"reasoning": {"effort": "high"}},
        [*with_content("reasoning_text"), *TEXT_ITEM],
        *(["reasoning", "message"], THOUGHT + len(TOKENS)),
    ),
    "log probabilities": Case(
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2}, TEXT_ITEM, ["message"]
    ),
    "refusal": Case({}, with_content("refusal"), ["message"], None, "&refuse=1"),
    "metadata": Case(
        {
            "metadata": {"a": "b"},
            "instructions": "",
            "temperature": 0.5,
            "top_p": 1,
            "store": False,
        },
        *(TEXT_ITEM, ["message"], None),
    ),
}


def without_ids(response: dict[str, Any]) -> dict[str, Any]:
    """The response without what differs in each."""
    text = json.dumps(response | {"created_at": 0})
    found: dict[str, Any] = json.loads(re.sub(r"\b(resp|msg|rs|fc)_[0-9a-f]+", r"\1", text))
    return found
