"""The official client behind the relay: it gets the same as directly."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from streamserver.proxy.proxy import OnBreak, Proxy
from support import peers
from support.inprocess import Serve, Served
from support.model import FAST, MODEL, PROMPT, TEXT, TOKENS, make_model
from support.openai_client import client_of
from support.process import RunServer, ServerProcess
from support.rawserver import raw_server
from support.relaying import EVENTS_HEAD, chunk
from support.upstreams import refusing_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionUserMessageParam

MESSAGES: "list[ChatCompletionUserMessageParam]" = [{"role": "user", "content": PROMPT}]
AT_ONCE = {"tokens_per_second": FAST}
SLOWLY = {"tokens_per_second": 1}
FIRST = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}\n\n'
)


@pytest.fixture
async def proxy(serve: Serve) -> Served:
    model = await serve(make_model())
    return await serve(Proxy(model.url))


@pytest.fixture
async def client(proxy: Served) -> "AsyncIterator[AsyncOpenAI]":
    async with client_of(proxy.url) as client:
        yield client


async def test_a_stream(client: "AsyncOpenAI") -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=AT_ONCE,
    )
    *chunks, usage = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert [delta.content for delta in deltas] == ["", *TOKENS, None]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert usage.usage is not None
    assert usage.usage.completion_tokens == len(TOKENS)


async def test_a_whole_answer(client: "AsyncOpenAI") -> None:
    completion = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, extra_body=AT_ONCE
    )
    assert completion.choices[0].message.content == TEXT


async def test_the_models(client: "AsyncOpenAI") -> None:
    assert [model.id async for model in client.models.list()] == [MODEL, f"{MODEL}-fast"]


async def test_many_answers_over_one_connection(client: "AsyncOpenAI", proxy: Served) -> None:
    for _ in range(3):
        await client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=1, extra_body=AT_ONCE
        )
    assert len({exchange.client for exchange in proxy.ended}) == 1
    reused = ("connect", "reused")
    assert [reused in exchange.attributes for exchange in proxy.ended] == [False, True, True]


async def test_a_client_that_stops_listening(client: "AsyncOpenAI", proxy: Served) -> None:
    """The whole answer would take a minute, longer than a test may."""
    stream = await client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, extra_body=SLOWLY
    )
    async with stream:
        assert (await anext(aiter(stream))).choices[0].delta.role == "assistant"
    assert await wait_until(lambda: [one.outcome for one in proxy.ended]) == ["client_gone"]


async def test_the_models_errors(client: "AsyncOpenAI") -> None:
    openai = peers.module("openai")
    with pytest.raises(openai.BadRequestError, match="n must be a whole number") as bad:
        await client.chat.completions.create(model=MODEL, messages=MESSAGES, n=129)
    assert (bad.value.param, bad.value.type) == ("n", "invalid_request_error")


async def test_no_model(serve: Serve) -> None:
    openai = peers.module("openai")
    with refusing_port() as port:
        server = await serve(Proxy(f"http://127.0.0.1:{port}"))
        async with client_of(server.url) as client:
            with pytest.raises(openai.InternalServerError) as down:
                await client.models.list()
    assert down.value.status_code == 502
    assert "refused the connection" in down.value.response.json()["detail"]


@pytest.mark.parametrize("on_break", ["cut", "event"])
async def test_half_an_answer_is_no_answer(serve: Serve, on_break: OnBreak) -> None:
    openai, httpx = peers.module("openai"), peers.module("httpx")
    async with raw_server() as upstream:
        server = await serve(Proxy(upstream.url, on_break=on_break))
        async with client_of(server.url) as client:
            asking = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            stream_task = asyncio.create_task(asking)
            peer = await upstream.asked()
            await peer.send(EVENTS_HEAD + chunk(FIRST))
            stream = await stream_task
            assert (await anext(aiter(stream))).choices[0].delta.content == "Hel"
            peer.reset()
            with pytest.raises((openai.APIError, httpx.HTTPError)):
                [each async for each in stream]


def has_told(server: ServerProcess, word: str) -> bool:
    """Whether there is such a word in its access log."""
    return word in server.output()


async def test_processes_as_they_are_run(run_server: RunServer) -> None:
    """Token by token: the first is there long before the last is due."""
    demo = run_server()
    proxy = run_server("proxy", demo.url)
    tokens, pace = 8, 20
    async with client_of(proxy.url) as client:
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=MESSAGES,
            stream=True,
            max_tokens=tokens,
            extra_body={"tokens_per_second": pace},
        )
        came = [(one.choices[0].delta.content, time.monotonic()) async for one in stream]
    spoken = [(token, at) for token, at in came if token]
    assert [token for token, _ in spoken] == TOKENS[:tokens]
    assert spoken[-1][1] - spoken[0][1] >= (tokens - 1) / pace / 2
    for server in (proxy, demo):
        await wait_until(partial(has_told, server, "complete"))
