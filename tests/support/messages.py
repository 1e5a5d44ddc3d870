"""Messages of the inspector, made of bytes."""

from collections.abc import Sequence

from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.recording import End, Message, Read, Recording

GET = b"GET / HTTP/1.1\r\n\r\n"


def message(*reads: bytes, end: End = "closed", request: bytes = GET) -> Message:
    """The message of these reads, one each second."""
    return timed_message(list(enumerate(reads)), end, len(reads), request)


def timed_message(
    reads: Sequence[tuple[float, bytes]],
    end: End = "complete",
    ended: float = 1.0,
    request: bytes = GET,
) -> Message:
    """The message of reads with these times."""
    timed = [Read(float(at), data) for at, data in reads]
    return read_message(Recording(request, timed, end, float(ended), "why" * (end == "failed")))
