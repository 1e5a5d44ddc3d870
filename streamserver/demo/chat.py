"""The AI chat: a prompt goes in, and the model's answer is relayed as the model speaks.

The upstream is any service with the chat completions interface. Its key is ours: it is added
here, and goes nowhere else. The request to it is made afresh, so nothing that the browser
sends, cookies and credentials included, reaches a third party; and of the answer's fields only
those pass that concern whoever reads it: no cookie, no name of an account.

Without an upstream there is the small model that the demo serves itself. It is asked over a
real socket all the same, on a listener of its own, since the way there is what is to be seen.
"""

import asyncio
import socket

from streamserver.kit.params import json_object, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import service
from streamserver.lab.model import add_model
from streamserver.proxy.proxy import Proxy
from streamserver.server.listener import Listener
from streamserver.server.state import ServerState
from streamserver.wire.fields import UNBUFFERED, Headers
from streamserver.wire.heads import Fields
from streamserver.wire.json_text import to_json

PROMPT = text("prompt", 1, 20_000)
SYSTEM = text("system", 1, 20_000)
MODEL = text("model", 1, 200)

ASKED = [("content-type", "application/json"), ("accept", "text/event-stream")]
OWN_MODEL = "streamserver-demo"
PASSED = frozenset(
    ("content-type", "content-length", "content-encoding", "retry-after", "x-request-id", "via")
)


class Chat:
    """The handler of ``POST /api/chat``.

    ``upstream``: the base URL of a service, with its ``/v1``; "" for the demo's own model.
    ``key``: what it is paid with. ``model``: which is asked where the prompt names none; "" is
    the demo's own. ``passes_key``: whether a client may bring an Authorization of its own,
    used instead of ours. ValueError as ``Proxy`` has it.
    """

    __slots__ = ("_authorization", "_model", "_own", "_passes_key", "_upstream")

    def __init__(
        self,
        upstream: str = "",
        key: str = "",
        model: str = "",
        passes_key: bool = False,
    ) -> None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("the key is not one line of printable ASCII")
        self._upstream = Proxy(upstream) if upstream else None
        self._authorization = f"Bearer {key}" if key else None
        self._passes_key = passes_key
        self._model = model or OWN_MODEL
        self._own: dict[ServerState, asyncio.Task[Proxy]] = {}

    async def __call__(self, request: Request) -> Response:
        """``{"prompt": "...", "model"?: "...", "system"?: "..."}``: the model's events."""
        parameters = await json_object(request)
        messages = [{"role": "user", "content": PROMPT.of(parameters)}]
        if parameters.get("system") is not None:
            messages.insert(0, {"role": "system", "content": SYSTEM.of(parameters)})
        named = parameters.get("model") is not None
        model = MODEL.of(parameters) if named else self._model
        question = {"model": model, "messages": messages, "stream": True}
        body = to_json(question).encode()
        proxy = self._upstream or await self._own_model(request.exchange.server)
        fields = [*ASKED, *self._credentials(request)]
        response = await proxy.fetch(request, "POST", "/chat/completions", fields, body)
        response.headers = Headers([*filter(_concerns_the_reader, response.headers), *UNBUFFERED])
        return response

    def _credentials(self, request: Request) -> Fields:
        theirs = request.headers.get("authorization") if self._passes_key else None
        value = theirs or self._authorization
        return [("authorization", value)] if value else []

    async def _own_model(self, listening: ServerState) -> Proxy:
        """A relay to the demo's own model, which is started when somebody first asks for it."""
        starting = self._own.get(listening)
        if starting is None or (starting.done() and starting.exception() is not None):
            starting = self._own[listening] = asyncio.create_task(_start_model(listening))
            listening.on_close.append(lambda: self._own.pop(listening, None))
        return await asyncio.shield(starting)


def _concerns_the_reader(field: tuple[str, str]) -> bool:
    return field[0] in PASSED or field[0].startswith("x-ratelimit-")


async def _start_model(listening: ServerState) -> Proxy:
    app = Router()
    add_model(app)
    listener = Listener(service(app))
    await listener.start(sock=socket.create_server(("127.0.0.1", 0)))
    listening.on_close.append(listener.close)
    return Proxy(f"{listener.url}/v1")
