"""Response heads as our reader returns them, whole or in pieces."""

from collections.abc import Iterable

from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead, read_response_head
from support.request_heads import LIMIT


def response(line: bytes, *fields: bytes) -> bytes:
    """A response head of this status line and these field lines."""
    return b"\r\n".join((line, *fields, b"", b""))


def ok(*fields: bytes) -> bytes:
    """The head of a 200 with these field lines."""
    return response(b"HTTP/1.1 200 OK", *fields)


def read(data: bytes, method: str = "GET", max_head: int = LIMIT) -> ResponseHead | int | None:
    """The head in the bytes, None while it is incomplete, or the status of the error."""
    try:
        return read_response_head(data, method, max_head)[0]
    except HTTPError as error:
        return error.status


def read_pieces(pieces: Iterable[bytes], method: str = "GET") -> ResponseHead | int | None:
    """The same for bytes that arrive, and are read, in pieces."""
    kept = b""
    for piece in pieces:
        try:
            head, kept = read_response_head(kept + piece, method, LIMIT, len(kept))
        except HTTPError as error:
            return error.status
        if head is not None:
            return head
    return None
