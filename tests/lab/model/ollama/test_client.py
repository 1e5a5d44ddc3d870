"""The official client of Ollama accepts the model as the real service."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from streamserver.lab.model.ollama.models import CONTEXT_LENGTH
from streamserver.lab.model.text import REASONING, tokenize
from support import peers
from support.asking import ask
from support.inprocess import Served
from support.leaks import no_leaks
from support.model import MODEL, PROMPT, TEXT, TOKENS
from support.ollama_client import AT_ONCE, GENERATE, SCHEMA, TOOLS, USER, client_of, lines, post

if TYPE_CHECKING:
    from ollama import AsyncClient


@pytest.fixture
async def client(target: Served) -> "AsyncIterator[AsyncClient]":
    async with no_leaks(), client_of(target.url) as client:
        yield client


# Answers


async def test_a_chat(client: "AsyncClient") -> None:
    parts = [part async for part in await client.chat("any:7b", [USER], stream=True)]
    assert [part.message.content for part in parts] == [*TOKENS, ""]
    assert {part.model for part in parts} == {"any:7b"}
    assert [part.done for part in parts] == [False] * len(TOKENS) + [True]
    last, whole = parts[-1], await client.chat("any:7b", [USER])
    assert whole.message.content == TEXT
    assert (whole.prompt_eval_count, whole.eval_count) == (1, len(TOKENS))
    assert (whole.done_reason, whole.message.tool_calls) == ("stop", None)
    same = {"created_at", "message"}
    assert last.model_dump(exclude=same) == whole.model_dump(exclude=same)


async def test_a_completion(client: "AsyncClient") -> None:
    parts = [part async for part in await client.generate(MODEL, PROMPT, stream=True)]
    assert [part.response for part in parts] == [*TOKENS, ""]
    whole = await client.generate(MODEL, PROMPT, options={"num_predict": 3})
    assert (whole.response, whole.done_reason) == ("".join(TOKENS[:3]), "length")
    assert whole.eval_count == 3


@pytest.mark.parametrize("think", [True, "high", "max"])
async def test_thinking(client: "AsyncClient", think: Any) -> None:
    thoughts = tokenize(REASONING)
    parts = [part async for part in await client.chat(MODEL, [USER], stream=True, think=think)]
    assert [part.message.thinking for part in parts if part.message.thinking] == thoughts
    assert [part.message.content for part in parts if part.message.content] == TOKENS
    whole = await client.generate(MODEL, PROMPT, think=think)
    assert (whole.thinking, whole.response) == (REASONING, TEXT)
    assert whole.eval_count == len(thoughts) + len(TOKENS)


async def test_the_loop_of_an_agent(client: "AsyncClient") -> None:
    """A call is one line, its arguments are valid, and its result is answered in text."""
    parts = [part async for part in await client.chat(MODEL, [USER], tools=TOOLS, stream=True)]
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert len(parts) == len(calls) + 1
    assert len(calls) == 2
    for call in calls:
        peers.module("jsonschema").validate(call.function.arguments, SCHEMA)
    whole = await client.chat(MODEL, [USER], tools=TOOLS)
    assert whole.message.tool_calls == calls
    assert whole.done_reason == "stop"
    results = [
        {"role": "tool", "tool_name": call.function.name, "content": "sun"} for call in calls
    ]
    conversation: list[Any] = [USER, whole.message, *results]
    answer = await client.chat(MODEL, conversation, tools=TOOLS)
    assert answer.message.tool_calls is None
    assert answer.message.content


@pytest.mark.parametrize("form", ["json", SCHEMA])
async def test_a_text_of_a_given_form(client: "AsyncClient", form: Any) -> None:
    for text in (
        (await client.chat(MODEL, [USER], format=form)).message.content,
        (await client.generate(MODEL, PROMPT, format=form)).response,
    ):
        value = json.loads(text or "")
        peers.module("jsonschema").validate(value, {"type": "object"} if form == "json" else form)


async def test_log_probabilities(client: "AsyncClient") -> None:
    members: Any = {"logprobs": True, "top_logprobs": 2, "think": True}
    parts = [part async for part in await client.chat(MODEL, [USER], stream=True, **members)]
    streamed = [one for part in parts for one in part.logprobs or ()]
    assert [one.token for one in streamed] == TOKENS
    assert {len(one.top_logprobs or ()) for one in streamed} == {2}
    assert all(one.logprob < 0 for one in streamed)
    assert (await client.generate(MODEL, PROMPT, **members)).logprobs == streamed


async def test_an_image(client: "AsyncClient") -> None:
    without = await client.generate(MODEL, PROMPT)
    with_image = await client.generate(MODEL, PROMPT, images=[b"\x89PNG"])
    assert (with_image.prompt_eval_count or 0) > (without.prompt_eval_count or 0)
    message = {**USER, "images": [b"\x89PNG"]}
    assert (await client.chat(MODEL, [message])).prompt_eval_count == with_image.prompt_eval_count


async def test_the_synchronous_client(target: Served) -> None:
    ollama = peers.module("ollama")

    def said() -> str:
        with ollama.Client(target.url, headers=AT_ONCE, trust_env=False) as client:
            return "".join(part.response for part in client.generate(MODEL, PROMPT, stream=True))

    assert await asyncio.to_thread(said) == TEXT


# Models


async def test_the_models(client: "AsyncClient", target: Served) -> None:
    listed = [model.model for model in (await client.list()).models]
    assert listed == [f"{MODEL}:latest", f"{MODEL}-fast:latest"]
    loaded = (await client.ps()).models
    assert [model.name for model in loaded] == listed
    shown = await client.show("any:7b")
    assert shown.capabilities == ["completion", "tools", "thinking", "vision"]
    information = shown.modelinfo or {}
    name = information["general.architecture"]
    assert information[f"{name}.context_length"] == CONTEXT_LENGTH == loaded[0].context_length
    version = json.loads((await ask(target, "/api/version")).body)["version"]
    assert version.count(".") == 2


# Errors


@pytest.mark.parametrize(
    ("fields", "options", "status", "message"),
    [
        ({}, {"num_predikt": 3}, 400, "did you mean 'num_predict'"),
        ({"X-Lab-Gap": "1"}, {}, 400, "gap"),
        ({"X-Lab-Fail-Rate": "1", "X-Lab-Fail-Status": "500"}, {}, 500, "this failure was"),
        ({}, {"stop": ["x" * 2**21]}, 413, "2097152 bytes"),
    ],
)
async def test_a_refusal_raises_with_its_message(
    target: Served, fields: dict[str, str], options: dict[str, Any], status: int, message: str
) -> None:
    error = peers.module("ollama").ResponseError
    async with client_of(target.url, **fields) as client:
        with pytest.raises(error, match=message) as raised:
            await client.chat(MODEL, [USER], options=options)
        assert raised.value.status_code == status
        stream = await client.generate(MODEL, PROMPT, options=options, stream=True)
        with pytest.raises(error, match=message) as raised:
            await anext(aiter(stream))
        assert raised.value.status_code == status


async def test_an_error_in_band_raises(target: Served) -> None:
    received: list[str | None] = []

    async def receive() -> None:
        async with client_of(target.url, **{"X-Lab-Fault": "error@event:2"}) as client:
            async for part in await client.chat(MODEL, [USER], stream=True):
                received.append(part.message.content)

    with pytest.raises(peers.module("ollama").ResponseError, match="this error was requested"):
        await receive()
    assert received == TOKENS[:2]
    answer = await post(target, GENERATE, {"model": MODEL, "prompt": PROMPT},
                        **{"X-Lab-Fault": "error@event:1"})  # fmt: skip
    assert lines(answer)[1:] == [{"error": "this error was requested"}]
