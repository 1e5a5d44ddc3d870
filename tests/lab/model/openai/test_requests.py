"""Requests for completions: the answers, and the errors."""

import json
import re
from typing import Any

import pytest

from streamserver.lab.model.models import Models
from streamserver.lab.model.text import FINGERPRINT
from support.asking import ask
from support.inprocess import Serve, Served
from support.model import (
    CAPPED,
    FAST,
    MODEL,
    PROMPT,
    TEXT,
    TOKENS,
    USAGE,
    ask_model,
    error_of,
    image,
    make_model,
    question,
    tool,
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


USER = {"role": "user", "content": PROMPT}
TOOLS = [tool()]
CACHED = {"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}
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
    ("members", "without_effect"),
    [
        ({"temperature": 0.7, "user": "me", "top_k": 40}, "temperature, user, top_k"),
        ({"metadata": {}, "modalities": ["text"]}, "metadata, modalities"),
        ({"store": False, "use_beam_search": False, "best_of": 1, "echo": None}, None),
        ({"n": 1, "stream": None, "stream_options": None, "logprobs": False}, None),
        ({"tools": [], "stop": [], "seed": None, "response_format": {"type": "text"}}, None),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]}, None),
        ({"messages": [{**USER, "name": "Al"}]}, "messages.name"),
        (
            {"messages": [{"role": "user", "content": [{**CACHED, "text": PROMPT}, CACHED]}]},
            "messages.content.cache_control",
        ),
        ({"model": f"{MODEL}-fast", "reasoning_effort": "none"}, None),
        ({"max_tokens": 1_000_000, "tokens_per_second": float(FAST)}, None),
        ({"tools": TOOLS, "tool_choice": "none", "parallel_tool_calls": False}, None),
        ({"reasoning_effort": "high", "include_reasoning": False}, None),
        ({"chat_template_kwargs": {"enable_thinking": False}}, None),
    ],
)
async def test_members_that_do_not_change_the_answer(
    server: Served, members: dict[str, Any], without_effect: str | None
) -> None:
    answer = await ask_model(server, question(PROMPT) | members)
    assert answer.status == 200, answer.body
    assert answer.headers.get("x-lab-without-effect") == without_effect
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == TEXT


async def test_a_conversation(server: Served) -> None:
    """A tool call has no content, and prompt_tokens counts all messages, calls and tools."""
    function = {"name": "weather", "arguments": "{}"}
    conversation = [
        {"role": "developer", "content": "Be brief."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": function}]},
        {"role": "tool", "content": "forty two", "tool_call_id": "1"},
    ]
    answer = await ask_model(server, question(messages=conversation, tools=TOOLS))
    whole = json.loads(answer.body)
    assert f"“{PROMPT}”" in whole["choices"][0]["message"]["content"]
    words = ["Be", " brief", ".", "Grüße", "weather", "{}", "forty", " two"]
    tools = ["weather", "{}"]
    assert whole["usage"]["prompt_tokens"] == len(words + tools)


async def test_images_are_counted(server: Served) -> None:
    detailed = {"url": "https://example.org/a.png", "detail": "low"}
    content = [{"type": "image_url", "image_url": detailed}, image("data:image/png;base64,AA==")]
    asked = question(messages=[{"role": "user", "content": content}])
    answer = await ask_model(server, asked)
    whole = json.loads(answer.body)
    assert answer.headers["x-lab-without-effect"] == "messages.content.image_url.detail"
    assert whole["usage"]["prompt_tokens"] == 2 * 85
