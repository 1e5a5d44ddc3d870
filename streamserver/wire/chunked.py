r"""The chunked transfer coding, for bodies of unknown length (RFC 9112, section 7.1).

Each chunk is preceded by its size in hex. A chunk of size zero, the last-chunk, ends the body;
trailer fields may follow it:

    4\r\nwith\r\n      5\r\n ease\r\n      0\r\nServer-Timing: db;dur=53\r\n\r\n

A body without last-chunk was cut, and its receiver can detect that. So ``encode`` refuses an
empty chunk, which would be the end.

``Decoder`` is strict, because all servers on a path must agree on where a message ends: bare
LFs, "+5", "0x5" and "5 " have each been used to smuggle a second request inside a body. It
accepts nothing that h11 refuses. ``ResponseDecoder`` repairs what the recipient of a response has
to repair. Both return data as it arrives, and hold one unfinished line, which is bounded.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from streamserver.wire.fields import HOP_BY_HOP, TOKEN, is_token
from streamserver.wire.problem import HTTPError

MAX_SIZE_DIGITS = 16
"""Hex digits of a size: 64 bits. The grammar has no limit, but requires one (section 7.1)."""

MAX_EXTENSIONS = 4096
"""Bytes of the chunk extensions of one request body.

They are rare, but attackers have sent kilobytes of them with each byte of data (CVE-2023-39326 in
Go's net/http, CVE-2024-22019 in Node), so the limit is one of the whole body.
"""

MAX_TRAILERS = 8192
"""Bytes of all trailer lines of one body, line ends included."""

FORBIDDEN_TRAILERS = HOP_BY_HOP | {
    # framing, routing, and the form of the content, which are needed before the body
    *("content-length", "host", "content-encoding", "content-type", "content-range"),
    # controls, conditions and credentials, which have been applied when a trailer arrives
    *("cache-control", "expect", "max-forwards", "range", "authorization", "cookie", "set-cookie"),
    *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"),
}
"""Fields that may not be trailer fields, in lower case (RFC 9110, section 6.5.1)."""

LAST_CHUNK = b"0\r\n\r\n"
"""The end of a body without trailer fields."""

# Possessive quantifiers do not backtrack, so matching takes linear time.
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]++|\\[\t -~\x80-\xff])*+"'
CHUNK_EXTENSION = rf"[ \t]*+;[ \t]*+{TOKEN}(?:[ \t]*+=[ \t]*+(?:{TOKEN}|{_QUOTED}))?+"
SIZE = rf"[0-9A-Fa-f]{{1,{MAX_SIZE_DIGITS}}}"
_FIELD_TEXT = r"[\t -~\x80-\xff]*+"

_SIZE_RULE = (
    f"a chunk begins with its size, 1 to {MAX_SIZE_DIGITS} hex digits, "
    "then well-formed extensions or none, then CRLF"
)
_TRAILER_RULE = "a trailer line is text without control characters, ended by CRLF"

_trailer_line = re.compile(rf"({_FIELD_TEXT})\r\n".encode()).match
_is_field_value = re.compile(_FIELD_TEXT).fullmatch


def encode(data: bytes) -> bytes:
    """``data`` as one chunk; ValueError if it is empty, which would end the body."""
    if not data:
        raise ValueError("an empty chunk would end the body: use last_chunk() to end it")
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_all(pieces: Iterable[bytes]) -> bytes:
    """Each piece as a chunk of its own; empty ones are skipped."""
    return b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece])


def last_chunk(trailers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The end of a body, with trailer fields (RFC 9112, section 7.1.2).

    ValueError for a malformed field, and for one of ``FORBIDDEN_TRAILERS``.
    """
    lines = ["0\r\n"]
    for name, value in trailers:
        if problem := _malformed(name, value) or _forbidden(name):
            raise ValueError(problem)
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1")


def _malformed(name: str, value: str) -> str | None:
    if not is_token(name):
        return f"a trailer's name must be a token (RFC 9110, section 5.6.2), not {name[:40]!r}"
    if not _is_field_value(value):
        return f"the trailer {name!r} has a control or non-Latin-1 character in its value"
    return None


def _forbidden(name: str) -> str | None:
    if name.lower() in FORBIDDEN_TRAILERS:
        return f"{name!r} may not be a trailer field (RFC 9110, section 6.5.1)"
    return None


@dataclass(frozen=True, slots=True)
class End:
    """The end of a complete body."""

    trailers: tuple[tuple[str, str], ...]
    """The trailer fields as ``(lower-case name, value)``; values decoded from Latin-1."""
    rest: bytes
    """The bytes fed beyond the body: the start of the next message."""


class Decoder:
    """Reads the chunked body of a request, in pieces of any size, in linear time."""

    __slots__ = ("_budget", "_held", "_left", "_read", "_trailers", "chunks")

    # Whitespace after the size is refused, though the grammar allows it before a semicolon:
    # h11 and llhttp refuse it, and all readers have to agree.
    _size_line: ClassVar[re.Pattern[bytes]] = re.compile(
        rf"({SIZE}(?![ \t]))((?:{CHUNK_EXTENSION})*+)\r\n".encode()
    )

    def __init__(self) -> None:
        self.chunks = 0
        """Chunks that have begun so far, the last-chunk excluded."""
        self._read: _Reader | None = _READ_SIZE  # reads the next element
        self._held = bytearray()  # an unfinished line, or the CR of a chunk's CRLF
        self._left = 0  # bytes of the current chunk that have not arrived
        self._budget = MAX_EXTENSIONS  # bytes of extensions, then of trailers
        self._trailers: list[tuple[str, str]] = []

    @property
    def done(self) -> bool:
        """Whether the body has ended or failed, so that nothing more can be fed."""
        return self._read is None

    def feed(self, data: bytes) -> list[bytes | End]:
        """The parts of the body in ``data``, in order; the last is an ``End``, once.

        HTTPError 400 for a malformed body; the data of this piece before the fault is lost.
        RuntimeError after an ``End`` or an error.
        """
        if self._read is None:
            raise RuntimeError("this body has ended or failed: take a new Decoder for the next")
        if self._held:
            if self._read is not _READ_CHUNK_END and b"\n" not in data:
                self._hold(data)  # a line is matched once, when it is complete
                return []
            data = b"".join((self._held, data))
            self._held.clear()
        parts: list[bytes | End] = []
        at = 0
        if self._read is _READ_SIZE:
            at = _take_plain_chunks(data, parts)
            self.chunks += len(parts)
            if at < len(data) and data.startswith(LAST_CHUNK, at):  # no extension, no trailer
                self._read = None
                parts.append(End((), data[at + len(LAST_CHUNK) :]))
                return parts
        while at < len(data) and self._read is not None:
            at = self._read(self, data, at, parts)
        return parts

    # Each reader processes one element at ``at`` and returns the offset of the next, or holds
    # the unfinished element.

    def _read_size(self, data: bytes, at: int, parts: list[bytes | End]) -> int:
        line = self._size_line.match(data, at)
        if not line:
            return self._hold_line(data, at, _SIZE_RULE)
        if line[2]:
            self._spend_on_extensions(len(line[2]))
        size, start = int(line[1], 16), line.end()
        end = start + size
        if not size:
            self._budget = MAX_TRAILERS
            self._read = _READ_TRAILER
            return start
        self.chunks += 1
        if data.startswith(b"\r\n", end):
            parts.append(data[start:end])
            return end + 2
        self._left = size
        self._read = Decoder._read_data
        return start

    def _read_data(self, data: bytes, at: int, parts: list[bytes | End]) -> int:
        part = data[at : at + self._left]
        parts.append(part)
        self._left -= len(part)
        if not self._left:
            self._read = _READ_CHUNK_END
        return at + len(part)

    def _read_chunk_end(self, data: bytes, at: int, parts: list[bytes | End]) -> int:
        end = data[at : at + 2]
        if end == b"\r\n":
            self._read = _READ_SIZE
        elif end == b"\r":
            self._held += end
        else:
            self._refuse(f"a chunk's data must be followed by CRLF, not by {end!r}")
        return at + 2

    def _read_trailer(self, data: bytes, at: int, parts: list[bytes | End]) -> int:
        line = _trailer_line(data, at)
        if not line:
            return self._hold_line(data, at, _TRAILER_RULE)
        end = line.end()
        self._spend(end - at)
        if line[1]:
            self._add_trailer(line[1].decode("latin-1"))
        else:
            self._read = None
            parts.append(self._end(data[end:]))
        return end

    def _add_trailer(self, line: str) -> None:
        name, value = self._field(line)
        if problem := _forbidden(name):
            self._refuse(problem)
        self._trailers.append((name, value))

    def _field(self, line: str) -> tuple[str, str]:
        name, colon, value = line.partition(":")
        problem = _malformed(name, value) if colon else f"{line[:40]!r} has no colon"
        if problem:
            self._refuse(problem)
        return name.lower(), value.strip(" \t")

    def _end(self, rest: bytes) -> End:
        return End(tuple(self._trailers), rest)

    def _hold_line(self, data: bytes, at: int, rule: str) -> int:
        """Hold an unfinished line; HTTPError 400 if it is complete, since it did not match.

        A bare LF completes a line too, so that it is refused as soon as it arrives.
        """
        end = data.find(b"\n", at) + 1
        if end:
            self._refuse(f"{rule}, not {data[at : min(end, at + 40)]!r}")
        self._hold(data[at:])
        return len(data)

    def _hold(self, data: bytes) -> None:
        self._held += data
        size = 0 if self._read is _READ_TRAILER else MAX_SIZE_DIGITS + 2
        if len(self._held) > size + self._budget:
            self._refuse_length()

    def _spend_on_extensions(self, count: int) -> None:
        self._spend(count)

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            self._refuse_length()

    def _refuse_length(self) -> NoReturn:
        if self._read is _READ_TRAILER:
            self._refuse(f"its trailer fields exceed {MAX_TRAILERS} bytes")
        self._refuse(f"its chunk extensions exceed {MAX_EXTENSIONS} bytes")

    def _refuse(self, detail: str) -> NoReturn:
        self._read = None
        raise HTTPError(400, f"chunked body: {detail}")


def _take_plain_chunks(data: bytes, parts: list[bytes | End]) -> int:
    """Add the complete chunks at the start of ``data`` that are framed as by ``encode``.

    Returns the offset behind them. Most bodies consist of such chunks, and this takes less than
    half the time of the grammar, which reads all others.
    """
    at = 0
    while (end := data.find(b"\r\n", at, at + MAX_SIZE_DIGITS + 2)) > at:
        digits = data[at:end]
        try:
            size = int(digits, 16)
        except ValueError:
            break
        start, end = end + 2, end + 2 + size
        if not size or digits != b"%x" % size or not data.startswith(b"\r\n", end):
            break
        parts.append(data[start:end])
        at = end + 2
    return at


_Reader = Callable[[Decoder, bytes, int, list[bytes | End]], int]
_READ_SIZE: _Reader = Decoder._read_size
_READ_CHUNK_END: _Reader = Decoder._read_chunk_end
_READ_TRAILER: _Reader = Decoder._read_trailer
