"""The official client of Anthropic's messages, and what it asks."""

from typing import TYPE_CHECKING, Any

from support import peers
from support.model import FAST, MODEL, PROMPT

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import MessageParam

USER: "MessageParam" = {"role": "user", "content": PROMPT}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
TOOLS = [
    {"name": name, "description": "The weather.", "input_schema": SCHEMA}
    for name in ("weather", "climate")
]
AT_ONCE = {"tokens_per_second": FAST}


def client_of(url: str) -> "AsyncAnthropic":
    """The client, which takes no proxy from the environment."""
    anthropic = peers.module("anthropic")
    http_client = anthropic.DefaultAsyncHttpxClient(trust_env=False)
    client: AsyncAnthropic = anthropic.AsyncAnthropic(
        base_url=url, api_key="any", max_retries=0, http_client=http_client
    )
    return client


def question(**members: Any) -> dict[str, Any]:
    """A question for the client, answered at once."""
    request = {"model": MODEL, "max_tokens": 2000, "messages": [USER]}
    return {"extra_body": AT_ONCE, **request, **members}


def body_of(**members: Any) -> dict[str, Any]:
    """The same question as the members of a body."""
    request = question(**members)
    return {**request.pop("extra_body"), **request}
