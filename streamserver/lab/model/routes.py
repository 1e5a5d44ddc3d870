"""The endpoints of the model, and its pace.

A whole completion takes as long as its stream, as it does with a real model. The parameters of the
target set the pace, in the query or as ``X-Lab-*`` fields, since the body belongs to OpenAI's API.
Only ``tokens_per_second`` may be a member of the body too.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from itertools import chain, cycle, islice
from time import time_ns

from streamserver.kit.params import json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler, close
from streamserver.lab.faults.filters import ErrorFormat
from streamserver.lab.faults.grammar import SERVICES
from streamserver.lab.model import completions, requests
from streamserver.lab.model.completions import (
    ChatCompletion,
    Completion,
    Json,
    TextCompletion,
    answer,
    tokenize,
)
from streamserver.lab.model.requests import CompletionRequest
from streamserver.lab.stamps import write_stamp
from streamserver.lab.target.events import EventTime, Offset, due_together, offsets
from streamserver.lab.target.pacing import Clock, Lateness
from streamserver.lab.target.parameters import MODEL, StreamOptions, check_tokens, read_options
from streamserver.lab.target.streams import Source, seed_field, stream_response, wait_for_head
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event, encode

MAX_BODY = 256 * 1024
"""Bytes of a request: enough for a long conversation, which is counted in a few milliseconds."""


class OpenAIErrors:
    """A handler that reports the errors of another one as OpenAI's API does; outside ``/v1/`` it
    leaves them alone."""

    __slots__ = ("_handler",)

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, request: Request) -> Response:
        """The response of the handler, or the error object."""
        try:
            return await self._handler(request)
        except HTTPError as error:
            if not request.path.startswith("/v1/"):
                raise
            return Response.json(
                completions.error_object(error), status=error.status, headers=error.headers
            )

    async def aclose(self) -> None:
        """Close the handler."""
        await close(self._handler)


def add_model(app: Router, lateness: Lateness | None = None) -> None:
    """Serve the model below ``/v1``, with any key or none; ``lateness`` counts late tokens."""
    lateness = lateness or Lateness()
    app.get("/v1/models")(OpenAIErrors(list_models))
    app.get("/v1/models/{name:path}")(OpenAIErrors(get_model))
    chat = _completions(requests.chat_request, ChatCompletion, lateness)
    app.post("/v1/chat/completions", max_body=MAX_BODY)(OpenAIErrors(chat))
    text = _completions(requests.text_request, TextCompletion, lateness)
    app.post("/v1/completions", max_body=MAX_BODY)(OpenAIErrors(text))


async def list_models(request: Request) -> Response:
    """``GET /v1/models``."""
    models = [completions.model_object(name) for name in requests.MODELS]
    return Response.json({"object": "list", "data": models})


async def get_model(request: Request) -> Response:
    """``GET /v1/models/{name}``."""
    name = requests.known_model(request.params["name"])
    return Response.json(completions.model_object(name))


def _completions(
    read: Callable[[Mapping[str, object]], CompletionRequest],
    kind: type[Completion],
    lateness: Lateness,
) -> Handler:
    """A handler that answers with a completion of this kind, streamed if ``stream`` is true."""

    async def handler(request: Request) -> Response:
        options = read_options(request, MODEL)
        asked = read(await json_object(request))
        completion = complete(asked, kind, options.tokens)
        pace = options.tokens_per_second or asked.tokens_per_second
        check_tokens(len(completion.tokens), pace)
        clock = Clock(request.exchange, lateness)
        due = _due(options, pace, completion)
        if asked.stream:
            data = completion.chunks(asked.include_usage)
            events = _events(clock, due, data, bool(options.stamps))
            errors = ErrorFormat(lambda form: _encode(completion.errors(form)), services=SERVICES)
            source = Source(events, "text/event-stream", lambda: _largest(completion), errors)
            return await stream_response(request, options, clock, source)
        await wait_for_head(options, clock)
        last = max([offset for offset in due if offset is not None])
        await clock.wait_until(clock.start + last)
        return Response.json(completion.whole(), headers=seed_field(options))

    return handler


def complete(asked: CompletionRequest, kind: type[Completion], count: int = 0) -> Completion:
    """The completion of a request, within its ``max_tokens``. ``count``: the tokens of the answer,
    which repeats as often as needed; 0 for the answer once."""
    tokens = tokenize(answer(asked.conversation))
    if count:
        tokens = list(islice(cycle(tokens), count))
    allowed = tokens[: asked.max_tokens]
    prompt_tokens = sum([len(tokenize(message.content)) for message in asked.conversation])
    is_whole = len(allowed) == len(tokens)
    return kind(asked.model, allowed, "stop" if is_whole else "length", prompt_tokens)


def _due(options: StreamOptions, pace: float, completion: Completion) -> Iterator[Offset]:
    """When each event is due, up to the last token; the events after it are due with it."""
    gap = 1 / pace
    first = options.first_byte_delay
    opening = [round(first * 1e9)] * len(completion.first_choices)
    first += options.first_token_delay or gap
    tokens = offsets(options, first, gap, len(completion.tokens))
    return due_together(chain(opening, tokens), options.batch)


async def _events(
    clock: Clock, due: Iterator[Offset], data: Iterator[Json | str], has_stamps: bool
) -> AsyncGenerator[bytes, None]:
    for seq, one in enumerate(data):
        now = await clock.next_event(seq, next(due, None))
        yield encode(Event(_stamped(one, now) if has_stamps else one))


def _encode(events: Iterator[Json | str]) -> bytes:
    return b"".join([encode(Event(data)) for data in events])


def _largest(completion: Completion) -> int:
    """Bytes that an event may have; the usage and a stamp are smaller than the event itself."""
    return 2 * max([len(encode(Event(data))) for data in islice(completion.chunks(), 3)])


def _stamped(data: Json | str, now: EventTime) -> str:
    """The data of an event with its stamp as the first member of a JSON object."""
    if isinstance(data, str):
        return data
    stamp = write_stamp(now.seq, now.due, now.sent, time_ns())
    return f'{{"lab":{{{stamp}}},{to_json(data)[1:]}'
