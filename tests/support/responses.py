"""Responses as our reader returns them, in any pieces."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.responses import ResponseReader
from support.request_heads import LIMIT


@dataclass(frozen=True)
class Received:
    """A response, up to the end of its connection."""

    heads: list[ResponseHead] = field(default_factory=list)
    data: bytes = b""
    end: End | None = None
    """None if the connection ended before the response did."""


def receive(pieces: Iterable[bytes], method: str = "GET", max_head: int = LIMIT) -> Received | None:
    """The response in the pieces, after which the connection ends; None if it is refused."""
    reader, heads, data = ResponseReader(method, max_head), list[ResponseHead](), bytearray()
    left = list(pieces)
    while left:
        try:
            parts = reader.feed(left.pop(0))
        except HTTPError as error:
            check(error)
            return None
        for part in parts:
            if isinstance(part, End):
                assert part is parts[-1]
                assert reader.eof() == []
                return Received(heads, bytes(data), End(part.trailers, part.rest + b"".join(left)))
            if isinstance(part, ResponseHead):
                assert not data
                heads.append(part)
            else:
                assert part, "a part is empty"
                data += part
    return Received(heads, bytes(data), _at_the_end(reader))


def _at_the_end(reader: ResponseReader) -> End | None:
    try:
        (end,) = reader.eof()
    except HTTPError as error:
        check(error)
        return None
    return end


def check(error: HTTPError) -> None:
    """Every fault of a response is a 502."""
    assert error.status == 502, error
