"""Simulated paths from a producer to the inspector, honest ones and such as hold events back."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.recording import End, Message, Read
from streamserver.lab.stamps import write_stamp
from streamserver.wire.chunked import encode, last_chunk
from support.messages import GET, timed_message

TYPE = "Content-Type: text/event-stream"
CHUNKED = "Transfer-Encoding: chunked"
SENT_AT = 10**15


class Write(NamedTuple):
    """Bytes that a producer writes, or a path delivers."""

    at: float
    data: bytes


def head(*fields: str, status: str = "200 OK", version: str = "HTTP/1.1") -> bytes:
    """The head of a response; without fields, that of a chunked event stream."""
    return "\r\n".join([f"{version} {status}", *(fields or (TYPE, CHUNKED)), "", ""]).encode()


def event(n: int, size: int = 40) -> bytes:
    """An event of so many bytes, at least 12."""
    return b"data: %d%s\n\n" % (n, b"x" * (size - len(str(n)) - 8))


def stamped(n: int, due: float, size: int = 0) -> bytes:
    """An event of the target, sent when it was due."""
    moment = SENT_AT + round(due * 1e9)
    return f"data: {{{write_stamp(n, moment, moment, moment)}}}{'x' * size}\n\n".encode()


def response(
    writes: Sequence[Write],
    ended: float | None = None,
    *,
    start: bytes = head(),
    head_at: float = 0.002,
    end: End = "complete",
    request: bytes = GET,
    stalled: float = 0.0,
) -> Message:
    """The message of a response whose body is written at these times, in chunks if the head says
    so."""
    is_chunked = CHUNKED.encode() in start
    body = [Write(at, encode(data) if is_chunked else data) for at, data in writes]
    reads = [Write(head_at, start), *body]
    last = max(at for at, _ in reads) if ended is None else ended
    if end == "complete" and is_chunked:
        reads.append(Write(last, last_chunk()))
    message = timed_message(joined(reads), end, last, request)
    recording = replace(message.recording, sent_at=SENT_AT, stalled=stalled)
    return read_message(recording)


def joined(writes: Iterable[Write]) -> list[Read]:
    """Writes that arrive at one time are one read."""
    reads: list[Read] = []
    for at, data in writes:
        if reads and reads[-1].at == at:
            reads[-1] = Read(at, reads[-1].data + data)
        else:
            reads.append(Read(at, data))
    return reads


def jittered(writes: Sequence[Write], jitter: Sequence[float]) -> list[Write]:
    """An honest path: each write is late by up to so much, and none overtakes another."""
    now, found = 0.0, []
    for n, (at, data) in enumerate(writes):
        now = max(now, at + jitter[n % len(jitter)])
        found.append(Write(now, data))
    return found


def filled(writes: Sequence[Write], size: int, end: float) -> list[Write]:
    """A hop that delivers its buffer when it is full, and the rest at the end."""
    held, found = b"", []
    for at, data in writes:
        held += data
        whole = len(held) // size * size
        if whole:
            found.append(Write(at, held[:whole]))
            held = held[whole:]
    return [*found, Write(end, held)] if held else found


def unflushed(writes: Sequence[Write], size: int, end: float) -> list[Write]:
    """A buffered file object, which is emptied by the write that it has no room for."""
    held, found = b"", []
    for at, data in writes:
        if held and len(held) + len(data) > size:
            found.append(Write(at, held))
            held = b""
        held += data
    return [*found, Write(end, held)] if held else found


def timed(writes: Sequence[Write], period: float, end: float) -> list[Write]:
    """A hop that delivers what it has each ``period`` seconds."""
    found: dict[float, bytes] = {}
    for at, data in writes:
        due = min((int(at / period) + 1) * period, max(end, at))
        found[due] = found.get(due, b"") + data
    return [Write(at, data) for at, data in found.items()]
