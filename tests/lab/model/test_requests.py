"""Requests for completions: the answers, and the errors."""

import json
import re
from typing import Any

import pytest

from streamserver.lab.model.models import Models
from streamserver.lab.model.text import FINGERPRINT
from support.asking import Answered, ask
from support.inprocess import Serve, Served
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
    make_model,
    question,
)

# Whole completions


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
async def test_a_whole_completion(
    server: Served, members: dict[str, Any], text: str, finish_reason: str, usage: dict[str, int]
) -> None:
    answer = await ask_model(server, question(PROMPT, **members))
    whole = json.loads(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    assert re.fullmatch(r"chatcmpl-\w{20,}", whole.pop("id"))
    assert isinstance(whole.pop("created"), int)
    assert whole == {
        "object": "chat.completion",
        "model": MODEL,
        "system_fingerprint": FINGERPRINT,
        "choices": [choice],
        "usage": usage,
    }


# The models


async def test_the_models(server: Served) -> None:
    whole = json.loads((await ask(server, "/v1/models")).body)
    assert whole["object"] == "list"
    assert [one["id"] for one in whole["data"]] == [MODEL, f"{MODEL}-fast"]
    for one in whole["data"]:
        assert list(one) == ["id", "object", "created", "owned_by"]
        assert json.loads((await ask(server, f"/v1/models/{one['id']}")).body) == one


# Errors


def error_of(answer: Answered) -> tuple[int, str, str | None, str | None]:
    """Status, message, param and code of an error."""
    assert answer.headers["content-type"] == "application/json"
    whole = json.loads(answer.body)
    assert list(whole) == ["error"]
    assert list(whole["error"]) == ["message", "type", "param", "code"]
    assert whole["error"]["type"] == "invalid_request_error"
    error = whole["error"]
    return answer.status, error["message"], error["param"], error["code"]


def message(**members: object) -> dict[str, object]:
    """Members of a request whose second message has these members."""
    return {"messages": [{"role": "system", "content": ""}, members]}


PARTS = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
OTHER = [{"type": "refusal", "text": "a"}]


@pytest.mark.parametrize(
    ("members", "param", "detail"),
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
        ({"n": 2}, "n", "must be 1, since this model has one answer, not 2"),
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
async def test_a_wrong_member(
    server: Served, members: dict[str, Any], param: str, detail: str
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
        (b" " * (256 * 1024 + 1), 413, "larger than 262144 bytes"),
    ],
)
async def test_a_body_that_is_no_request(
    server: Served, body: bytes, status: int, detail: str
) -> None:
    answer = error_of(await ask(server, TARGET, "POST", body=body))
    assert answer == (status, answer[1], None, None)
    assert detail in answer[1]


NAMES = ["gpt-4o", "some/where:7b", "Streamserver-Demo", "caf%C3%A9"]


@pytest.mark.parametrize("name", NAMES)
async def test_any_model(server: Served, name: str) -> None:
    by_name = json.loads((await ask(server, f"/v1/models/{name}")).body)
    asked = name.replace("%C3%A9", "é")
    by_member = json.loads((await ask_model(server, question(model=asked))).body)
    assert by_name["id"] == by_member["model"] == asked


@pytest.mark.parametrize("name", NAMES)
async def test_a_strict_target_refuses_other_models(serve: Serve, name: str) -> None:
    server = await serve(make_model(Models(("a", MODEL), is_strict=True)))
    by_name = error_of(await ask(server, f"/v1/models/{name}"))
    by_member = error_of(await ask_model(server, question(model=name.replace("%C3%A9", "é"))))
    assert by_name == by_member == (404, by_name[1], "model", "model_not_found")
    assert f"does not exist: there are a and {MODEL}" in by_name[1]
    listed = json.loads((await ask(server, "/v1/models")).body)
    assert [one["id"] for one in listed["data"]] == ["a", MODEL]
    assert (await ask_model(server, question())).status == 200


# What is accepted


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
async def test_members_that_do_not_change_the_answer(
    server: Served, members: dict[str, Any]
) -> None:
    answer = await ask_model(server, question(PROMPT) | members)
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == TEXT


async def test_a_conversation(server: Served) -> None:
    """A tool call has no content, and prompt_tokens counts all messages."""
    conversation = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": PROMPT},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "forty two", "tool_call_id": "1"},
    ]
    whole = json.loads((await ask_model(server, question(messages=conversation))).body)
    assert f"“{PROMPT}”" in whole["choices"][0]["message"]["content"]
    assert whole["usage"]["prompt_tokens"] == len(["Be", " brief", ".", "Grüße", "forty", " two"])
