"""Responses as our reader has them: what a connection's bytes mean, in any pieces."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from streamserver.wire.chunked import End
from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead
from streamserver.wire.responses import ResponseReader
from support.request_heads import LIMIT


@dataclass(frozen=True)
class Heard:
    """What a connection gave until it ended."""

    heads: list[ResponseHead] = field(default_factory=list)
    data: bytes = b""
    end: End | None = None
    """None if the connection ended before the response did."""


def hear(pieces: Iterable[bytes], method: str = "GET", max_head: int = LIMIT) -> Heard | None:
    """What our reader makes of the pieces, behind which the connection ends; None: refused."""
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
                return Heard(heads, bytes(data), End(part.trailers, part.rest + b"".join(left)))
            if isinstance(part, ResponseHead):
                assert not data
                heads.append(part)
            else:
                assert part, "an empty part tells nothing"
                data += part
    return Heard(heads, bytes(data), _at_the_end(reader))


def _at_the_end(reader: ResponseReader) -> End | None:
    try:
        (end,) = reader.eof()
    except HTTPError as error:
        check(error)
        return None
    return end


def check(error: HTTPError) -> None:
    """Whatever is wrong with a response, it is a bad gateway that passes it on."""
    assert error.status == 502, error
