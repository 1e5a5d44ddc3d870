"""The AI chat: it sends a prompt to a model and relays the events of the answer.

The upstream is any service with the chat completions interface. The request to it is a new one with
the key of this server, so nothing else from the browser, cookies included, reaches a third party.
Of the response's fields only those that concern the reader are relayed.

Without an upstream the demo's own small model answers. It has a listener and is reached over a
socket, since the demo shows the relay.
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

FIELDS = [("content-type", "application/json"), ("accept", "text/event-stream")]
OWN_MODEL = "streamserver-demo"
RELAYED = frozenset(
    ("content-type", "content-length", "content-encoding", "retry-after", "x-request-id", "via")
)


class Chat:
    """The handler of ``POST /api/chat``.

    ``upstream``: the base URL of a service, with its ``/v1``; "" for the demo's own model. ``key``:
    its API key. ``model``: the default model of a prompt. ``passes_key``: whether the Authorization
    of a client is used instead of ``key``. ValueError as ``Proxy``.
    """

    def __init__(
        self,
        upstream: str = "",
        key: str = "",
        model: str = "",
        passes_key: bool = False,
    ) -> None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("the key must be one line of printable ASCII")
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
        completion = {"model": model, "messages": messages, "stream": True}
        body = to_json(completion).encode()
        proxy = self._upstream or await self._own_model(request.exchange.server)
        fields = [*FIELDS, *self._credentials(request)]
        response = await proxy.fetch(request, "POST", "/chat/completions", fields, body)
        response.headers = Headers([*filter(_concerns_the_reader, response.headers), *UNBUFFERED])
        return response

    def _credentials(self, request: Request) -> Fields:
        of_client = request.headers.get("authorization") if self._passes_key else None
        value = of_client or self._authorization
        return [("authorization", value)] if value else []

    async def _own_model(self, server: ServerState) -> Proxy:
        """A relay to the demo's own model, which starts at the first prompt."""
        starting = self._own.get(server)
        if starting is None or (starting.done() and starting.exception() is not None):
            starting = self._own[server] = asyncio.create_task(_start_model(server))
            server.on_close.append(lambda: self._own.pop(server, None))
        return await asyncio.shield(starting)


def _concerns_the_reader(field: tuple[str, str]) -> bool:
    return field[0] in RELAYED or field[0].startswith("x-ratelimit-")


async def _start_model(server: ServerState) -> Proxy:
    app = Router()
    add_model(app)
    listener = Listener(service(app))
    await listener.start(sock=socket.create_server(("127.0.0.1", 0)))
    server.on_close.append(listener.close)
    return Proxy(f"{listener.url}/v1")
