"""The official client of the model's interface, when the model fails or its answer breaks."""

import itertools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from streamserver.lab.target.app import make_target
from support import peers
from support.inprocess import Serve, Served
from support.model import FAST, MODEL, PROMPT, TEXT

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_keys = itertools.count()


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(make_target())


@pytest.fixture
async def client(served: Served) -> "AsyncIterator[AsyncOpenAI]":
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    settings: dict[str, Any] = {"base_url": f"{served.url}/v1", "api_key": "any"}
    async with openai.AsyncOpenAI(**settings, http_client=http_client, max_retries=1) as client:
        yield client


async def answer(client: "AsyncOpenAI", **headers: str) -> str:
    """The answer to a question with these fields."""
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": PROMPT}],
        stream=True,
        extra_headers={name.replace("_", "-"): value for name, value in headers.items()},
        extra_body={"tokens_per_second": FAST},
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


@pytest.mark.parametrize("status", ["429", "500", "503"])
async def test_it_retries_a_failed_request(
    client: "AsyncOpenAI", served: Served, status: str
) -> None:
    key = f"openai {next(_keys)}"
    failing = {"X_Lab_Fail_First": "1", "X_Lab_Fail_Key": key, "X_Lab_Fail_Status": status}
    assert await answer(client, **failing, X_Lab_Retry_After="0") == TEXT
    assert [exchange.status for exchange in served.ended] == [int(status), 200]


async def test_a_repeated_failure_has_the_form_of_the_interface(
    client: "AsyncOpenAI",
) -> None:
    openai = peers.module("openai")
    with pytest.raises(openai.RateLimitError, match="this failure was requested"):
        await answer(client, X_Lab_Fail_Rate="1", X_Lab_Fail_Status="429", X_Lab_Retry_After="0")


@pytest.mark.parametrize("form", ["", ":openai", ":vllm", ":openrouter"])
async def test_an_error_in_band_raises_with_its_message(client: "AsyncOpenAI", form: str) -> None:
    openai = peers.module("openai")
    with pytest.raises(openai.APIError, match="this error was requested"):
        await answer(client, X_Lab_Fault=f"error@event:3{form}")


async def test_a_broken_answer_raises(client: "AsyncOpenAI") -> None:
    # The version of the client decides which one.
    broken = (peers.module("openai").APIConnectionError, peers.module("httpx").TransportError)
    for fault in ("truncate@event:4", "rst@event:4", "bad_chunk@event:4"):
        with pytest.raises(broken):
            await answer(client, X_Lab_Fault=fault)
