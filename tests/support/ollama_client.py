"""The official client of Ollama, and what it asks."""

import json
from typing import TYPE_CHECKING, Any

from support import peers
from support.asking import Answered, ask
from support.inprocess import Served
from support.model import FAST, PROMPT

if TYPE_CHECKING:
    from ollama import AsyncClient

CHAT, GENERATE = "/api/chat", "/api/generate"
USER = {"role": "user", "content": PROMPT}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "description": "Now.", "parameters": SCHEMA}}
    for name in ("weather", "climate")
]
AT_ONCE = {"X-Lab-Tokens-Per-Second": str(FAST)}


def client_of(url: str, **fields: str) -> "AsyncClient":
    """The client, all of whose requests have these fields too."""
    client: AsyncClient = peers.module("ollama").AsyncClient(
        url, headers=AT_ONCE | fields, trust_env=False
    )
    return client


async def post(server: Served, path: str, members: object, **fields: str) -> Answered:
    return await ask(server, path, "POST", AT_ONCE | fields, json.dumps(members).encode())


def lines(answer: Answered) -> list[dict[str, Any]]:
    """The lines of a stream, each of which is a JSON object."""
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert answer.body.endswith(b"\n")
    return [json.loads(line) for line in answer.body.splitlines()]
