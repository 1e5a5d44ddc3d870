"""Requests for completions that are refused: each error names the member that is wrong."""

from typing import Any

import pytest

from support.asking import ask
from support.inprocess import Served
from support.model import TARGET, WITH_USAGE, ask_model, error_of, image, question, tool


def message(**members: object) -> dict[str, object]:
    """Members of a request whose second message has these members."""
    return {"messages": [{"role": "system", "content": ""}, members]}


def parts(*listed: object) -> dict[str, object]:
    """Members of a request whose second message has these content parts."""
    return message(role="user", content=[{"type": "text", "text": "a"}, *listed])


def form(**members: object) -> dict[str, object]:
    """Members of a request with this JSON Schema."""
    described = {"name": "answer", "schema": {}, **members}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


SECOND = "messages[1].content[1]"
WRONG_MESSAGES = [
    ({"messages": None}, "messages", "messages is missing: it must be a list of 1 to 500"),
    ({"messages": "Hello"}, "messages", "must be a list of 1 to 500 messages, not 'Hello'"),
    ({"messages": []}, "messages", "must be a list of 1 to 500 messages"),
    ({"messages": [{}] * 501}, "messages", "must be a list of 1 to 500 messages"),
    ({"messages": ["Hello"]}, "messages[0]", "messages[0] must be an object"),
    (message(content="a"), "messages[1].role", "must be one of developer, system, user"),
    (message(role=["user"], content="a"), "messages[1].role", "must be one of"),
    (message(role="user"), "messages[1].content", "must be a text or a list of up to 500 parts"),
    (message(role="user", content=7), "messages[1].content", "must be a text or a list"),
    (message(role="user", content=[{}] * 501), "messages[1].content", "up to 500 parts"),
    (message(role="user", content=["a"]), "messages[1].content[0]", "must be a text, "),
    (message(role="tool", content="a"), "messages[1].tool_call_id", "must be the id of the call"),
    (message(role="user", content="a", audio={"id": "1"}), "messages[1].audio", "not served"),
    (message(role="assistant", function_call={}), "messages[1].function_call", "not served"),
    (message(role="assistant", tool_calls={}), "messages[1].tool_calls", "a list of up to 128"),
    (message(role="assistant", tool_calls=[7]), "messages[1].tool_calls[0]", "an object"),
    (
        message(role="assistant", tool_calls=[{"function": {"name": "f"}}]),
        "messages[1].tool_calls[0].function.arguments", "must be a text",
    ),
    (
        message(role="assistant", tool_calls=[{"type": "custom", "custom": {}}]),
        "messages[1].tool_calls[0].custom", "is not served",
    ),
    (
        message(role="assistant", tool_calls=[{"type": "custom"}]),
        "messages[1].tool_calls[0].type", "must be function",
    ),
    (parts({"type": "refusal", "text": "a"}), f"{SECOND}.text", "is not served"),
    (parts({"type": "refusal"}), f"{SECOND}.refusal", "must be a text"),
    (parts({"type": "text", "text": "a", "citation": 1}), f"{SECOND}.citation", "is not served"),
    (parts({**image("https://a/b"), "uuid": "1"}), f"{SECOND}.uuid", "is not served"),
    (parts({"type": "text", "text": 7}), f"{SECOND}.text", "must be a text"),
    (parts({"type": "input_audio", "input_audio": {}}), SECOND, "the kinds that this model reads"),
    (parts({"type": ["text"]}), SECOND, "must be a text, "),
    (parts(image("ftp://a/b")), f"{SECOND}.image_url", "must be an object with the URL"),
    (parts(image(7)), f"{SECOND}.image_url", "must be an object with the URL"),
    ({"messages": [{"role": "user", "content": "a" * 524_289}]}, None, "at most 524288 characters"),
]  # fmt: skip
WRONG_LENGTHS = [
    ({"n": 0}, "n", "a whole number from 1 to 128, not 0"),
    ({"n": 128, "min_tokens": 2000}, "n", "at most 131072 tokens, not 256000"),
    ({"max_tokens": 0}, "max_tokens", "from 1 to 1000000, not 0"),
    ({"max_tokens": 1.5}, "max_tokens", "a whole number"),
    ({"max_completion_tokens": 1_000_001}, "max_completion_tokens", "to 1000000"),
    ({"min_tokens": -1}, "min_tokens", "from 0 to"),
    ({"min_tokens": 5, "max_tokens": 4}, "min_tokens", "must be at most max_tokens"),
    ({"min_tokens": 40_000}, "min_tokens", "has at most 32768 tokens"),
    ({"ignore_eos": 1}, "ignore_eos", "true or false"),
    ({"ignore_eos": True, "max_tokens": 40_000}, "max_tokens", "has at most 32768 tokens"),
    ({"stop": 7}, "stop", "a list of up to 16 texts"),
    ({"stop": ["a"] * 17}, "stop", "a list of up to 16 texts"),
    ({"stop": ["a", ""]}, "stop", "a text of 1 to 200 characters"),
    ({"stop": "a" * 201}, "stop", "a text of 1 to 200 characters"),
    ({"seed": 0.5}, "seed", "a whole number"),
    ({"tokens_per_second": 0}, "tokens_per_second", "a number from 1 to 1000"),
    ({"tokens_per_second": 1001}, "tokens_per_second", "a number from 1 to 1000"),
]
TOOLS = [tool()]
WRONG_FORMS = [
    ({"tools": {}}, "tools", "a list of up to 128 tools"),
    ({"tools": [tool()] * 129}, "tools", "a list of up to 128 tools"),
    ({"tools": [{"type": "custom"}]}, "tools[0].type", "function, the only kind"),
    ({"tools": [tool(name="a b")]}, "tools[0].function.name", "1 to 64 of A-Z"),
    ({"tools": [tool(parameters={"not": {}})]}, "tools", "the parameters of weather: not at #"),
    (
        {**form(schema={"type": "array", "minItems": 900, "items": {"type": "null"}}), "n": 3},
        "response_format",
        "the values of all choices take more than 8000 steps",
    ),
    ({"tools": [tool(strict=1)]}, "tools[0].function.strict", "true or false"),
    ({"tools": [tool(parameters=[])]}, "tools[0].function.parameters", "must be an object"),
    ({"tools": [tool(parametres={})]}, "tools[0].function.parametres", "(did you mean 'param"),
    ({"tool_choice": "auto"}, "tool_choice", "left out unless there are tools"),
    ({"tools": TOOLS, "tool_choice": "maybe"}, "tool_choice", "must be auto, none, required, or"),
    ({"tools": TOOLS, "tool_choice": tool(name="f")}, "tool_choice", "with the name of a tool"),
    ({"tools": TOOLS, "tool_choice": ["auto"]}, "tool_choice", "with the name of a tool"),
    ({"tools": TOOLS, "tool_choice": tool() | {"type": "custom"}}, "tool_choice", "with the name"),
    ({"tools": TOOLS, "tool_choice": tool(mode="any")}, "tool_choice.function.mode", "not served"),
    ({"tools": TOOLS, "tool_choice": tool() | {"mode": 1}}, "tool_choice.mode", "not served"),
    ({"parallel_tool_calls": "no"}, "parallel_tool_calls", "true or false"),
    ({"response_format": "json"}, "response_format", "an object"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "one of text, json_object"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "an object"),
    (form(name=7), "response_format.json_schema.name", "1 to 64 of A-Z"),
    (form(schema=[]), "response_format.json_schema.schema", "an object"),
    (form(scheme={}), "response_format.json_schema.scheme", "(did you mean 'schema'?)"),
    ({"top_logprobs": 3}, "top_logprobs", "left out unless logprobs is true"),
    (
        {"logprobs": True, "top_logprobs": 20, "min_tokens": 500, "max_tokens": 500},
        "logprobs",
        "without stream, an answer has at most 10000 log probabilities, not 10500",
    ),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "from 0 to 20"),
    ({"reasoning_effort": "hi"}, "reasoning_effort", "one of none, minimal, low"),
    ({"chat_template_kwargs": {"think": 1}}, "chat_template_kwargs.think", "(did you mean 'thi"),
]
WRONG = [
    ({"model": None}, "model", "model is missing: it must be a text of 1 to 200"),
    ({"model": 7}, "model", "must be a text"),
    ({"stream": "yes"}, "stream", "must be true or false, not 'yes'"),
    ({"stream_options": WITH_USAGE}, "stream_options", "left out unless stream is true"),
    ({"stream": True, "stream_options": True}, "stream_options", "must be an object"),
    (
        {"stream": True, "stream_options": {"include_usage": 1}},
        "stream_options.include_usage", "true or",
    ),
    ({"stream": True, "stream_options": {"usage": True}}, "stream_options.usage", "not served"),
    ({"temperature": 2.1}, "temperature", "a number from 0 to 2"),
    ({"top_p": "1"}, "top_p", "a number from 0 to 1"),
    ({"service_tier": "best"}, "service_tier", "one of auto, default"),
    ({"store": True}, "store", "left out or false, since"),
    ({"modalities": ["text", "audio"]}, "modalities", 'left out or ["text"]'),
    *[
        ({name: {}}, name, f"'{name}' is not served by this model")
        for name in ("functions", "function_call", "audio", "web_search_options", "prediction")
    ],
    ({"max_token": 5}, "max_token", "(did you mean 'max_tokens'?)"),
    ({"x" * 10_000: 5}, "x" * 40, "is not served by this model"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "param", "detail"), [*WRONG, *WRONG_MESSAGES, *WRONG_LENGTHS, *WRONG_FORMS]
)
async def test_a_wrong_member(
    server: Served, members: dict[str, Any], param: str | None, detail: str
) -> None:
    answer = error_of(await ask_model(server, question(**members)))
    assert answer == (400, answer[1], param, None)
    assert detail in answer[1]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "the body is not JSON"),
        (b"{'model': 1}", 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[" * 10_000, 400, "the body is not JSON"),
        (b"[]", 400, "the body must be a JSON object"),
        (b" " * (2**21 + 1), 413, "larger than 2097152 bytes"),
    ],
)
async def test_a_body_that_is_no_request(
    server: Served, body: bytes, status: int, detail: str
) -> None:
    answer = error_of(await ask(server, TARGET, "POST", body=body))
    assert answer == (status, answer[1], None, None)
    assert detail in answer[1]
