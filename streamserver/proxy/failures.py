"""The last event of a stream that failed, in the form that clients of its service understand.

Once a head was sent, only an event can report a failure. Each of the AI services has its own form,
and its official clients raise an error for that form only:

- chat completions: ``data: {"error": {"message": ..., "type": ..., "code": 502}}``
- responses: ``event: error``, ``data: {"type": "error", "message": ..., "error": {...}}``
- messages: ``event: error``, ``data: {"type": "error", "error": {"type": ..., "message": ...}}``

Every other event stream gets ``event: error`` with ``status``, ``title`` and ``detail``.
"""

import json
import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeAlias

from streamserver.server.exchange import Exchange
from streamserver.wire.fields import Headers, content_codings
from streamserver.wire.json_text import to_json
from streamserver.wire.problem import reason_phrase
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.sse import Event

MAX_BODY = 16 * 1024
"""Bytes of an error's body that are reported, before and after decoding."""

LINGER = 0.1
"""Seconds between an error event and the cut after it. Chromium discards what a script has not read
yet when the connection is cut; a client that has read the event can close the connection before."""


class Failure(NamedTuple):
    """What an event reports."""

    status: int
    detail: str
    is_response: bool = False
    """Whether the status is that of the upstream's response, and not the relay's."""
    retry_after: str = ""
    """The Retry-After of that response."""
    body: Any = None
    """The JSON or the text of that response; None if it has none."""

    def members(self) -> dict[str, object]:
        """The members that no service's own form has."""
        members: dict[str, object] = {"status": self.status} if self.is_response else {}
        return members | {"retry_after": self.retry_after} if self.retry_after else members


class ErrorBody:
    """Collects the body of an error response that arrives after an early head was sent."""

    __slots__ = ("_body", "_fields", "status")

    def __init__(self, head: ResponseHead) -> None:
        self.status = head.status
        self._fields = Headers.of_lower(head.fields)
        self._body = bytearray()

    @property
    def detail(self) -> str:
        """The response in one sentence."""
        return f"the upstream responded with {self.status}"

    @property
    def is_full(self) -> bool:
        """Whether ``MAX_BODY`` is reached."""
        return len(self._body) >= MAX_BODY

    def feed(self, piece: bytes) -> None:
        """Add a piece, up to ``MAX_BODY``."""
        self._body += piece[: MAX_BODY - len(self._body)]

    def failure(self) -> Failure:
        """The response, with the part of its body that has arrived."""
        fields = self._fields
        text = _decoded(bytes(self._body), content_codings(fields.get("content-encoding") or ""))
        body = _json(text) if text else None
        return Failure(self.status, self.detail, True, fields.get("retry-after") or "", body)


def _decoded(body: bytes, codings: list[str]) -> str:
    """The body as text; "" for an unknown coding and for damaged data."""
    if codings:
        if codings not in (["gzip"], ["x-gzip"], ["deflate"]):
            return ""
        try:
            body = zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(body, MAX_BODY)
        except zlib.error:
            return ""
    return body.decode(errors="replace")


def _json(text: str) -> Any:
    """The value of a JSON text if it can be written as JSON again, else the text."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        to_json(value).encode()
    except (ValueError, RecursionError):
        return text
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


Form: TypeAlias = Callable[[Failure], Event]


def form_of(target: str, first: bytes) -> Form:
    """The form for a stream that was requested at ``target`` and begins with these bytes.

    No other service has ``/completions``. Paths such as ``/messages`` have many meanings, so the
    first event decides there, and the path only if none has arrived.
    """
    name = target.partition("?")[0].rpartition("/")[2]
    if name == "completions":
        return chat_completions
    for pattern, form in _FIRST_EVENTS:
        if pattern.search(first):
            return form
    return plain if first else _PATHS.get(name, plain)


def chat_completions(failure: Failure) -> Event:
    """The form of OpenAI's chat completions, and of all services with that interface."""
    return Event({"error": _openai_error(failure)})


def responses(failure: Failure) -> Event:
    """The form of OpenAI's responses. Flat members are documented, while the service sends, and
    its clients read, an object like that of chat completions; the event has both."""
    error = _openai_error(failure)
    code, message = str(error["code"]), error["message"]
    data = {"type": "error", "code": code, "message": message, "param": None, "error": error}
    return Event(data, event="error")


def messages(failure: Failure) -> Event:
    """The form of Anthropic's messages."""
    error = {
        "type": _TYPES.get(failure.status, "api_error"),
        "message": _message(failure),
        **_error_object(failure.body),
        **failure.members(),
    }
    return Event({"type": "error", "error": error}, event="error")


def plain(failure: Failure) -> Event:
    """The form for an event stream of any other service."""
    data: dict[str, Any] = {
        "status": failure.status,
        "title": reason_phrase(failure.status),
        "detail": failure.detail,
        **failure.members(),
    }
    if failure.body is not None:
        data["body"] = failure.body
    return Event(data, event="error")


_FIRST_EVENTS: tuple[tuple[re.Pattern[bytes], Form], ...] = (
    (re.compile(rb'"object"\s*:\s*"chat\.completion\.chunk"'), chat_completions),
    (re.compile(rb'"object"\s*:\s*"text_completion"'), chat_completions),
    (re.compile(rb'"type"\s*:\s*"response\.'), responses),
    (re.compile(rb'"type"\s*:\s*"message_start"'), messages),
)
_PATHS: dict[str, Form] = {"responses": responses, "messages": messages}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The services' own names of errors; every other status has that of a server error."""


def _openai_error(failure: Failure) -> dict[str, Any]:
    return {
        "message": _message(failure),
        "type": _TYPES.get(failure.status, "server_error"),
        "code": failure.status,
        **_error_object(failure.body),
        **failure.members(),
    }


def _error_object(body: Any) -> dict[str, Any]:
    """The ``error`` object of a response in a service's form; its members are kept."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    return {name: value for name, value in error.items() if value is not None}


def _message(failure: Failure) -> str:
    """The message of a response in another form, else the relay's detail."""
    body = failure.body
    if isinstance(body, dict):
        texts = [body.get(name) for name in ("error", "message", "detail")]
        return next((text for text in texts if isinstance(text, str) and text), failure.detail)
    return body.strip() or failure.detail if isinstance(body, str) else failure.detail


def cut_later(exchange: Exchange, error: Exception) -> None:
    """Cut a response ``LINGER`` seconds after its error event, unless it has ended before."""
    exchange.server.loop.call_later(LINGER, exchange.fail, error)
