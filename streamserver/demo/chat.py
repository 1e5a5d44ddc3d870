"""The AI chat: it sends a prompt to a model and relays the events of the answer.

The upstream is any service with the chat completions interface. The request to it is a new one with
the key of this server, so nothing else from the browser, cookies included, reaches a third party.
Of the response's fields only those that concern the reader are relayed.

The events go into a log, so an answer survives its reader: a page that was reloaded follows it at
its location.

Without an upstream the demo's own small model answers. It has a listener and is reached over a
socket, since the demo shows the relay.
"""

import asyncio
import socket
from collections.abc import Mapping

from streamserver.feed.feed import Backend
from streamserver.feed.memory import Memory
from streamserver.kit.params import idempotency_key, json_object, text
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import service
from streamserver.lab.model import add_model
from streamserver.lab.model.models import Models
from streamserver.proxy.proxy import Proxy
from streamserver.resumable.answers import Answers
from streamserver.resumable.limits import Limits
from streamserver.resumable.question import Question
from streamserver.server.listener import Listener
from streamserver.server.state import ServerState
from streamserver.wire.fields import UNBUFFERED
from streamserver.wire.heads import Fields
from streamserver.wire.json_text import to_json

PROMPT = text("prompt", 1, 20_000)
SYSTEM = text("system", 1, 20_000)
MODEL = text("model", 1, 200)

LOCATION = "/api/chat/"
"""Where answers are; the id follows."""

FIELDS = [("content-type", "application/json"), ("accept", "text/event-stream")]
OWN_MODEL = "streamserver-demo"
RELAYED = frozenset(
    ("content-type", "content-length", "content-encoding", "retry-after", "x-request-id", "via")
)


class Chat:
    """The handlers of ``POST /api/chat``, and of the locations of answers.

    ``upstream``: the base URL of a service, with its ``/v1``; "" for the demo's own model. ``key``:
    its API key. ``model``: the default model of a prompt. ``passes_key``: whether the Authorization
    of a client is used instead of ``key``. ``backend``: holds the answers, by default in memory.
    ValueError as ``Proxy``.
    """

    def __init__(
        self,
        upstream: str = "",
        key: str = "",
        model: str = "",
        passes_key: bool = False,
        backend: Backend | None = None,
    ) -> None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("the key must be one line of printable ASCII")
        self._upstream = Proxy(upstream) if upstream else None
        self._authorization = f"Bearer {key}" if key else None
        self._passes_key = passes_key
        self._model = model or OWN_MODEL
        self._own: dict[ServerState, asyncio.Task[Proxy]] = {}
        self._answers = Answers(backend or Memory(), Limits())

    async def __call__(self, request: Request) -> Response:
        """``{"prompt": "...", "model"?: "...", "system"?: "..."}``: the model's events.

        The Location is that of the answer. With an Idempotency-Key the same request resumes it.
        """
        body = to_json(self._completion(await json_object(request))).encode()
        key = idempotency_key(request)
        proxy = self._upstream or await self._own_model(request.exchange.server)
        fields = [*FIELDS, *self._credentials(request)]
        outgoing = proxy.own_outgoing(request, "POST", "/chat/completions", fields, body)
        question = Question(request, proxy, outgoing, body, key, LOCATION, _for_reader)
        return await self._answers.ask(question)

    async def follow(self, request: Request) -> Response:
        """``GET /api/chat/{id}``: the events of an answer, after Last-Event-ID or all."""
        return await self._answers.follow(request, request.params["id"])

    async def cancel(self, request: Request) -> Response:
        """``DELETE /api/chat/{id}``: cancel the answer."""
        return await self._answers.cancel(request, request.params["id"])

    async def aclose(self) -> None:
        """End all answers."""
        await self._answers.close()

    def _completion(self, parameters: Mapping[str, object]) -> dict[str, object]:
        messages = [{"role": "user", "content": PROMPT.of(parameters)}]
        if parameters.get("system") is not None:
            messages.insert(0, {"role": "system", "content": SYSTEM.of(parameters)})
        named = parameters.get("model") is not None
        model = MODEL.of(parameters) if named else self._model
        return {"model": model, "messages": messages, "stream": True}

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


def _for_reader(fields: Fields) -> Fields:
    """Those fields of a response that concern the reader."""
    passed = [pair for pair in fields if pair[0] in RELAYED or pair[0].startswith("x-ratelimit-")]
    return [*passed, *UNBUFFERED]


async def _start_model(server: ServerState) -> Proxy:
    app = Router()
    add_model(app, models=Models(is_strict=True))  # a wrong name shows as an error in the page
    listener = Listener(service(app))
    await listener.start(sock=socket.create_server(("127.0.0.1", 0)))
    server.on_close.append(listener.close)
    return Proxy(f"{listener.url}/v1")
