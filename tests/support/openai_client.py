"""The official clients, in Python and in node, of the chat completions and the responses."""

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from support import peers

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Interface: TypeAlias = Literal["chat", "responses"]
NODE_CLIENT = Path(__file__).parents[1] / "proxy" / "openai.mjs"


def client_of(url: str) -> "AsyncOpenAI":
    """The client, which asks once and takes no proxy from the environment."""
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    client: AsyncOpenAI = openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="any", max_retries=0, http_client=http_client
    )
    return client


async def reported_by(
    client: "AsyncOpenAI", interface: str, fields: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """How many events one stream has, and the error that it ends with."""
    openai, events = peers.module("openai"), 0
    accept = {"accept": "text/event-stream", **(fields or {})}
    try:
        if interface == "chat":
            async for _ in await client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "?"}],
                stream=True,
                extra_headers=accept,
            ):
                events += 1
        else:
            async for _ in await client.responses.create(
                model="m", input="?", stream=True, extra_headers=accept
            ):
                events += 1
    except openai.APIError as error:
        raised = type(error).__name__
        return {"events": events, "raised": raised, "message": error.message, "error": error.body}
    return {"events": events, "raised": None}


async def reported_by_node(
    node: str, url: str, interfaces: Sequence[Interface]
) -> list[dict[str, Any]]:
    """The same of a stream of each interface, one after the other."""
    process = await asyncio.create_subprocess_exec(
        *(node, str(NODE_CLIENT), f"{url}/v1", *interfaces),
        env={**os.environ, "NODE_PATH": str(peers.node_package("openai"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, complaint = await asyncio.wait_for(process.communicate(), 50.0)
    assert not process.returncode, complaint.decode()
    reports: list[dict[str, Any]] = json.loads(out)
    return reports
