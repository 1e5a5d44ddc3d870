"""The official client gets the same from a replay as from the service."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamserver.lab.cassettes.recorder import RecordingProxy
from streamserver.lab.cassettes.replay import make_replay
from streamserver.lab.model.models import Models
from streamserver.proxy.proxy import Proxy
from support import peers
from support.inprocess import Serve
from support.model import FAST, MODEL, PROMPT, TEXT, TOKENS, make_model

if TYPE_CHECKING:
    from openai import AsyncOpenAI

KEY = "sk-do-not-tell-0123456789"


async def talk(url: str, key: str) -> list[dict[str, Any]]:
    """A stream, a whole completion and an error, as the client returns them."""
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    service: AsyncOpenAI
    async with openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http_client
    ) as service:
        create: Any = service.chat.completions.create
        members: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": PROMPT}],
            "extra_body": {"tokens_per_second": FAST},
        }
        results = [event.model_dump() async for event in await create(**members, stream=True)]
        results.append((await create(**members)).model_dump())
        try:
            await create(**members, n=129)
        except openai.BadRequestError as error:
            results.append(error.body)
        return results


async def test_the_client_gets_the_same_again(serve: Serve, tmp_path: Path) -> None:
    model = await serve(make_model(Models(is_strict=True)))
    relay = await serve(RecordingProxy(Proxy(model.url), tmp_path))
    received = await talk(relay.url, KEY)
    pieces = [event["choices"][0]["delta"]["content"] for event in received[:-2]]
    assert pieces == ["", *TOKENS, None]
    assert received[-2]["choices"][0]["message"]["content"] == TEXT
    assert received[-1]["param"] == "n"
    await relay.stop()
    assert KEY not in "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    replay = await serve(make_replay(tmp_path, math.inf))
    assert await talk(replay.url, "sk-any") == received, "ids and all"
    assert await talk(replay.url, KEY) == received
