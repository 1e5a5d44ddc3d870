"""The model's endpoints, and the only place where its time is spent.

A real model needs its time for each token, and needs it whether it is asked for a stream or
not: who takes the answer whole waits until the last token would have come.
"""

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from streamserver.kit.events import EventStream
from streamserver.kit.pace import Pace
from streamserver.kit.params import json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.model import asked, shape
from streamserver.lab.model.answers import answer, tokens
from streamserver.lab.model.asked import PACES, Asked
from streamserver.lab.model.shape import Completion
from streamserver.wire.problem import HTTPError

MAX_BODY = 256 * 1024
"""Bytes of a request: a long conversation, which is yet counted within a few milliseconds."""

T = TypeVar("T")


def add_model(app: Router) -> None:
    """Serve the model below ``/v1``. It takes any key, or none."""
    app.get("/v1/models")(_in_its_words(models))
    app.get("/v1/models/{name:path}")(_in_its_words(model))
    app.post("/v1/chat/completions", max_body=MAX_BODY)(_in_its_words(chat_completions))


def _in_its_words(handler: Handler) -> Handler:
    """Tells errors as clients of this interface expect to be told."""

    async def telling(request: Request) -> Response:
        try:
            return await handler(request)
        except HTTPError as error:
            return Response.json(shape.refusal(error), error.status, error.headers)

    return telling


async def models(request: Request) -> Response:
    """``GET /v1/models``."""
    return Response.json(shape.model_list([*PACES]))


async def model(request: Request) -> Response:
    """``GET /v1/models/{name}``."""
    return Response.json(shape.model(asked.known(request.params["name"])))


async def chat_completions(request: Request) -> Response:
    """``POST /v1/chat/completions``: the answer, as a stream if ``stream`` is true.

    Beyond the interface, ``tokens_per_second`` sets the pace.
    """
    question = asked.read(await json_object(request))
    completion = complete(question)
    pace = Pace(1 / question.tokens_per_second)
    last = len(completion.tokens)
    if not question.stream:
        await pace.until(last)
        return Response.json(completion.whole())
    stream = EventStream(paced(completion.events(question.include_usage), pace, last))
    # An answer has an end of its own: at shutdown it may finish, or else is cut, since a farewell
    # would pass a part of it for the whole. And clients of this interface expect no heartbeat.
    stream.endless = None
    return stream


def complete(question: Asked) -> Completion:
    """The answer to a question, up to as many tokens as it allows."""
    said = tokens(answer(question.conversation))
    allowed = said[: question.max_tokens]
    prompt_tokens = sum([len(tokens(message.text)) for message in question.conversation])
    finish_reason: shape.FinishReason = "stop" if allowed == said else "length"
    return Completion(question.model, allowed, finish_reason, prompt_tokens)


async def paced(events: Iterable[T], pace: Pace, last: int) -> AsyncIterator[T]:
    """Each event when it is due; those behind number ``last`` are due together with it."""
    for number, event in enumerate(events):
        await pace.until(min(number, last))
        yield event
