"""The model by itself, and requests for completions."""

import json
from typing import Any

from streamserver.kit.router import Router
from streamserver.lab.model import add_model
from streamserver.lab.model.asked import Message
from streamserver.lab.model.models import ALL, Models
from streamserver.lab.model.text import answer_text, tokenize
from support.asking import Answered, ask
from support.inprocess import Served

MODEL = "streamserver-demo"
TARGET = "/v1/chat/completions"
FAST = 1000
"""Tokens per second, the maximum."""

PROMPT = "Grüße"
TEXT = answer_text([Message("user", PROMPT)])
TOKENS = tokenize(TEXT)


def usage(prompt_tokens: int, completion_tokens: int, reasoning_tokens: int = 0) -> dict[str, Any]:
    """The usage of a completion; no token comes from a cache."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning_tokens},
    }


USAGE = usage(1, len(TOKENS))
CAPPED = usage(1, 3)
"""The usage when three tokens are allowed."""
WITH_USAGE = {"include_usage": True}


def make_model(models: Models = ALL) -> Router:
    """An application with the model only."""
    app = Router()
    add_model(app, models=models)
    return app


def question(prompt: str = PROMPT, **members: Any) -> dict[str, Any]:
    """The members of a request for a fast completion; members that are None are left out."""
    request = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "tokens_per_second": FAST,
        **members,
    }
    return {name: value for name, value in request.items() if value is not None}


async def ask_model(server: Served, members: object) -> Answered:
    """The response to a JSON value."""
    return await ask(server, TARGET, "POST", body=json.dumps(members).encode())


def error_of(answer: Answered) -> tuple[int, str, str | None, str | None]:
    """Status, message, param and code of an error."""
    assert answer.headers["content-type"] == "application/json"
    whole = json.loads(answer.body)
    assert list(whole) == ["error"]
    assert list(whole["error"]) == ["message", "type", "param", "code"]
    assert whole["error"]["type"] == "invalid_request_error"
    error = whole["error"]
    return answer.status, error["message"], error["param"], error["code"]


def image(url: object) -> dict[str, object]:
    """A content part."""
    return {"type": "image_url", "image_url": {"url": url}}


def tool(**members: object) -> dict[str, object]:
    """A tool named ``weather``; ``members`` are those of its function."""
    return {"type": "function", "function": {"name": "weather", **members}}
