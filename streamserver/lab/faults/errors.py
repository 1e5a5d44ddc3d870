"""Errors in band: how a stream reports a failure after its head has promised success.

The body ends properly behind the error, so a client that does not look at the events takes the
response for a complete one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from streamserver.lab.faults.grammar import Position
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event, encode

MESSAGE = "this error was requested"


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """How a stream reports an error, and where its events end."""

    render: Callable[[str], bytes]
    """The error as a service sends it, with what follows it; of "" the default service."""
    event_end: bytes = b"\n\n"
    """It precedes an error within an event."""
    services: tuple[str, ...] = ()

    def error(self, service: str) -> bytes:
        """The error as this service sends it; HTTPError 400 for an unknown service."""
        if service and service not in self.services:
            names = ", ".join(self.services)
            allowed = f"one of {names}" if names else "omitted: this stream has one form of error"
            detail = f"fault error:SERVICE must be {allowed}, not {service!a}"
            raise HTTPError(400, detail, parameter="fault error:SERVICE", allowed=allowed)
        return self.render(service)

    def locate(self, position: Position) -> Position:
        """The position in this stream: in JSON lines, each line is an event."""
        return replace(position, in_json_lines=self.event_end == b"\n")


def _event_stream(line_end: bytes) -> ErrorFormat:
    """Events of the type ``error``, as browsers dispatch it."""
    error = {"type": "server_error", "message": MESSAGE}
    event = encode(Event({"error": error}, event="error")).replace(b"\n", line_end)
    return ErrorFormat(lambda service: event, 2 * line_end)


_EVENT_STREAMS = {
    "lf": _event_stream(b"\n"),
    "crlf": _event_stream(b"\r\n"),
    "cr": _event_stream(b"\r"),
}
JSON_LINE_ERRORS = ErrorFormat(lambda service: b'{"error":"%b"}\n' % MESSAGE.encode(), b"\n")
"""A last line with the error alone, as Ollama sends it."""
_JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/ndjson")


def error_format(content_type: str | None, line_end: str = "lf") -> ErrorFormat | None:
    """How a stream of a media type reports an error; None if it has no events."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return _EVENT_STREAMS[line_end]
    return JSON_LINE_ERRORS if media_type in _JSON_LINES else None
