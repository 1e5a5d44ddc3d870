"""The official Python client of the chat completions interface."""

from typing import TYPE_CHECKING

from support import peers

if TYPE_CHECKING:
    from openai import AsyncOpenAI


def client_of(url: str) -> "AsyncOpenAI":
    """The client, which asks once and takes no proxy from the environment."""
    openai = peers.module("openai")
    http_client = openai.DefaultAsyncHttpxClient(trust_env=False)
    client: AsyncOpenAI = openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="any", max_retries=0, http_client=http_client
    )
    return client
