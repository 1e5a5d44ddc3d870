"""Errors in band: how a stream reports a failure once its head has promised success.

Each interface has a form of its own, and what follows the error differs too. A stream that has
reported an error ends properly on the wire, so a client that does not look at the events takes the
response for a whole one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from streamserver.kit.response import Response
from streamserver.lab.faults.places import Place
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event, encode

MESSAGE = "this error was commanded"
FORMS = ("openai", "vllm", "openrouter")
"""The forms that a request may name, where an interface has several: those of services."""
_JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/ndjson")


@dataclass(frozen=True, slots=True)
class InBand:
    """What is an event in a stream, and what an error is."""

    render: Callable[[str], bytes]
    """The error in a form, with what follows it; "" is the usual form."""
    border: bytes = b"\n\n"
    """What ends an event: an error within an event begins with it."""
    forms: tuple[str, ...] = ()

    def of(self, form: str) -> bytes:
        """The error in a form; HTTPError 400 for one that there is not."""
        if form and form not in self.forms:
            names = ", ".join(self.forms)
            allowed = f"one of {names}" if names else "left out: it has one form"
            detail = f"fault error:FORM must be {allowed}, not {form!a}"
            raise HTTPError(400, detail, parameter="fault error:FORM", allowed=allowed)
        return self.render(form)

    def place(self, asked: Place) -> Place:
        """A place as it is found in the bytes: in JSON lines, each line is an event."""
        return asked.in_lines() if self.border == b"\n" else asked


def _event_stream(line_end: bytes) -> InBand:
    """A stream of any kind: an event of the type ``error``, as browsers dispatch it."""
    error = {"type": "server_error", "message": MESSAGE}
    event = encode(Event({"error": error}, event="error")).replace(b"\n", line_end)
    return InBand(lambda form: event, 2 * line_end)


EVENT_STREAMS = {
    "lf": _event_stream(b"\n"),
    "crlf": _event_stream(b"\r\n"),
    "cr": _event_stream(b"\r"),
}
"""By the names of line ends."""
JSON_LINES = InBand(lambda form: b'{"error":"%b"}\n' % MESSAGE.encode(), b"\n")
"""A last line with the error alone, as Ollama sends it."""


def in_band(response: Response) -> InBand | None:
    """What reports an error in a response, by its media type; None if it has no events."""
    kind = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return EVENT_STREAMS["lf"]
    return JSON_LINES if kind in _JSON_LINES else None
