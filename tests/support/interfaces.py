"""Every interface of the model: a request of it, and what its stream contains."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from streamserver.lab.model.asked import Json
from streamserver.lab.model.interface import Interface
from streamserver.wire.sse import MEDIA_TYPE
from support.asking import Answered, ask
from support.inprocess import Served
from support.model import MODEL, PROMPT

MESSAGES = [{"role": "user", "content": PROMPT}]
QUESTIONS: dict[str, Json] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": PROMPT},
    "/v1/responses": {"input": PROMPT},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 10_000},
    "/api/chat": {"messages": MESSAGES},
    "/api/generate": {"prompt": PROMPT},
}
"""What each path needs to be asked the same."""


def _chat(event: Json) -> object:
    return event["choices"] and event["choices"][0]["delta"].get("content")


def _text(event: Json) -> object:
    return event["choices"] and event["choices"][0]["text"]


def _messages(event: Json) -> object:
    delta = event.get("delta")
    return delta.get("text") if isinstance(delta, dict) else None


_TOKENS: dict[str, Callable[[Json], object]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _text,
    "/v1/responses": lambda event: event.get("delta"),
    "/v1/messages": _messages,
    "/api/chat": lambda event: event["message"]["content"],
    "/api/generate": lambda event: event["response"],
}


def question(interface: Interface, **members: Any) -> Json:
    """The members of a request for the same answer in any interface."""
    return {"model": MODEL, "stream": True, **QUESTIONS[interface.path], **members}


async def ask_in(
    server: Served,
    interface: Interface,
    query: str,
    fields: Mapping[str, str] | None = None,
    **members: Any,
) -> Answered:
    """The response to the question."""
    body = json.dumps(question(interface, **members)).encode()
    return await ask(server, f"{interface.path}?{query}", "POST", fields, body)


def split_events(interface: Interface, content: bytes) -> list[bytes]:
    """Each event, or each line."""
    end = b"\n\n" if interface.media_type == MEDIA_TYPE else b"\n"
    return [one + end for one in content.split(end) if one]


def read_events(interface: Interface, content: bytes) -> list[Json]:
    """The objects in a stream, in order."""
    lines = content.decode(errors="replace").splitlines()
    texts = [line.removeprefix("data: ") for line in lines]
    return [json.loads(text) for text in texts if text.startswith("{")]


def text_of(interface: Interface, event: Json) -> str:
    """The token of an event; empty for others."""
    found = _TOKENS[interface.path](event)
    return found if isinstance(found, str) else ""
