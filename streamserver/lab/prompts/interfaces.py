"""The interfaces of AI services: the path, the fields and the body of a streamed request.

Usage is requested where a service reports it on request only, and each interface has its own name
for the maximum of tokens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote

from streamserver.lab.prompts.conversation import SYSTEM, Message, as_text, content_text

Json = dict[str, Any]
_has_version = re.compile(r"[^/]/v\d\w*(?:/|\Z)").search
BEARER = ("authorization", "Bearer {}")
"""The field of a key, and its form (RFC 6750)."""
MESSAGES_LIMIT = 1024
"""The maximum of tokens for Anthropic's messages if none is given: the member is required."""


class Ask(NamedTuple):
    """The content of a request, in the terms of no interface."""

    model: str
    messages: list[Message]
    max_tokens: int = 0
    """The limit of the answer; 0: none is sent."""
    exact: bool = False
    """Whether the answer has exactly ``max_tokens``."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface."""

    name: str
    path: str
    """The path, appended to the base URL; ``{model}`` stands for the model."""
    body: Callable[[Ask], Json]
    """The body of a request; ValueError for messages that the interface cannot express."""
    prefix: str = ""
    """What precedes the path, unless the base URL ends with it or, if it is a version, has one."""
    key: tuple[str, str] = BEARER
    """The field of the key."""
    fields: tuple[tuple[str, str], ...] = ()
    """Required fields."""
    accept: str = "text/event-stream"
    models: str = "required"
    """Whether a request names a model: ``required``, ``optional`` or ``none``."""
    exact: bool = False
    """Whether it can request answers of an exact length."""

    def url(self, base: str, model: str) -> str:
        """The URL of the requests to a service with this base URL, which may be this URL."""
        address, _, query = base.partition("?")
        path, _, fixed = self.path.partition("?")
        path = path.replace("{model}", quote(model.removeprefix("models/"), safe=":@"))
        address = address.rstrip("/").removesuffix(path)
        is_version = self.prefix.startswith("/v")
        if not (address.endswith(self.prefix) or (is_version and _has_version(address))):
            address += self.prefix
        queries = [*filter(None, [query, "" if fixed in query.split("&") else fixed])]
        return address + path + "?" * bool(queries) + "&".join(queries)


def _chat(ask: Ask) -> Json:
    return _openai(ask, "max_tokens", messages=ask.messages)


def _own_chat(ask: Ask) -> Json:
    return _openai(ask, "max_completion_tokens", messages=ask.messages)


def _completions(ask: Ask) -> Json:
    return _openai(ask, "max_tokens", prompt=as_text(ask.messages))


def _openai(ask: Ask, limit: str, **content: Any) -> Json:
    usage = {"stream_options": {"include_usage": True}}
    exact = {"min_tokens": ask.max_tokens, "ignore_eos": True} if ask.exact else {}
    return _streamed(ask, **content) | usage | _limited(ask, limit) | exact


def _responses(ask: Ask) -> Json:
    return _streamed(ask, input=ask.messages) | _limited(ask, "max_output_tokens")


def _messages(ask: Ask) -> Json:
    limit = {"max_tokens": ask.max_tokens or MESSAGES_LIMIT}
    system, others = _parted(ask.messages)
    return _streamed(ask, messages=others) | limit | ({"system": system} if system else {})


def _ollama_chat(ask: Ask) -> Json:
    return _streamed(ask, messages=ask.messages) | _nested("options", ask, "num_predict")


def _ollama_generate(ask: Ask) -> Json:
    return _streamed(ask, prompt=as_text(ask.messages)) | _nested("options", ask, "num_predict")


def _gemini(ask: Ask) -> Json:
    system, others = _parted(ask.messages)
    instruction = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
    contents = [
        {
            "role": "model" if one["role"] == "assistant" else "user",
            "parts": [{"text": content_text(one)}],
        }
        for one in others
    ]
    limit = _nested("generationConfig", ask, "maxOutputTokens")
    return {"contents": contents} | instruction | limit


def _tgi(ask: Ask) -> Json:
    parameters = {"details": True} | _limited(ask, "max_new_tokens")
    return {"inputs": as_text(ask.messages), "parameters": parameters}


def _llamacpp(ask: Ask) -> Json:
    model = {"model": ask.model} if ask.model else {}
    exact = {"ignore_eos": True} if ask.exact else {}
    text = as_text(ask.messages)
    return model | {"prompt": text, "stream": True} | _limited(ask, "n_predict") | exact


def _streamed(ask: Ask, **content: Any) -> Json:
    return {"model": ask.model, **content, "stream": True}


def _limited(ask: Ask, name: str) -> Json:
    return {name: ask.max_tokens} if ask.max_tokens else {}


def _nested(member: str, ask: Ask, name: str) -> Json:
    limit = _limited(ask, name)
    return {member: limit} if limit else {}


def _parted(messages: list[Message]) -> tuple[str, list[Message]]:
    """The instructions as one text, and the other messages."""
    system = [content_text(one) for one in messages if one["role"] in SYSTEM]
    return "\n\n".join(system), [one for one in messages if one["role"] not in SYSTEM]


CHAT = Interface("chat", "/chat/completions", _chat, exact=True)
_OLLAMA = Interface(
    "ollama-chat", "/chat", _ollama_chat, prefix="/api", accept="application/x-ndjson"
)
INTERFACES = {
    one.name: one
    for one in (
        CHAT,
        replace(CHAT, name="openai", body=_own_chat, exact=False),
        Interface("completions", "/completions", _completions, exact=True),
        Interface("responses", "/responses", _responses),
        Interface(
            "messages",
            "/messages",
            _messages,
            prefix="/v1",
            key=("x-api-key", "{}"),
            fields=(("anthropic-version", "2023-06-01"),),
        ),
        _OLLAMA,
        replace(_OLLAMA, name="ollama-generate", path="/generate", body=_ollama_generate),
        Interface(
            "gemini",
            "/models/{model}:streamGenerateContent?alt=sse",
            _gemini,
            prefix="/v1beta",
            key=("x-goog-api-key", "{}"),
        ),
        Interface("tgi", "/generate_stream", _tgi, models="none"),
        Interface("llamacpp", "/completion", _llamacpp, models="optional", exact=True),
    )
}
"""The interfaces by their names, as in ``--api``."""
