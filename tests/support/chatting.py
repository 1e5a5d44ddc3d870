"""Requests to the demo's chat, and the key that must not appear anywhere."""

import json
from typing import Any

from streamserver.demo.chat import LOCATION, Chat
from streamserver.kit.router import Router
from support.asking import Answered, ask
from support.inprocess import Served
from support.requests import post

TARGET = "/api/chat"
KEY = "sk-secret-0123456789"
MODEL = "some-model"
FAST = "streamserver-demo-fast"


def make_app(chat: Chat) -> Router:
    """An app with nothing else in it."""
    app = Router()
    app.post(TARGET)(chat)
    app.get(LOCATION + "{id}")(chat.follow)
    app.delete(LOCATION + "{id}")(chat.cancel)
    app.on_stop.append(chat.aclose)
    return app


def prompting(prompt: str = "hello", *fields: bytes, **members: Any) -> bytes:
    """A request of the chat's client, with these field lines."""
    body = json.dumps({"prompt": prompt, **members}).encode()
    return post(body, fields=fields, target=TARGET.encode())


async def chat_with(server: Served, body: object) -> Answered:
    """Its whole answer, to bytes or to a JSON value."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await ask(server, TARGET, "POST", body=sent)


def spoken(answer: bytes) -> str:
    """The text in the events of an answer."""
    deltas = [json.loads(line[6:]) for line in answer.splitlines() if line.startswith(b"data: {")]
    choices = [choice for delta in deltas for choice in delta["choices"]]
    return "".join([choice["delta"].get("content", "") for choice in choices])
