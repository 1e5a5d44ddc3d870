"""Requests for Anthropic's messages: what is read, and what is refused by name."""

from typing import Any

import pytest

from streamserver.lab.model.anthropic.requests import count_request, message_request
from streamserver.lab.model.asked import Asked, Message, Tool
from streamserver.wire.problem import HTTPError
from support.model import MODEL, PROMPT

USER = {"role": "user", "content": PROMPT}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Now.", "input_schema": SCHEMA}
CACHED = {"cache_control": {"type": "ephemeral"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
PNG = {"type": "base64", "media_type": "image/png", "data": "AAAA"}


def members(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": [USER], **changes}


def content(*blocks: object, role: str = "user") -> dict[str, Any]:
    """A request whose second message has this content."""
    return members(messages=[USER, {"role": role, "content": [*blocks]}])


def read(given: dict[str, Any]) -> list[Message]:
    return [*message_request(given).conversation]


# What is read


def test_the_least_request() -> None:
    asked = message_request(members())
    assert asked == Asked(
        MODEL, [Message("user", PROMPT)], max_tokens=100, stop=[], tools=[],
        schema_name="output_config.format.schema", without_effect=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"stream": True, "tokens_per_second": 7}, {"stream": True, "tokens_per_second": 7}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"tools": [TOOL]}, {"tools": [Tool("weather", SCHEMA, "Now.")], "tool_choice": "auto"}),
        ({"tools": [TOOL | {"type": "custom"}], "tool_choice": {"type": "any"}},
         {"tool_choice": "required", "parallel_tool_calls": True}),
        ({"tools": [TOOL | {"type": None}], "tool_choice": {"type": "none"}},
         {"tool_choice": "none"}),
        ({"tools": [TOOL],
          "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
         {"tool_choice": "function", "tool_name": "weather", "parallel_tool_calls": False}),
        ({"max_tokens": 1025, "thinking": {"type": "enabled", "budget_tokens": 1024}},
         {"reasoning": True, "reasoning_tokens": 1024}),
        ({"thinking": {"type": "adaptive", "display": "summarized"}},
         {"reasoning": True, "reasoning_tokens": None, "is_reasoning_hidden": False}),
        ({"thinking": {"type": "adaptive", "display": "omitted"}},
         {"reasoning": True, "is_reasoning_hidden": True}),
        ({"thinking": {"type": "disabled"}}, {"reasoning": False}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
         {"schema": SCHEMA}),
        ({"output_config": {"effort": "low"}},
         {"schema": None, "without_effect": ["output_config.effort"]}),
        ({"temperature": 1, "top_k": 5, "top_p": None, "service_tier": "auto"},
         {"without_effect": ["temperature", "top_k", "service_tier"]}),
    ],
)  # fmt: skip
def test_members(changes: dict[str, Any], read: dict[str, Any]) -> None:
    asked = message_request(members(**changes))
    assert {name: getattr(asked, name) for name in read} == read


@pytest.mark.parametrize(
    ("given", "conversation"),
    [
        (members(system="Be brief."), [Message("system", "Be brief."), Message("user", PROMPT)]),
        (members(system=[{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]),
         [Message("system", "Be brief."), Message("user", PROMPT)]),
        (members(messages=[{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]),
         [Message("system", "a"), Message("user", "b")]),
        (content({"type": "text", "text": "a"}, {"type": "image", "source": PNG},
                 {"type": "image", "source": {"type": "url", "url": "https://a"}}),
         [Message("user", PROMPT), Message("user", "a", 2)]),
        (content({"type": "document", "title": "A", "context": "B",
                  "source": {"type": "text", "media_type": "text/plain", "data": "C"}},
                 {"type": "document", "source": PDF}),
         [Message("user", PROMPT), Message("user", "ABC", 1)]),
        (content({"type": "thinking", "thinking": "hm", "signature": "x"},
                 {"type": "redacted_thinking", "data": "x"},
                 {"type": "text", "text": "I look. "},
                 {"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Ulm"}},
                 role="assistant"),
         [Message("user", PROMPT), Message("assistant", 'I look. weather{"city":"Ulm"}')]),
        (content({"type": "tool_result", "tool_use_id": "1", "content": "sun"},
                 {"type": "tool_result", "tool_use_id": "2", "is_error": True,
                  "content": [{"type": "text", "text": "ny"}, {"type": "image", "source": PNG}]},
                 {"type": "tool_result", "tool_use_id": "3"}),
         [Message("user", PROMPT), Message("tool", "sunny", 1)]),
        (content({"type": "tool_result", "tool_use_id": "1", "content": "sun"},
                 {"type": "text", "text": "And?"}),
         [Message("user", PROMPT), Message("user", "And?"), Message("tool", "sun")]),
        (content(), [Message("user", PROMPT), Message("user", "")]),
    ],
)  # fmt: skip
def test_messages(given: dict[str, Any], conversation: list[Message]) -> None:
    assert read(given) == conversation


def test_a_member_without_effect_is_named_once() -> None:
    blocks = [{"type": "text", "text": "a", **CACHED} for _ in range(100)]
    given = content(*blocks) | {"tools": [TOOL | CACHED, TOOL | {"name": "b", "strict": True}]}
    assert message_request(given).without_effect == [
        "messages.content.cache_control",
        "tools.cache_control",
        "tools.strict",
    ]


def test_a_request_to_count_tokens() -> None:
    given = {"model": MODEL, "messages": [USER], "tools": [TOOL], "system": "a"}
    asked = count_request(given)
    assert asked.conversation == [Message("system", "a"), Message("user", PROMPT)]
    assert [tool.name for tool in asked.tools] == ["weather"]
    with pytest.raises(HTTPError, match="'max_tokens' is not served"):
        count_request(members())


# What is refused


def source(kind: str, **changes: Any) -> dict[str, Any]:
    return content({"type": kind, "source": changes})


@pytest.mark.parametrize(
    ("given", "parameter", "detail"),
    [
        (members(model=None), "model", "model is missing"),
        (members(max_tokens=None), "max_tokens", "max_tokens is missing: it must be a whole"),
        (members(max_tokens=0), "max_tokens", "a whole number from 1 to"),
        (members(stream="yes"), "stream", "must be true or false"),
        (members(container="a"), "container", "'container' is not served by this model"),
        (members(mcp_servers=[]), "mcp_servers", "'mcp_servers' is not served"),
        (members(max_token=1), "max_token", "(did you mean 'max_tokens'?)"),
        (members(messages=None), "messages", "a list of at least one message"),
        (members(messages=[]), "messages", "a list of at least one message"),
        (members(messages={}), "messages", "a list of up to 10000 messages"),
        (members(messages=["a"]), "messages[0]", "must be an object"),
        (members(messages=[{"role": "tool", "content": "a"}]), "messages[0].role",
         "one of system, user, assistant, not 'tool'"),
        (members(messages=[USER | {"name": "a"}]), "messages[0].name", "is not served"),
        (members(messages=[{"role": "user"}]), "messages[0].content", "a text or a list of"),
        (members(system=7), "system", "a text or a list of content blocks"),
        (members(system=[{"type": "image", "source": PNG}]), "system[0].type", "one of text"),
        (members(stop_sequences="a"), "stop_sequences", "a list of up to 100 texts"),
        (members(stop_sequences=["a", ""]), "stop_sequences[1]", "a text of 1 to 1000"),
        (members(stop_sequences=["\n"]), "stop_sequences[0]", "more than white space"),
        (members(stop_sequences=["\ud800"]), "stop_sequences[0]", "a text of 1 to 1000"),
        (content("a"), "messages[1].content[0]", "must be an object"),
        (content({"type": "server_tool_use"}), "messages[1].content[0].type",
         "one of text, image, document, tool_result, not 'server_tool_use'"),
        (content({"type": "text"}), "messages[1].content[0].text", "must be a text"),
        (content({"type": "text", "text": "a", "x": 1}), "messages[1].content[0].x", "not served"),
        (content({"type": "tool_use", "id": "1", "name": "a", "input": {}}),
         "messages[1].content[0].type", "one of text, image"),
        (content({"type": "tool_use", "id": "1", "name": "a"}, role="assistant"),
         "messages[1].content[0].input", "an object"),
        (content({"type": "tool_use", "id": 1}, role="assistant"),
         "messages[1].content[0].id", "a text"),
        (content({"type": "thinking", "thinking": 1}, role="assistant"),
         "messages[1].content[0].thinking", "a text"),
        (content({"type": "tool_result"}), "messages[1].content[0].tool_use_id", "a text"),
        (content({"type": "tool_result", "tool_use_id": "1", "is_error": 1}),
         "messages[1].content[0].is_error", "true or false"),
        (content({"type": "tool_result", "tool_use_id": "1",
                  "content": [{"type": "search_result"}]}),
         "messages[1].content[0].content[0].type", "one of text, image, document"),
        (content({"type": "image"}), "messages[1].content[0].source", "an object"),
        (source("image", type="file", file_id="a"), "messages[1].content[0].source.type",
         "one of base64, url, not 'file'"),
        (source("image", type="url"), "messages[1].content[0].source.url", "a text"),
        (source("image", type="base64", media_type="image/bmp", data=""),
         "messages[1].content[0].source.media_type", "one of image/jpeg"),
        (source("document", type="base64"), "messages[1].content[0].source.data", "a text"),
        (source("document", type="text", data="", media_type="text/html"),
         "messages[1].content[0].source.media_type", "one of text/plain"),
        (source("document", type="content"), "messages[1].content[0].source.type", "one of text"),
        (members(tools={}), "tools", "a list of up to 128 tools"),
        (members(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
         "tools[0].type", "one of custom, not 'web_search_20250305'"),
        (members(tools=[TOOL | {"name": "a b"}]), "tools[0].name", "1 to 128 of A-Z"),
        (members(tools=[TOOL | {"input_schema": None}]), "tools[0].input_schema", "a JSON Schema"),
        (members(tools=[TOOL | {"input_schema": {}}]), "tools[0].input_schema.type", "object"),
        (members(tool_choice={"type": "auto"}), "tool_choice", "left out unless there are tools"),
        (members(tools=[TOOL], tool_choice="any"), "tool_choice", "an object"),
        (members(tools=[TOOL], tool_choice={"type": "required"}), "tool_choice.type",
         "one of auto, any, tool, none"),
        (members(tools=[TOOL], tool_choice={"type": "tool", "name": "b"}), "tool_choice.name",
         "one of weather"),
        (members(thinking=True), "thinking", "an object"),
        (members(thinking={"type": "enabled"}), "thinking.budget_tokens", "is missing"),
        (members(thinking={"type": "enabled", "budget_tokens": 1}), "thinking.budget_tokens",
         "from 1024"),
        (members(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=1024),
         "thinking.budget_tokens", "less than max_tokens"),
        (members(thinking={"type": "adaptive", "display": "none"}), "thinking.display",
         "one of summarized, omitted"),
        (members(thread={"type": "create"}), "thread", "keeps no conversation"),
        (members(temperature="1"), "temperature", "a number from 0 to 1"),
        (members(service_tier="batch"), "service_tier", "one of auto, standard_only"),
        (members(messages=[USER] * 9_999 + [USER | {"content": [{"type": "text", "text": "a"}]}]),
         "messages[9999]", "at most 10000 objects"),
        (members(output_config={"format": {"type": "json"}}), "output_config.format.type",
         "one of json_schema"),
        (members(output_config={"format": {"type": "json_schema"}}),
         "output_config.format.schema", "a JSON Schema"),
    ],
)  # fmt: skip
def test_a_wrong_member(given: dict[str, Any], parameter: str, detail: str) -> None:
    with pytest.raises(HTTPError) as raised:
        message_request(given)
    assert raised.value.status == 400
    assert raised.value.members["parameter"] == parameter
    assert parameter in raised.value.detail
    assert detail in raised.value.detail
