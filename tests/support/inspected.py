"""Messages as the inspector records them, for tests of verdicts."""

from collections.abc import Sequence
from typing import Any

from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.recording import End, Message, Read, Recording
from streamserver.wire import chunked
from streamserver.wire.sse import Event, encode

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
SSE = ("content-type", "text/event-stream")
GAP = 0.05
"""Seconds between two events."""


def message(
    events: Sequence[Event] = (),
    *fields: tuple[str, str],
    status: int = 200,
    request: bytes = GET,
    head_at: float = 0.0,
    ended: float | None = None,
    end: End = "complete",
    **more: Any,
) -> Message:
    """A chunked response, whose events arrive one by one from ``GAP`` after the head on."""
    given = {name for name, _ in fields}
    lines = [("transfer-encoding", "chunked"), *([] if "content-type" in given else [SSE]), *fields]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    reads = [Read(head_at, f"HTTP/1.1 {status} X\r\n{head}\r\n".encode())]
    for event in events:
        reads.append(Read(reads[-1].at + GAP, chunked.encode(encode(event))))
    if end == "complete":
        reads.append(Read(reads[-1].at, b"0\r\n\r\n"))
    last = reads[-1].at if ended is None else ended
    return read_message(Recording(request, reads, end, last, **more))


def no_response(end: End, ended: float = 3.0, detail: str = "detail") -> Message:
    """A request without a response."""
    return read_message(Recording(GET, [], end, ended, detail))
