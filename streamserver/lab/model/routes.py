"""The endpoints of the model.

All interfaces have the same handler: one schedule, several shapes. A whole answer takes as long as
its stream, as it does with a real model. The parameters of the target set the pace, in the query or
as ``X-Lab-*`` fields, since the body belongs to the interface. Only ``tokens_per_second`` may be a
member of the body too. A request that commands no pace has the times of the simulated engine, if
there is one.
"""

from collections.abc import AsyncGenerator, Callable
from itertools import islice
from time import time_ns
from uuid import uuid4

from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.router import Router
from streamserver.kit.service import Handler, close
from streamserver.lab.faults.filters import ErrorFormat
from streamserver.lab.faults.grammar import SERVICES
from streamserver.lab.model.anthropic.messages import REQUEST_ID, MessageWriter, message_error
from streamserver.lab.model.anthropic.requests import count_request, message_request
from streamserver.lab.model.asked import Asked, Json
from streamserver.lab.model.generation import count_input, generate
from streamserver.lab.model.interface import ENDING, Frame, Interface, Writer
from streamserver.lab.model.members import report_without_effect, request_members
from streamserver.lab.model.models import ALL, Models
from streamserver.lab.model.ollama.lines import MEDIA_TYPE, ChatLines, CompletionLines, line_error
from streamserver.lab.model.ollama.models import information
from streamserver.lab.model.ollama.requests import completion_request, ollama_chat_request
from streamserver.lab.model.openai.chat import ChatWriter
from streamserver.lab.model.openai.embeddings import EMBEDDINGS, embeddings
from streamserver.lab.model.openai.requests import chat_request, error_object, text_request
from streamserver.lab.model.openai.responses import ResponsesWriter
from streamserver.lab.model.openai.responses_requests import responses_request
from streamserver.lab.model.openai.text import TextWriter
from streamserver.lab.model.pace import (
    CommandedPace,
    Pace,
    TimedPace,
    commands_pace,
    in_batches,
    last_offset,
)
from streamserver.lab.stamps import write_stamp
from streamserver.lab.target.events import SECOND, EventTime
from streamserver.lab.target.pacing import Clock, Lateness
from streamserver.lab.target.parameters import MODEL, START, StreamOptions, read_options
from streamserver.lab.target.streams import Source, seed_field, stream_response, wait_for_head
from streamserver.wire.problem import HTTPError

MAX_BODY = 2 * 1024 * 1024
"""Bytes of a request: enough for a long conversation, or for an image."""

CHAT = Interface("/v1/chat/completions", chat_request, ChatWriter, error_object, services=SERVICES)
TEXT = Interface("/v1/completions", text_request, TextWriter, error_object, services=SERVICES)
RESPONSES = Interface(
    *("/v1/responses", responses_request, ResponsesWriter, error_object),
    services=("openai", "openrouter"),
)
MESSAGES = Interface(
    *("/v1/messages", message_request, MessageWriter, message_error),
    query=("beta",),
    request_id=REQUEST_ID,
)
OLLAMA_CHAT = Interface("/api/chat", ollama_chat_request, ChatLines, line_error, MEDIA_TYPE)
OLLAMA_TEXT = Interface(
    "/api/generate", completion_request, CompletionLines, line_error, MEDIA_TYPE
)
INTERFACES = (CHAT, TEXT, RESPONSES, MESSAGES, OLLAMA_CHAT, OLLAMA_TEXT)
_ERRORS: tuple[tuple[str, Callable[[HTTPError], Json]], ...] = (
    *((one.path, one.error_object) for one in INTERFACES),
    ("/v1/", error_object),
    ("/api/", line_error),
)
"""Beginnings of paths, and how an error is reported there."""


class ModelErrors:
    """A handler that reports the errors of another one in the form of the interface that the path
    belongs to; errors of other paths are left alone."""

    __slots__ = ("_handler",)

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, request: Request) -> Response:
        """The response of the handler, or the error object."""
        try:
            return await self._handler(request)
        except HTTPError as error:
            for path, render in _ERRORS:
                if request.path.startswith(path):
                    body, headers = render(error), dict(error.headers)
                    if "request_id" in body:
                        headers[REQUEST_ID] = body["request_id"]
                    return Response.json(body, status=error.status, headers=headers)
            raise

    async def aclose(self) -> None:
        """Close the handler."""
        await close(self._handler)


def add_model(app: Router, lateness: Lateness | None = None, models: Models = ALL) -> None:
    """Serve the model, with any key or none; ``lateness`` counts late tokens."""
    lateness = lateness or Lateness()
    app.get("/v1/models")(ModelErrors(models.list))
    app.get("/v1/models/{name:path}")(ModelErrors(models.get))
    _add_interfaces(app, "/v1/", lateness, models)
    app.post(EMBEDDINGS, max_body=MAX_BODY)(ModelErrors(embeddings(lateness, models)))
    app.post(f"{MESSAGES.path}/count_tokens", max_body=MAX_BODY)(
        ModelErrors(_counts(lateness, models))
    )


def add_ollama(app: Router, lateness: Lateness, models: Models = ALL) -> None:
    """Serve the model in Ollama's interface, whose paths are below ``/api``."""
    _add_interfaces(app, "/api/", lateness, models)
    for method, path, handler in information(models):
        app.route(path, (method,), max_body=MAX_BODY)(ModelErrors(handler))


def _add_interfaces(app: Router, below: str, lateness: Lateness, models: Models) -> None:
    for interface in INTERFACES:
        if interface.path.startswith(below):
            handler = ModelErrors(_answers(interface, lateness, models))
            app.post(interface.path, max_body=MAX_BODY)(handler)


def _counts(lateness: Lateness, models: Models) -> Handler:
    """``POST /v1/messages/count_tokens``."""

    async def handler(request: Request) -> Response:
        options = read_options(request, START, ignored=MESSAGES.query)
        asked = count_request(await request_members(request))
        models.check(asked.model)
        counted = {"input_tokens": count_input(asked)}
        clock = Clock(request.exchange, lateness)
        await wait_for_head(options, clock)
        await clock.wait_until(clock.start + round(options.first_byte_delay * SECOND))
        response = Response.json(counted, headers=seed_field(options))
        _add_fields(MESSAGES, request, asked, response)
        return response

    return handler


def _answers(interface: Interface, lateness: Lateness, models: Models) -> Handler:
    """A handler that answers in an interface, streamed if the request asks for that."""

    async def handler(request: Request) -> Response:
        options = read_options(request, MODEL, ignored=interface.query)
        members = await request_members(request)
        asked = interface.read(members)
        models.check(asked.model)
        answer = generate(asked, options.tokens, options.reasoning_tokens, refuse=options.refuse)
        clock = Clock(request.exchange, lateness)
        pace: Pace
        if models.simulation is None or commands_pace(members, options):
            pace = CommandedPace(asked, answer, options)
        else:
            answer, pace = models.simulation.admit(request.exchange, clock, asked, answer)
        writer = interface.writer(asked, answer)
        if writer.is_timed:
            writer.timing.head = round(options.head_delay * SECOND)
            pace = TimedPace(pace, writer.timing)
        if asked.stream:
            source = _source(interface, writer, pace, clock, options)
            response = await stream_response(request, options, clock, source)
        else:
            await wait_for_head(options, clock)
            await clock.wait_until(clock.start + await last_offset(answer, pace))
            response = Response.json(writer.whole(), headers=seed_field(options))
        _add_fields(interface, request, asked, response)
        return response

    return handler


def _add_fields(interface: Interface, request: Request, asked: Asked, response: Response) -> None:
    if interface.request_id:
        response.headers[interface.request_id] = f"req_{uuid4().hex}"
    given = [name for name in interface.query if name in request.query]
    report_without_effect(response, [*asked.without_effect, *given])


def _source(
    interface: Interface, writer: Writer, pace: Pace, clock: Clock, options: StreamOptions
) -> Source:
    events = _events(interface, writer, pace, clock, options)

    def error(service: str) -> bytes:
        return b"".join(map(interface.encode, writer.errors(service)))

    end = b"\n\n" if interface.media_type == "text/event-stream" else b"\n"
    errors = ErrorFormat(error, end, interface.services)
    return Source(events, interface.media_type, lambda: _largest(interface, writer), errors)


async def _events(
    interface: Interface, writer: Writer, pace: Pace, clock: Clock, options: StreamOptions
) -> AsyncGenerator[bytes, None]:
    """Each frame when it is due."""
    is_timed = writer.is_timed
    for seq, (step, frame) in enumerate(in_batches(writer.frames(), options.batch)):
        # Frames behind the last token are due as soon as possible.
        offset = None if step == ENDING else await pace.offset(step)
        now = await clock.next_event(seq, offset)
        if is_timed:
            frame = writer.timed(frame)
        yield interface.encode(_stamped(frame, now) if options.stamps else frame)


def _largest(interface: Interface, writer: Writer) -> int:
    """Bytes that an event may have, a stamp included. The last may repeat the whole answer."""
    frames = [*[frame for _, frame in islice(writer.frames(), 3)], *writer.ending()]
    return 2 * max([len(interface.encode(frame)) for frame in frames])


def _stamped(frame: Frame, now: EventTime) -> Frame:
    """The frame with its stamp as the first member of its JSON object."""
    if frame.data[:1] != "{":
        return frame
    stamp = write_stamp(now.seq, now.due, now.sent, time_ns())
    return frame._replace(data=f'{{"lab":{{{stamp}}},{frame.data[1:]}')
