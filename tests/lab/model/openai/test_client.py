"""The official client accepts the model as the real service."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from streamserver.lab.model.models import Models
from support import peers
from support.inprocess import Serve, Served
from support.leaks import no_leaks
from support.model import FAST, MODEL, PROMPT, TEXT, TOKENS, make_model
from support.openai_client import client_of
from support.waiting import wait_until

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionUserMessageParam

MESSAGES: "list[ChatCompletionUserMessageParam]" = [{"role": "user", "content": PROMPT}]
AT_ONCE = {"tokens_per_second": FAST}


def settings(server: Served, key: str = "any") -> dict[str, Any]:
    return {"base_url": f"{server.url}/v1", "api_key": key, "max_retries": 0}


@pytest.fixture
async def client(server: Served) -> "AsyncIterator[AsyncOpenAI]":
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with (
        no_leaks(),
        openai.AsyncOpenAI(**settings(server), http_client=http_client) as client,
    ):
        yield client


async def test_a_stream(client: "AsyncOpenAI") -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, extra_body=AT_ONCE
    )
    chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [delta.role for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    assert [delta.content for delta in deltas] == ["", *TOKENS, None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.usage for chunk in chunks} == {None}


async def test_a_stream_with_usage(client: "AsyncOpenAI") -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=5,
        extra_body=AT_ONCE,
    )
    *chunks, last = [chunk async for chunk in stream]
    assert {chunk.usage for chunk in chunks} == {None}
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.choices == []
    assert last.usage is not None
    counts = last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens
    assert counts == (1, 5, 6)


async def test_a_whole_completion(client: "AsyncOpenAI") -> None:
    completion = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, extra_body=AT_ONCE
    )
    assert completion.choices[0].message.content == TEXT
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == len(TOKENS)


async def test_the_synchronous_client(server: Served) -> None:
    openai = peers.module("openai")

    def ask() -> str:
        http_client = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(**settings(server, key="other"), http_client=http_client) as client:
            stream = client.chat.completions.create(
                model=MODEL, messages=MESSAGES, stream=True, extra_body=AT_ONCE
            )
            return "".join([chunk.choices[0].delta.content or "" for chunk in stream])

    assert await asyncio.to_thread(ask) == TEXT


async def test_a_client_that_leaves(client: "AsyncOpenAI", server: Served) -> None:
    """The whole stream would take a minute, longer than a test may."""
    stream = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, extra_body={"tokens_per_second": 1}
    )
    async with stream:
        assert (await anext(aiter(stream))).choices[0].delta.role == "assistant"
    assert await wait_until(lambda: [one.outcome for one in server.ended]) == ["client_gone"]


async def test_the_models(client: "AsyncOpenAI") -> None:
    names = [model.id async for model in client.models.list()]
    assert names == [MODEL, f"{MODEL}-fast"]
    assert (await client.models.retrieve(MODEL)).owned_by == "streamserver"


async def test_errors_raise_the_documented_exceptions(client: "AsyncOpenAI") -> None:
    openai = peers.module("openai")
    with pytest.raises(openai.BadRequestError, match="n must be a whole number") as bad:
        await client.chat.completions.create(model=MODEL, messages=MESSAGES, n=129)
    assert (bad.value.param, bad.value.type) == ("n", "invalid_request_error")
    with pytest.raises(openai.APIStatusError, match="larger than 2097152 bytes") as large:
        await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x" * 2_100_000}]
        )
    assert large.value.status_code == 413


async def test_a_strict_target(serve: Serve) -> None:
    openai = peers.module("openai")
    server = await serve(make_model(Models(("a",), is_strict=True)))
    async with client_of(server.url) as client:
        with pytest.raises(openai.NotFoundError, match="'gpt-4o' does not exist") as unknown:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
        with pytest.raises(openai.NotFoundError, match="'a/b' does not exist"):
            await client.models.retrieve("a/b")


async def test_both_interfaces_with_parameters(client: "AsyncOpenAI") -> None:
    """Stamps are an unknown member, which the client ignores."""
    parameters = {"tokens": "4", "tokens_per_second": "1000", "stamps": "1"}
    text = await client.completions.create(
        model=MODEL, prompt=PROMPT, stream=True, extra_query=parameters
    )
    assert [chunk.choices[0].text async for chunk in text] == [*TOKENS[:4], ""]
    chat = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, extra_query=parameters
    )
    assert [chunk.choices[0].delta.content async for chunk in chat] == ["", *TOKENS[:4], None]


async def test_a_list_of_prompts(client: "AsyncOpenAI") -> None:
    text = await client.completions.create(
        model=MODEL, prompt=[PROMPT, "other"], n=2, logprobs=1, extra_body=AT_ONCE
    )
    assert [choice.index for choice in text.choices] == [0, 1, 2, 3]
    assert text.choices[0].text == TEXT
    assert text.choices[0].logprobs is not None
    assert text.choices[0].logprobs.tokens == TOKENS
    tokens = await client.completions.create(
        model=MODEL, prompt=[[1, 2], [3]], max_tokens=2, extra_body=AT_ONCE
    )
    assert tokens.usage is not None
    assert (tokens.usage.prompt_tokens, tokens.usage.completion_tokens) == (3, 4)
