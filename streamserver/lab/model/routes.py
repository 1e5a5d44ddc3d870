"""The model's endpoints, and the only place where its time is spent.

A real model needs its time for each token, and needs it whether it is asked for a stream or
not: who takes the answer whole waits until the last token would have come.

The knobs of the target command this time, in the query or as ``X-Lab-*`` fields, since the body
belongs to the interface; of that we add ``tokens_per_second`` alone.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from itertools import chain, cycle, islice
from time import time_ns

from streamserver.kit.params import json_object
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler
from streamserver.lab.faults.errors import ErrorFormat
from streamserver.lab.faults.grammar import SERVICES
from streamserver.lab.model import asked, shape
from streamserver.lab.model.answers import answer, tokens
from streamserver.lab.model.asked import PACES, Asked
from streamserver.lab.model.shape import ChatCompletion, Completion, TextCompletion
from streamserver.lab.model.words import in_its_words
from streamserver.lab.stamps import write_stamp
from streamserver.lab.target.events import EventTime, Offset, due_together, offsets
from streamserver.lab.target.lateness import Lateness
from streamserver.lab.target.pacing import Clock
from streamserver.lab.target.parameters import MODEL, StreamOptions, check_tokens, read_options
from streamserver.lab.target.streams import Source, seed_field, stream_response, wait_for_head
from streamserver.wire.sse import Event, encode

MAX_BODY = 256 * 1024
"""Bytes of a request: a long conversation, which is yet counted within a few milliseconds."""

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
Read = Callable[[Mapping[str, object]], Asked]


def add_model(app: Router, lateness: Lateness | None = None) -> None:
    """Serve the model below ``/v1``. It takes any key, or none. ``lateness`` counts how late it is
    with its tokens."""
    lateness = lateness or Lateness()
    app.get("/v1/models")(in_its_words(models))
    app.get("/v1/models/{name:path}")(in_its_words(model))
    chat = _answering(asked.chat, ChatCompletion, lateness)
    app.post("/v1/chat/completions", max_body=MAX_BODY)(in_its_words(chat))
    text = _answering(asked.text_completion, TextCompletion, lateness)
    app.post("/v1/completions", max_body=MAX_BODY)(in_its_words(text))


async def models(request: Request) -> Response:
    """``GET /v1/models``."""
    return Response.json(shape.model_list([*PACES]))


async def model(request: Request) -> Response:
    """``GET /v1/models/{name}``."""
    return Response.json(shape.model(asked.known(request.params["name"])))


def _answering(read: Read, kind: type[Completion], lateness: Lateness) -> Handler:
    """A handler: the answer to what was asked, as a stream if ``stream`` is true."""

    async def completions(request: Request) -> Response:
        commanded = read_options(request, MODEL)
        question = read(await json_object(request))
        completion = complete(question, kind, commanded.tokens)
        check_tokens(len(completion.tokens), _pace(commanded, question))
        clock = Clock(request.exchange, lateness)
        if question.stream:
            stream = Source(
                _events(commanded, clock, question, completion),
                "text/event-stream",
                lambda: _largest(completion),
                _in_band(completion),
            )
            return await stream_response(request, commanded, clock, stream)
        await wait_for_head(commanded, clock)
        last = max([one for one in _due(commanded, question, completion) if one is not None])
        await clock.wait_until(clock.start + last)
        return Response.json(completion.whole(), headers=seed_field(commanded))

    return completions


def complete(question: Asked, kind: type[Completion], count: int = 0) -> Completion:
    """The answer to a question, up to as many tokens as it allows; ``count``: how many the model
    says, over and over if need be, 0 for what it has to say."""
    said = tokens(answer(question.conversation))
    if count:
        said = list(islice(cycle(said), count))
    allowed = said[: question.max_tokens]
    prompt_tokens = sum([len(tokens(message.text)) for message in question.conversation])
    finish_reason: shape.FinishReason = "stop" if len(allowed) == len(said) else "length"
    return kind(question.model, allowed, finish_reason, prompt_tokens)


def _pace(commanded: StreamOptions, question: Asked) -> float:
    return commanded.tokens_per_second or question.tokens_per_second


def _due(commanded: StreamOptions, question: Asked, completion: Completion) -> Iterator[Offset]:
    """When each event is due; what stands behind the last token has no time of its own."""
    gap = 1 / _pace(commanded, question)
    first = commanded.first_byte_delay
    opening = [round(first * 1e9)] * completion.opens
    first += commanded.first_token_delay or gap
    spoken = offsets(commanded, first, gap, len(completion.tokens))
    return due_together(chain(opening, spoken), commanded.batch)


async def _events(
    commanded: StreamOptions, clock: Clock, question: Asked, completion: Completion
) -> AsyncGenerator[bytes, None]:
    due = _due(commanded, question, completion)
    for seq, data in enumerate(completion.events(question.include_usage)):
        now = await clock.next_event(seq, next(due, None))
        yield encode(Event(_stamped(data, now) if commanded.stamps else data))


def _largest(completion: Completion) -> int:
    """Bytes that an event may have: the usage and a stamp take less than the event itself."""
    return 2 * max([len(encode(Event(one))) for one in islice(completion.events(), 3)])


def _in_band(completion: Completion) -> ErrorFormat:
    """How a stream of the model reports an error: in the form of any of the services."""

    def render(form: str) -> bytes:
        return b"".join([encode(Event(data)) for data in completion.errors(form)])

    return ErrorFormat(render, services=SERVICES)


def _stamped(data: shape.Json | str, now: EventTime) -> str:
    """The data of an event with its stamp as the first member of a JSON object."""
    if isinstance(data, str):
        return data
    stamp = write_stamp(now.seq, now.due, now.sent, time_ns())
    return f'{{"lab":{{{stamp}}},{_to_json(data)[1:]}'
