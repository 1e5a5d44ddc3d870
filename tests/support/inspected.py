"""Messages of event streams, for tests of verdicts on further requests."""

from collections.abc import Sequence
from dataclasses import replace

from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.recording import End, Message, Recording
from streamserver.wire import chunked
from streamserver.wire.sse import Event, encode
from support.messages import GET, timed_message

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
    stalled: float = 0.0,
) -> Message:
    """A chunked response, whose events arrive one by one from ``GAP`` after the head on."""
    given = {name for name, _ in fields}
    lines = [("transfer-encoding", "chunked"), *([] if "content-type" in given else [SSE]), *fields]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    reads = [(head_at, f"HTTP/1.1 {status} X\r\n{head}\r\n".encode())]
    for event in events:
        reads.append((reads[-1][0] + GAP, chunked.encode(encode(event))))
    last = reads[-1][0]
    if end == "complete":
        reads.append((last, b"0\r\n\r\n"))
    made = timed_message(reads, end, last if ended is None else ended, request)
    return replace(made, recording=replace(made.recording, stalled=stalled))


def no_response(end: End, ended: float = 3.0, detail: str = "detail") -> Message:
    """A request without a response."""
    return read_message(Recording(GET, [], end, ended, detail))
