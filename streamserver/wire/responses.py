"""A response as it arrives: its heads, its body, and whether it ended (RFC 9112, section 6.3).

The relay stands on this: each piece that the network makes of a response becomes at once what
can be passed on, and nothing waits but an unfinished head or chunk line. How the body ends is
told in one way, ``End``, however it was framed; and a response that merely stopped never gets
one, so that nobody can take the beginning of a body for the whole.
"""

from collections.abc import Sequence
from typing import Protocol

from streamserver.wire.chunked import Decoder, End
from streamserver.wire.heads import CHUNKED
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_chunks import ResponseDecoder
from streamserver.wire.response_heads import (
    UNTIL_CLOSE,
    ResponseHead,
    read_response_head,
    upstream_fault,
)

MAX_INTERIM = 16
"""Interim heads before the final one; together they have that many times ``max_head`` bytes.

It takes one 100, and a few hints (103) or signs of life (102). Without a bound, an upstream
that sends nothing else keeps its client busy for ever (CVE-2021-3737 in Python's http.client).
"""


class ResponseReader:
    """Reads the response to one request, in pieces of any size, in linear time."""

    __slots__ = ("_body", "_held", "_interim", "_max_head", "_method")

    def __init__(self, method: str, max_head: int) -> None:
        """``method``: of the request. ``max_head``: bytes that each head may have, else 502."""
        self._method = method
        self._max_head = max_head
        self._held = b""  # an unfinished head
        self._interim = 0  # interim heads so far
        self._body: _Body | None = None  # what reads the body, once the final head is there

    def feed(self, data: bytes) -> Sequence[ResponseHead | bytes | End]:
        """What ``data`` holds of the response, in order.

        Interim heads (status below 200) come before the final one, then pieces of the body,
        none empty; an ``End`` comes last, and once. Raises HTTPError 502 for everything
        malformed; what stood before the fault in this piece is lost with it. Raises
        RuntimeError when fed after an ``End`` or an error.
        """
        try:
            if self._body is None:
                return self._read_heads(data)
            return self._body.feed(data)
        except HTTPError as error:
            self._body = _OVER
            if error.status == 502:
                raise
            raise upstream_fault(error.detail) from error

    @property
    def chunks(self) -> int:
        """Chunks of the body that have begun so far; 0 for one that is not chunked."""
        return self._body.chunks if isinstance(self._body, Decoder) else 0

    def eof(self) -> list[End]:
        """The connection has ended: an ``End`` if that is how the body ends, if it hasn't yet.

        HTTPError 502 if the response is cut.
        """
        body, self._body = self._body, _OVER
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
                self._body = _reader_of(head.length)
            else:
                self._count_interim()
        if self._body is _OVER:
            parts.append(End((), data))
        else:
            parts += self._body.feed(data)
        return parts

    def _count_interim(self) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM:
            raise upstream_fault(f"more than {MAX_INTERIM} interim heads come before it")


class _Body(Protocol):
    """What reads a body, as ``Decoder`` does one that is chunked."""

    @property
    def done(self) -> bool: ...

    def feed(self, data: bytes) -> Sequence[bytes | End]: ...


class _Counted:
    """Reads a body of so many bytes."""

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


_OVER = _Counted(0)
"""What is left to read where there is no body, or no more trust."""


def _reader_of(length: int) -> _Body:
    if length == CHUNKED:
        return ResponseDecoder()
    if length == UNTIL_CLOSE:
        return _Unbounded()
    return _Counted(length) if length else _OVER
