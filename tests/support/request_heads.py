"""Request heads as our reader returns them, whole or in pieces."""

from collections.abc import Iterable

from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import RequestHead, read_request_head

LIMIT = 1 << 16
EMPTY_LINE = b"\r\n\r\n"
HOST = b"Host: a" + EMPTY_LINE
A = [("host", "a")]
"""The fields of a head that has this Host and no other."""


def read(data: bytes, max_head: int = LIMIT, max_target: int = LIMIT) -> RequestHead | int | None:
    """The head in the bytes, None while it is incomplete, or the status of the error."""
    try:
        return read_request_head(data, max_head, max_target)[0]
    except HTTPError as error:
        return error.status


def read_pieces(pieces: Iterable[bytes]) -> RequestHead | int | None:
    """The same for bytes that arrive, and are read, in pieces."""
    kept = b""
    for piece in pieces:
        try:
            head, kept = read_request_head(kept + piece, LIMIT, LIMIT, len(kept))
        except HTTPError as error:
            return error.status
        if head is not None:
            return head
    return None
