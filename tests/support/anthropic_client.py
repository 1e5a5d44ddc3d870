"""The official client of Anthropic's messages."""

from typing import TYPE_CHECKING, Any

from support import peers

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


def client_of(url: str, retries: int = 0) -> "AsyncAnthropic":
    """The client, which takes no proxy from the environment."""
    anthropic = peers.module("anthropic")
    http_client = anthropic.DefaultAsyncHttpxClient(trust_env=False)
    client: AsyncAnthropic = anthropic.AsyncAnthropic(
        base_url=url, api_key="any", max_retries=retries, http_client=http_client
    )
    return client


def comparable(message: Any) -> dict[str, Any]:
    """A message without what differs from answer to answer, and what the client adds."""
    members: dict[str, Any] = message.model_dump(exclude={"id"}, exclude_none=True)
    for block in members["content"]:
        block.pop("parsed_output", None)
    return members
