"""The last event of a stream that failed, in the form that clients of its service understand.

Once the head is out, only an event can report a failure. The AI services have a form of their own
for it each, and their official clients raise their error for that form and no other:

- chat completions: ``data: {"error": {"message": ..., "type": ..., "code": 502}}``
- responses: ``event: error``, ``data: {"type": "error", "message": ..., "error": {...}}``
- messages: ``event: error``, ``data: {"type": "error", "error": {"type": ..., "message": ...}}``

Every other event stream gets ``event: error`` with ``status``, ``title`` and ``detail``.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from streamserver.wire.problem import reason_phrase
from streamserver.wire.sse import Event


class Failure(NamedTuple):
    """What an event reports."""

    status: int
    detail: str
    is_answer: bool = False
    """Whether the upstream answered with this status, and the relay did not choose it."""
    retry_after: str = ""
    """The Retry-After of that answer."""
    body: Any = None
    """The JSON or the text of that answer; None where it has none."""

    def members(self) -> dict[str, object]:
        """What of an answer's head has no place in a service's own form."""
        members: dict[str, object] = {"status": self.status} if self.is_answer else {}
        return members | {"retry_after": self.retry_after} if self.retry_after else members


Form: TypeAlias = Callable[[Failure], Event]


def form_of(target: str, beginning: bytes) -> Form:
    """The form for a stream that was asked for at ``target`` and begins with these bytes.

    No other service has ``/completions``. Paths such as ``/messages`` have many meanings, so
    there the first event decides, and the path only where none has come.
    """
    name = target.partition("?")[0].rpartition("/")[2]
    if name == "completions":
        return chat_completions
    for pattern, form in _BEGINNINGS:
        if pattern.search(beginning):
            return form
    return plain if beginning else _PATHS.get(name, plain)


def chat_completions(failure: Failure) -> Event:
    """As OpenAI's chat completions and all services with that interface have it."""
    return Event({"error": _openai_error(failure)})


def responses(failure: Failure) -> Event:
    """As OpenAI's responses have it: documented with flat members, while the service sends, and
    the clients read, an object like that of chat completions."""
    error = _openai_error(failure)
    code, message = str(error["code"]), error["message"]
    data = {"type": "error", "code": code, "message": message, "param": None, "error": error}
    return Event(data, event="error")


def messages(failure: Failure) -> Event:
    """As Anthropic's messages have it."""
    error = {
        "type": _TYPES.get(failure.status, "api_error"),
        "message": _message(failure),
        **_error_object(failure.body),
        **failure.members(),
    }
    return Event({"type": "error", "error": error}, event="error")


def plain(failure: Failure) -> Event:
    """For an event stream of no service that is known here."""
    data: dict[str, Any] = {
        "status": failure.status,
        "title": reason_phrase(failure.status),
        "detail": failure.detail,
        **failure.members(),
    }
    if failure.body is not None:
        data["body"] = failure.body
    return Event(data, event="error")


_BEGINNINGS: tuple[tuple[re.Pattern[bytes], Form], ...] = (
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
"""The types of errors by status, as the services name them; else it is the server's."""


def _openai_error(failure: Failure) -> dict[str, Any]:
    return {
        "message": _message(failure),
        "type": _TYPES.get(failure.status, "server_error"),
        "code": failure.status,
        **_error_object(failure.body),
        **failure.members(),
    }


def _error_object(body: Any) -> dict[str, Any]:
    """The ``error`` of an answer, as the services have it; its members are kept as they are."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    return {name: value for name, value in error.items() if value is not None}


def _message(failure: Failure) -> str:
    """The words of an answer of another shape, or else what the relay has to say."""
    body = failure.body
    if isinstance(body, dict):
        said = [body.get(name) for name in ("error", "message", "detail")]
        return next((one for one in said if isinstance(one, str) and one), failure.detail)
    return body.strip() or failure.detail if isinstance(body, str) else failure.detail
