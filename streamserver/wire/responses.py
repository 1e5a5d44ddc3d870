"""A response as it arrives: its heads, its body, and its end (RFC 9112, section 6.3).

The relay and the lab's client read with ``ResponseReader``: it returns each piece of a body at
once, and holds only an unfinished head or chunk line. Every framing ends with an ``End``. A
response that was cut has none, so it cannot be mistaken for a complete one.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Protocol

from streamserver.wire.chunked import (
    CHUNK_EXTENSION,
    FORBIDDEN_TRAILERS,
    MAX_EXTENSIONS,
    MAX_SIZE_DIGITS,
    Decoder,
    End,
)
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import (
    UNTIL_CLOSE,
    ResponseHead,
    read_response_head,
    upstream_fault,
)

MAX_INTERIM = 16
"""Interim heads before the final one.

A response needs one 100, and a few hints (103) or signs of progress (102). Without a limit, an
upstream that sends nothing else occupies its client for ever (CVE-2021-3737 in http.client).
"""


class ResponseReader:
    """Reads the response to one request, in pieces of any size, in linear time."""

    __slots__ = ("_body", "_held", "_interim", "_max_head", "_method")

    def __init__(self, method: str, max_head: int) -> None:
        """``method``: that of the request. ``max_head``: the limit of each head in bytes."""
        self._method = method
        self._max_head = max_head
        self._held = b""  # an unfinished head
        self._interim = 0  # interim heads so far
        self._body: _Body | None = None  # None before the final head

    def feed(self, data: bytes) -> Sequence[ResponseHead | bytes | End]:
        """The parts of the response in ``data``, in order.

        Interim heads (status below 200) precede the final one; pieces of the body follow, none
        of them empty; the last part is an ``End``, once. HTTPError 502 for a malformed response;
        the parts of this piece before the fault are lost. RuntimeError after an ``End`` or an
        error.
        """
        try:
            if self._body is None:
                return self._read_heads(data)
            return self._body.feed(data)
        except HTTPError as error:
            self._body = _NOTHING
            if error.status == 502:
                raise
            raise upstream_fault(error.detail) from error

    @property
    def chunks(self) -> int:
        """Chunks of the body that have begun so far; 0 for one that is not chunked."""
        return self._body.chunks if isinstance(self._body, Decoder) else 0

    def eof(self) -> list[End]:
        """Process the end of the connection: an ``End`` if it ends the body.

        Empty if the response has ended before; HTTPError 502 if it is cut.
        """
        body, self._body = self._body, _NOTHING
        if body is None:
            raise upstream_fault("it ended within a head" if self._held else "there is none")
        if body.done:
            return []
        if isinstance(body, _Unbounded):
            return [End((), b"")]
        raise upstream_fault("it ended before its body did")

    def _read_heads(self, data: bytes) -> Sequence[ResponseHead | bytes | End]:
        parts: list[ResponseHead | bytes | End] = []
        seen = len(self._held)
        data, self._held = self._held + data, b""
        while self._body is None:
            head, data = read_response_head(data, self._method, self._max_head, seen)
            if head is None:
                self._held = data
                return parts
            parts.append(head)
            seen = 0
            if head.status >= 200:
                self._body = _body_of(head.length)
            else:
                self._interim += 1
                if self._interim > MAX_INTERIM:
                    raise upstream_fault(f"more than {MAX_INTERIM} interim heads precede it")
        if self._body is _NOTHING:
            parts.append(End((), data))
        else:
            parts += self._body.feed(data)
        return parts


class _Body(Protocol):
    @property
    def done(self) -> bool: ...

    def feed(self, data: bytes) -> Sequence[bytes | End]: ...


class _Counted:
    """Reads a body with a Content-Length."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def done(self) -> bool:
        return not self._left

    def feed(self, data: bytes) -> Sequence[bytes | End]:
        left = self._left
        if not left:
            raise RuntimeError("this response has ended or failed: take a new ResponseReader")
        self._left = max(left - len(data), 0)
        if self._left:
            return [data] if data else []
        return [data[:left], End((), data[left:])]


class _Unbounded:
    """Reads a body that ends with the connection."""

    __slots__ = ()
    done = False

    def feed(self, data: bytes) -> Sequence[bytes | End]:
        return [data] if data else []


class ResponseDecoder(Decoder):
    """Reads the chunked body of a response, and repairs it where RFC 9112 demands that.

    Old servers pad sizes with spaces, and whitespace may precede an extension (section 7.1.1).
    The limit on extensions is one of each chunk, since a response may be endless. A forbidden
    trailer field is dropped (RFC 9110, section 6.5.1), whitespace before its colon is removed,
    and a folded line is joined with one space (RFC 9112, sections 5.1 and 5.2).
    """

    __slots__ = ()

    _size_line: ClassVar[re.Pattern[bytes]] = re.compile(
        rf"([0-9A-Fa-f]{{1,{MAX_SIZE_DIGITS}}}+)((?:{CHUNK_EXTENSION})*+[ \t]*+)\r\n".encode()
    )

    def _spend_extensions(self, count: int) -> None:
        if count > MAX_EXTENSIONS:
            self._refuse_length()

    def _add_trailer(self, line: str) -> None:
        if line[0] in " \t" and self._trailers:
            name, value = self._trailers.pop()
            field = name, " ".join((value, line.strip(" \t"))).strip(" \t")
        else:
            name, colon, value = line.partition(":")
            field = self._field(name.rstrip(" \t") + colon + value)
        self._trailers.append(field)

    def _end(self, rest: bytes) -> End:
        # At the end, since the field before a folded line may be a forbidden one.
        trailers = [field for field in self._trailers if field[0] not in FORBIDDEN_TRAILERS]
        return End(tuple(trailers), rest)


_NOTHING = _Counted(0)
"""The body of a response without one, and after an error."""


def _body_of(length: int) -> _Body:
    if length == CHUNKED:
        return ResponseDecoder()
    if length == UNTIL_CLOSE:
        return _Unbounded()
    return _Counted(length) if length else _NOTHING
