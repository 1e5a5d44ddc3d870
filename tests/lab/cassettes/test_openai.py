"""The official client takes a replay for the service itself."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamserver.lab.cassettes.recorder import Recorder, Recording
from streamserver.lab.cassettes.replay import make_replay
from streamserver.proxy.proxy import Proxy
from support import peers
from support.inprocess import Serve
from support.model import FAST, MODEL, PROMPT, TEXT, TOKENS, make_model

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY = "sk-do-not-tell-0123456789"


async def talk(url: str, key: str) -> list[dict[str, Any]]:
    """A stream, a whole answer and an error, as the client has them."""
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    service: AsyncOpenAI
    async with openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http_client
    ) as service:
        create: Any = service.chat.completions.create
        asked: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": PROMPT}],
            "extra_body": {"tokens_per_second": FAST},
        }
        told = [event.model_dump() async for event in await create(**asked, stream=True)]
        told.append((await create(**asked)).model_dump())
        try:
            await create(**asked | {"model": "gpt-4o"})
        except openai.NotFoundError as error:
            told.append(error.body)
        return told


async def test_what_it_heard_it_hears_again(serve: Serve, tmp_path: Path) -> None:
    model = await serve(make_model())
    relay = await serve(Recording(Proxy(model.url), Recorder(tmp_path)))
    heard = await talk(relay.url, KEY)
    pieces = [event["choices"][0]["delta"]["content"] for event in heard[:-2]]
    assert pieces == ["", *TOKENS, None]
    assert heard[-2]["choices"][0]["message"]["content"] == TEXT
    assert heard[-1]["code"] == "model_not_found"
    await relay.stop()
    assert KEY not in "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    replay = await serve(make_replay(tmp_path, math.inf))
    assert await talk(replay.url, "sk-any") == heard, "ids and all"
    assert await talk(replay.url, KEY) == heard
