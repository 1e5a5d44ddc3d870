"""A response as it arrives: its heads, its body, and its end (RFC 9112, section 6.3).

``ResponseReader`` returns each piece of a body at once, and holds only an unfinished head or chunk
line. Every framing ends with an ``End``. A response that was cut has none, so it cannot be taken
for a complete one.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from streamserver.wire import chunked
from streamserver.wire.chunked import Decoder, End
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

    __slots__ = ("_decoder", "_held", "_interim", "_left", "_max_head", "_method")

    def __init__(self, method: str, max_head: int) -> None:
        """``method``: that of the request. ``max_head``: the limit of each head in bytes."""
        self._method = method
        self._max_head = max_head
        self._held = b""  # an unfinished head
        self._interim = 0  # interim heads so far
        self._decoder: ResponseDecoder | None = None  # of a chunked body
        self._left: int | None = None  # of another body: bytes, or UNTIL_CLOSE; None before it

    @property
    def chunks(self) -> int:
        """Chunks of the body that have begun so far; 0 for one that is not chunked."""
        return self._decoder.chunks if self._decoder else 0

    def feed(self, data: bytes) -> Sequence[ResponseHead | bytes | End]:
        """The parts of the response in ``data``, in order.

        Interim heads (status below 200) precede the final one; pieces of the body follow, none
        of them empty; the last part is an ``End``, once. HTTPError 502 for a malformed response;
        the parts of this piece before the fault are lost. RuntimeError after an ``End`` or an
        error.
        """
        try:
            if self._decoder is not None:
                return self._decoder.feed(data)
            if self._left is not None:
                return self._read_body(data, self._left)
            return self._read_heads(data)
        except HTTPError as error:
            self._left = 0
            if error.status == 502:
                raise
            raise upstream_fault(error.detail) from error

    def eof(self) -> list[End]:
        """Process the end of the connection: an ``End`` if it ends the body.

        Empty if the response has ended before; HTTPError 502 if it is cut.
        """
        left, decoder = self._left, self._decoder
        self._left, self._decoder = 0, None
        if left == UNTIL_CLOSE:
            return [End((), b"")]
        if left == 0 or (decoder is not None and decoder.done):
            return []
        if left is None and decoder is None:
            raise upstream_fault("it ended within a head" if self._held else "there is none")
        raise upstream_fault("it ended before its body did")

    def _read_heads(self, data: bytes) -> Sequence[ResponseHead | bytes | End]:
        parts: list[ResponseHead | bytes | End] = []
        seen = len(self._held)
        data, self._held = self._held + data, b""
        while True:
            head, data = read_response_head(data, self._method, self._max_head, seen)
            if head is None:
                self._held = data
                return parts
            parts.append(head)
            if head.status >= 200:
                break
            seen = 0
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise upstream_fault(f"more than {MAX_INTERIM} interim heads precede it")
        if head.length == CHUNKED:
            self._decoder = ResponseDecoder()
            parts += self._decoder.feed(data)
        elif head.length:
            self._left = head.length
            parts += self._read_body(data, head.length)
        else:
            self._left = 0
            parts.append(End((), data))
        return parts

    def _read_body(self, data: bytes, left: int) -> Sequence[bytes | End]:
        if not left:
            raise RuntimeError("this response has ended or failed: take a new ResponseReader")
        if 0 < left <= len(data):
            self._left = 0
            return [data[:left], End((), data[left:])]
        if left > 0:
            self._left = left - len(data)
        return [data] if data else []


class ResponseDecoder(Decoder):
    """Reads the chunked body of a response, and repairs it where its recipient has to.

    Old servers pad sizes with spaces, and whitespace may precede an extension (RFC 9112, section
    7.1.1). The limit on extensions is one of each chunk, since a response may be endless. A
    forbidden trailer field is dropped (RFC 9110, section 6.5.1), whitespace before its colon is
    removed, and a folded line is joined with one space (RFC 9112, sections 5.1 and 5.2).
    """

    __slots__ = ()

    _size_line: ClassVar[re.Pattern[bytes]] = re.compile(
        rf"({chunked.SIZE}+)((?:{chunked.CHUNK_EXTENSION})*+[ \t]*+)\r\n".encode()
    )

    def _spend_on_extensions(self, count: int) -> None:
        if count > chunked.MAX_EXTENSIONS:
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
        trailers = [one for one in self._trailers if one[0] not in chunked.FORBIDDEN_TRAILERS]
        return End(tuple(trailers), rest)
