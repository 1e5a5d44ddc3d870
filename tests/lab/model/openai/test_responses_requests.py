"""Requests for responses: how each member is read, and which are refused."""

import json
from typing import Any

import pytest

from streamserver.lab.model.asked import Asked, Message, Tool
from streamserver.lab.model.openai.responses_requests import responses_request
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.inprocess import Served
from support.model import PROMPT

IMAGE = "data:image/png;base64,AAAA"
SCHEMA = {"type": "object", "properties": {}}
FUNCTION = {"type": "function", "name": "f", "parameters": SCHEMA}


def read(**members: Any) -> Asked:
    return responses_request({"model": "m", "input": PROMPT, **members})


ITEMS: list[tuple[dict[str, Any], Message]] = [
    ({"role": "user", "content": "a"}, Message("user", "a")),
    ({"type": "message", "role": "developer", "content": "a"}, Message("developer", "a")),
    (
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_text", "text": "b"},
            ],
        },
        Message("user", "ab", 2),
    ),
    (
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "a", "annotations": []},
                {"type": "refusal", "refusal": "b"},
            ],
        },
        Message("assistant", "ab"),
    ),
    (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        Message("assistant", "f{}"),
    ),
    ({"type": "function_call_output", "call_id": "c", "output": "a"}, Message("tool", "a")),
    (
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "a"}],
        },
        Message("tool", "a"),
    ),
    (
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}],
            "encrypted_content": "c",
        },
        Message("assistant", ""),
    ),
    ({"type": "item_reference", "id": "msg_1"}, Message("assistant", "")),
]


@pytest.mark.parametrize(("item", "message"), ITEMS)
def test_an_item_is_a_message(item: dict[str, Any], message: Message) -> None:
    assert read(input=[item]).conversation == [message]


def test_instructions_come_first() -> None:
    conversation = read(instructions="Be brief.").conversation
    assert conversation == [Message("system", "Be brief."), Message("user", PROMPT)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, {"stream": False, "max_tokens": None, "reasoning": False, "schema": None}),
        ({"stream": True, "max_output_tokens": 5}, {"stream": True, "max_tokens": 5}),
        ({"stream": None, "temperature": None, "stop": None}, {"stream": False}),
        ({"tools": [FUNCTION]}, {"tools": [Tool("f", SCHEMA)], "tool_choice": "auto"}),
        ({"tools": [FUNCTION], "tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "f"}},
            {"tool_choice": "function", "tool_name": "f"},
        ),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, {"schema": None}),
        ({"text": {"format": {"type": "json_object"}}}, {"schema": {}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}},
            {"schema": SCHEMA},
        ),
        ({"reasoning": {}}, {"reasoning": False}),
        ({"reasoning": {"effort": "none"}}, {"reasoning": False}),
        ({"reasoning": {"effort": "minimal"}}, {"reasoning": True}),
        ({"reasoning": {"summary": "auto"}}, {"reasoning": True}),
        ({"include": ["message.output_text.logprobs"]}, {"top_logprobs": 0}),
        ({"top_logprobs": 3}, {"top_logprobs": 3}),
        ({"min_tokens": 3, "ignore_eos": True}, {"min_tokens": 3, "ignore_eos": True}),
        ({"seed": 7, "tokens_per_second": 5}, {"seed": 7, "tokens_per_second": 5}),
        ({"background": False, "user": "a"}, {"without_effect": ["user"]}),
        ({"input": [{"type": "item_reference", "id": "a"}]}, {"without_effect": ["input.id"]}),
    ],
)
def test_members(members: dict[str, Any], expected: dict[str, Any]) -> None:
    asked = read(**members)
    assert {name: getattr(asked, name) for name in expected} == expected


def user(*parts: object) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [*parts]}]}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"input": None}, "input must be a text or a list of items"),
        ({"input": []}, "input must be a text or a list of items"),
        ({"input": ["a"]}, "input[0] must be an object"),
        ({"input": [{"type": "web_search_call"}]}, "input[0].type must be one of message, "),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role must be one of user, "),
        ({"input": [{"role": "user", "content": 1}]}, "input[0].content must be a text or a list"),
        ({"input": [{"role": "user", "contents": 1}]}, "'input[0].contents' is not served"),
        (user({"type": "input_file"}), "input[0].content[0].type must be one of input_text, "),
        (user({"type": "input_text"}), "input[0].content[0].text must be a text"),
        (user({"type": "input_image"}), "input[0].content[0].image_url must be a text"),
        ({"previous_response_id": "resp_1"}, "'previous_response_id' is not served"),
        ({"conversation": "conv_1"}, "'conversation' is not served"),
        ({"prompt": {"id": "p"}}, "'prompt' is not served"),
        ({"messages": []}, "'messages' is not served"),
        ({"max_tokens": 3}, "'max_tokens' is not served by this model (did you mean"),
        ({"stop": "a"}, "'stop' is not served"),
        ({"background": True}, "background must be false"),
        ({"stream": "yes"}, "stream must be true or false"),
        ({"max_output_tokens": 0}, "max_output_tokens must be a whole number from 1"),
        ({"instructions": 1}, "instructions must be a text"),
        ({"tools": 1}, "tools must be a list of up to 128 tools"),
        ({"tools": [1]}, "tools[0] must be an object"),
        ({"text": 1}, "text must be an object"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type must be one of function"),
        ({"tools": [{"type": "function"}]}, "tools[0].name is missing"),
        ({"tools": [FUNCTION | {"parameters": 1}]}, "tools[0].parameters must be a JSON Schema"),
        ({"tools": [FUNCTION] * 129}, "tools must be a list of up to 128 tools"),
        ({"tool_choice": "f"}, "tool_choice must be one of auto, none, required"),
        ({"tool_choice": "required"}, "tool_choice must be auto or none without tools"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name must be one of"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type must be one of"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name is missing"),
        ({"text": {"form": 1}}, "'text.form' is not served"),
        ({"reasoning": {"effort": "most"}}, "reasoning.effort must be one of none, minimal"),
        ({"reasoning": {"summary": True}}, "reasoning.summary must be one of auto"),
        ({"reasoning": 1}, "reasoning must be an object"),
        ({"include": "a"}, "include must be a list"),
        ({"include": [1]}, "include[0] must be a text"),
        ({"metadata": {"a": 1}}, "metadata must be an object whose members are texts"),
        ({"temperature": 3}, "temperature must be a number from 0 to 2"),
        ({"truncation": "left"}, "truncation must be one of auto, disabled"),
        ({"service_tier": "best"}, "service_tier must be one of"),
        ({"store": 1}, "store must be true or false"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(HTTPError) as error:
        read(**members)
    assert error.value.status == 400
    assert error.value.detail.startswith(message)


async def test_deep_nesting_is_refused(server: Served) -> None:
    """Any depth is either answered or refused; none is an error of the server."""
    for depth in (50, *range(900, 1000, 20), 30_000):
        schema = b'{"a":' * depth + b"1" + b"}" * depth
        body = b'{"model":"m","input":"a","tools":[{"type":"function","name":"f","parameters":'
        body += schema + b'}],"tool_choice":"none","stream":true,"tokens_per_second":1000}'
        answer = await ask(server, "/v1/responses", "POST", body=body)
        assert answer.status in (200, 400), depth
        if answer.status == 400:
            assert json.loads(answer.body)["error"]["message"]
    assert answer.status == 400
