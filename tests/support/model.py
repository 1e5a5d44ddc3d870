"""The demo's model by itself, and questions for it."""

import json
from typing import Any

from streamserver.kit.router import Router
from streamserver.lab.model import add_model
from streamserver.lab.model.answers import Message, answer, tokens
from support.asking import Answered, ask
from support.inprocess import Served

MODEL = "streamserver-demo"
TARGET = "/v1/chat/completions"
FAST = 1000
"""Tokens per second, as many as may be asked for."""

PROMPT = "Grüße"
TEXT = answer([Message("user", PROMPT)])
TOKENS = tokens(TEXT)
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": len(TOKENS),
    "total_tokens": 1 + len(TOKENS),
}
CAPPED = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
"""The usage when three tokens are allowed."""
WITH_USAGE = {"include_usage": True}


def make_model() -> Router:
    """An app with nothing else in it."""
    app = Router()
    add_model(app)
    return app


def question(prompt: str = PROMPT, **members: Any) -> dict[str, Any]:
    """The members of a request that wants its answer soon; a member that is None is left out."""
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "tokens_per_second": FAST,
        **members,
    }
    return {name: value for name, value in asked.items() if value is not None}


async def ask_model(server: Served, members: object) -> Answered:
    """Its answer to a JSON value."""
    return await ask(server, TARGET, "POST", body=json.dumps(members).encode())
