"""What the demo's model is asked, what it answers to that, and what it refuses."""

import json
import re
from typing import Any

import pytest

from streamserver.lab.model.answers import FINGERPRINT
from support.asking import Answered, ask
from support.inprocess import Served
from support.model import (
    CAPPED,
    FAST,
    MODEL,
    PROMPT,
    TARGET,
    TEXT,
    TOKENS,
    USAGE,
    WITH_USAGE,
    ask_model,
    question,
)

# The answer as a whole


@pytest.mark.parametrize(
    ("members", "text", "finish_reason", "usage"),
    [
        ({}, TEXT, "stop", USAGE),
        ({"stream": False}, TEXT, "stop", USAGE),
        ({"max_tokens": len(TOKENS)}, TEXT, "stop", USAGE),
        ({"max_tokens": 3}, "".join(TOKENS[:3]), "length", CAPPED),
        ({"max_completion_tokens": 3}, "".join(TOKENS[:3]), "length", CAPPED),
        ({"max_tokens": 4, "max_completion_tokens": 3}, "".join(TOKENS[:3]), "length", CAPPED),
    ],
)
async def test_an_answer_that_is_no_stream(
    server: Served, members: dict[str, Any], text: str, finish_reason: str, usage: dict[str, int]
) -> None:
    answered = await ask_model(server, question(PROMPT, **members))
    told = json.loads(answered.body)
    assert (answered.status, answered.headers["content-type"]) == (200, "application/json")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    assert re.fullmatch(r"chatcmpl-\w{20,}", told.pop("id"))
    assert isinstance(told.pop("created"), int)
    assert told == {
        "object": "chat.completion",
        "model": MODEL,
        "system_fingerprint": FINGERPRINT,
        "choices": [choice],
        "usage": usage,
    }


# The models


async def test_the_models(server: Served) -> None:
    told = json.loads((await ask(server, "/v1/models")).body)
    assert told["object"] == "list"
    assert [one["id"] for one in told["data"]] == [MODEL, f"{MODEL}-fast"]
    for one in told["data"]:
        assert list(one) == ["id", "object", "created", "owned_by"]
        assert json.loads((await ask(server, f"/v1/models/{one['id']}")).body) == one


# What is refused


def refusal(answered: Answered) -> tuple[int, str, str | None, str | None]:
    """The status, what is told, and the member and the code that it is told with."""
    assert answered.headers["content-type"] == "application/json"
    told = json.loads(answered.body)
    assert list(told) == ["error"]
    assert list(told["error"]) == ["message", "type", "param", "code"]
    assert told["error"]["type"] == "invalid_request_error"
    error = told["error"]
    return answered.status, error["message"], error["param"], error["code"]


def message(**members: object) -> dict[str, object]:
    """Members of a request whose second message has these."""
    return {"messages": [{"role": "system", "content": ""}, members]}


PARTS = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
OTHER = [{"type": "refusal", "text": "a"}]


@pytest.mark.parametrize(
    ("members", "param", "told"),
    [
        ({"model": None}, "model", "model is missing: it must be a text of 1 to 200"),
        ({"model": 7}, "model", "must be a text"),
        ({"messages": None}, "messages", "messages is missing: it must be a list of 1 to 500"),
        ({"messages": "Hello"}, "messages", "must be a list of 1 to 500 messages, not 'Hello'"),
        ({"messages": []}, "messages", "must be a list of 1 to 500 messages"),
        ({"messages": [{}] * 501}, "messages", "must be a list of 1 to 500 messages"),
        ({"messages": ["Hello"]}, "messages[0]", "messages[0] must be an object"),
        (message(content="a"), "messages[1].role", "must be one of developer, system, user"),
        (message(role=["user"], content="a"), "messages[1].role", "must be one of"),
        (message(role="user"), "messages[1].content", "must be a text or a list of parts"),
        (message(role="user", content=7), "messages[1].content", "must be a text or a list"),
        (message(role="user", content=PARTS), "messages[1].content[1]", "must be a text"),
        (message(role="user", content=OTHER), "messages[1].content[0]", "must be a text"),
        (message(role="user", content=["a"]), "messages[1].content[0]", "must be a text"),
        ({"n": 2}, "n", "must be 1, since this model has one answer to give, not 2"),
        ({"stream": "yes"}, "stream", "must be true or false, not 'yes'"),
        ({"max_tokens": 0}, "max_tokens", "from 1 to 1000000, not 0"),
        ({"max_tokens": 1.5}, "max_tokens", "a whole number"),
        ({"max_completion_tokens": 1_000_001}, "max_completion_tokens", "to 1000000"),
        ({"tokens_per_second": 0}, "tokens_per_second", "a number from 1 to 1000"),
        ({"tokens_per_second": 1001}, "tokens_per_second", "a number from 1 to 1000"),
        ({"stream_options": WITH_USAGE}, "stream_options", "left out unless stream is true"),
        ({"stream": True, "stream_options": True}, "stream_options", "must be an object"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "include_usage", "true or"),
    ],
)
async def test_a_bad_question(
    server: Served, members: dict[str, Any], param: str, told: str
) -> None:
    answered = refusal(await ask_model(server, question(**members)))
    assert answered == (400, answered[1], param, None)
    assert told in answered[1]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "the body is not JSON"),
        (b"{'model': 1}", 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[" * 10_000, 400, "the body is not JSON"),
        (b"[]", 400, "the body must be a JSON object"),
        (b" " * (256 * 1024 + 1), 413, "larger than 262144 bytes"),
    ],
)
async def test_a_body_that_is_no_question(
    server: Served, body: bytes, status: int, told: str
) -> None:
    answered = refusal(await ask(server, TARGET, "POST", body=body))
    assert answered == (status, answered[1], None, None)
    assert told in answered[1]


@pytest.mark.parametrize("name", ["gpt-4o", "some/where:7b", "Streamserver-Demo", "caf%C3%A9"])
async def test_a_model_that_there_is_not(server: Served, name: str) -> None:
    by_name = refusal(await ask(server, f"/v1/models/{name}"))
    asked = refusal(await ask_model(server, question(model=name.replace("%C3%A9", "é"))))
    assert by_name == asked == (404, asked[1], "model", "model_not_found")
    assert "there are streamserver-demo and streamserver-demo-fast" in asked[1]


# What is taken


@pytest.mark.parametrize(
    "members",
    [
        {"temperature": 0.7, "seed": 1, "stop": ["."], "tools": [], "user": "me"},
        {"n": 1, "stream": None, "stream_options": None, "logprobs": False},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]},
        {"messages": [{"role": "user", "name": "Al", "content": PROMPT}]},
        {"model": f"{MODEL}-fast"},
        {"max_tokens": 1_000_000, "tokens_per_second": float(FAST)},
    ],
)
async def test_what_changes_nothing_of_the_answer(server: Served, members: dict[str, Any]) -> None:
    asked = {**question(PROMPT), **members}
    answered = await ask_model(server, asked)
    assert answered.status == 200, answered.body
    assert json.loads(answered.body)["choices"][0]["message"]["content"] == TEXT


async def test_a_conversation(server: Served) -> None:
    """An assistant that called a tool said nothing, and the prompt is counted as a whole."""
    conversation = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": PROMPT},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "forty two", "tool_call_id": "1"},
    ]
    told = json.loads((await ask_model(server, question(messages=conversation))).body)
    assert f"“{PROMPT}”" in told["choices"][0]["message"]["content"]
    assert told["usage"]["prompt_tokens"] == len(["Be", " brief", ".", "Grüße", "forty", " two"])
