r"""The chunked transfer coding: how a body of unknown length travels (RFC 9112, section 7.1).

A stream is cut into chunks, each with its size in hex before it, and ends with a chunk of
size zero, the last-chunk, which trailer fields may follow:

    4\r\nwith\r\n      5\r\n ease\r\n      0\r\nServer-Timing: db;dur=53\r\n\r\n

The end is the whole point. A stream that stops without a last-chunk was cut off, and its
receiver can tell. So ``encode`` refuses to write an empty chunk: it would be the end.

Encoding is one expression. Decoding takes whatever pieces the network makes of the body, and
is strict, because all servers on a path must agree on where a message ends: each freedom
taken here (a bare LF, "+5", "0x5", "5 ") has once let a second request slip by unseen inside
a body. Where h11 is lenient this is not, and it accepts nothing that h11 refuses. (The body of
a response is read by ``ResponseDecoder``, which has to repair a little.)

Data is handed on as it comes. All that waits is one unfinished line, and lines are bounded.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from streamserver.wire.fields import TOKEN
from streamserver.wire.problem import HTTPError
from streamserver.wire.trailers import FIELD_TEXT, MAX_TRAILERS, forbidden, malformed

MAX_SIZE_DIGITS = 16
"""Hex digits in one size: 64 bits. The grammar has no limit, and asks for one (section 7.1)."""

MAX_EXTENSIONS = 4096
"""Bytes of chunk extensions in one whole body.

Hardly anyone sends them, save those who send kilobytes of them with each byte of data
(CVE-2023-39326 in Go's net/http, CVE-2024-22019 in Node); so they are counted over the body.
"""

LAST_CHUNK = b"0\r\n\r\n"
"""The end of a body that has no trailer fields."""

# The grammar, in possessive quantifiers: what one took it never gives back, so there is one
# way through any input and the time is linear.
_TOKEN = f"{TOKEN}+"
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]++|\\[\t -~\x80-\xff])*+"'
CHUNK_EXTENSION = rf"[ \t]*+;[ \t]*+{_TOKEN}(?:[ \t]*+=[ \t]*+(?:{_TOKEN}|{_QUOTED}))?+"
# No whitespace right after the size, though the grammar would allow it before a semicolon:
# h11 and llhttp refuse it there, and a size must read the same to everyone.
_SIZE = rf"([0-9A-Fa-f]{{1,{MAX_SIZE_DIGITS}}}(?![ \t]))"

_SIZE_RULE = (
    f"a chunk begins with its size, 1 to {MAX_SIZE_DIGITS} hex digits, "
    "then well-formed extensions or none, then CRLF"
)
_TRAILER_RULE = "a trailer line is text without control characters, ended by CRLF"

_size_line = re.compile(rf"{_SIZE}((?:{CHUNK_EXTENSION})*+)\r\n".encode())
_trailer_line = re.compile(rf"({FIELD_TEXT})\r\n".encode()).match


def encode(data: bytes) -> bytes:
    """``data`` as one chunk; ValueError when it is empty, for that would end the body."""
    if not data:
        raise ValueError("an empty chunk would end the body: use last_chunk() to end it")
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The end of a body, with trailer fields (RFC 9112, section 7.1.2).

    ValueError for a name or a value that no field can have, and for a field that may not
    be a trailer, see ``trailers``.
    """
    lines = ["0\r\n"]
    for name, value in trailers:
        if problem := malformed(name, value) or forbidden(name):
            raise ValueError(problem)
        lines.append(f"{name}: {value}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1")


@dataclass(frozen=True, slots=True)
class End:
    """The body has ended, properly."""

    trailers: tuple[tuple[str, str], ...]
    """The trailer fields as ``(lower-case name, value)``; values decoded from Latin-1."""
    rest: bytes
    """What was fed beyond the body: the start of the next message."""


class Decoder:
    """Reads one chunked body, in pieces of any size, in linear time.

    At most one line is held between feeds, of at most ``MAX_EXTENSIONS`` or ``MAX_TRAILERS``.
    """

    __slots__ = ("_budget", "_held", "_left", "_read", "_trailers", "chunks")

    _size_line: ClassVar[re.Pattern[bytes]] = _size_line
    """Matches the line with a chunk's size: the size, then what stands before CRLF."""

    def __init__(self) -> None:
        self.chunks = 0
        """Chunks that have begun so far, without the last-chunk."""
        self._read: _Reader | None = _READ_SIZE
        self._held = bytearray()  # an unfinished line, or the CR of a chunk's CRLF
        self._left = 0  # data bytes of the current chunk still to come
        self._budget = MAX_EXTENSIONS  # then MAX_TRAILERS
        self._trailers: list[tuple[str, str]] = []

    @property
    def done(self) -> bool:
        """Whether the body has ended, or failed, so that nothing more can be fed."""
        return self._read is None

    def feed(self, data: bytes) -> list[bytes | End]:
        """What ``data`` holds of the body, in order; an ``End`` comes last, and once.

        Raises HTTPError 400 when the bytes break the coding; what stood before the break
        in this piece is lost with it. Raises RuntimeError when fed after an ``End`` or
        an error.
        """
        if self._read is None:
            raise RuntimeError("this body has ended or failed: take a new Decoder for the next")
        if self._held:
            if self._read is not _READ_CHUNK_END and b"\n" not in data:
                # The line is read once, when it is whole, however many pieces it comes in.
                self._hold(data)
                return []
            data = b"".join((self._held, data))
            self._held.clear()
        parts: list[bytes | End] = []
        at = 0
        if self._read is _READ_SIZE:
            at = _take_plain_chunks(data, parts)
            self.chunks += len(parts)
        while at < len(data) and self._read is not None:
            at = self._read(self, data, at, parts)
        return parts

    # Each reader takes one element at `at` and returns where the next begins, or holds back
    # the unfinished start of one. self._read is the reader of what comes next.

    def _read_size(self, data: bytes, at: int, parts: list[bytes | End]) -> int:
        line = self._size_line.match(data, at)
        if not line:
            return self._hold_line(data, at, _SIZE_RULE)
        if line[2]:
            self._spend_extensions(len(line[2]))
        size, start = int(line[1], 16), line.end()
        if not size:
            self._budget = MAX_TRAILERS
            self._read = _READ_TRAILER
            return start
        end = start + size
        self.chunks += 1
        if data.startswith(b"\r\n", end):  # the usual case: the whole chunk is here
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
        start, end = line.span()
        self._spend(end - start)
        if line[1]:
            self._add_trailer(line[1].decode("latin-1"))
        else:
            self._read = None
            parts.append(self._end(data[end:]))
        return end

    def _add_trailer(self, line: str) -> None:
        name, value = self._field(line)
        if problem := forbidden(name):
            self._refuse(problem)
        self._trailers.append((name, value))

    def _field(self, line: str) -> tuple[str, str]:
        name, colon, value = line.partition(":")
        problem = malformed(name, value) if colon else f"{line[:40]!r} has no colon"
        if problem:
            self._refuse(problem)
        return name.lower(), value.strip(" \t")

    def _end(self, rest: bytes) -> End:
        return End(tuple(self._trailers), rest)

    def _hold_line(self, data: bytes, at: int, rule: str) -> int:
        """Keep the line at ``at`` until the rest comes; refuse it if it is whole, or too long.

        A bare LF ends a line too, so that it is refused as soon as it arrives.
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

    def _spend_extensions(self, count: int) -> None:
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
    """Take the whole chunks at the start of ``data`` that are framed as ``encode`` frames them;
    where they end.

    Most streams consist of nothing else, and to recognise such a chunk costs less than half of
    reading one. Whatever deviates, were it by a leading zero, is left for the grammar.
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
