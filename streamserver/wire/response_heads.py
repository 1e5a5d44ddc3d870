"""Response heads: written, as a server does, and read, as the relay does (RFC 9112, section 4).

Reading is strict, except where a recipient of responses has to repair what old servers send
(RFC 9112): whitespace before a colon is removed (section 5.1), a folded line is joined with one
space (section 5.2), and equal values of Content-Length become one (section 6.3). The fields that
are returned are the repaired ones, so the next reader has nothing to interpret. Everything else
that is malformed is a 502, whose detail says what was wrong, and the connection is closed, since
nothing that follows can be trusted.
"""

import re
from typing import NamedTuple

import h11

from streamserver.wire.fields import TOKEN
from streamserver.wire.heads import (
    EMPTY_LINE,
    PLAIN_LINE,
    RESPONSE_FAULTS,
    Fields,
    body_length,
    field_lines,
    persists,
    plain_fields,
    read_with_h11,
    refuse_early_faults,
    refuse_line_faults,
    telling_fields,
)
from streamserver.wire.problem import HTTPError, reason_phrase

UNTIL_CLOSE = -2
"""The length of a body that ends when the connection does, and never tells if it was cut."""


def is_bodiless(method: str, status: int) -> bool:
    """Whether the response has no body whatever its fields say (RFC 9112, section 6.3)."""
    return method == "HEAD" or status < 200 or status == 204 or status == 304


def response_head(status: int, fields: Fields, own: str = "") -> bytes:
    """A response head, its empty line included (RFC 9112, section 4).

    ``own``: further field lines, each with its CRLF, from someone who vouches for them.
    ValueError for a status outside 100 to 999, and for fields that no message can have, see
    ``field_lines``.
    """
    if not 100 <= status <= 999:
        raise ValueError(f"a status code has three digits, not {status!r}")
    line = f"HTTP/1.1 {status} {reason_phrase(status)}\r\n"
    return f"{line}{field_lines(fields)}{own}\r\n".encode("latin-1")


class ResponseHead(NamedTuple):
    """A response without its body: what it is, and how the message is framed."""

    status: int
    """100 to 999 but never 101; below 200 it is an interim response."""
    fields: Fields
    """Names in lower case, values decoded from Latin-1, in order."""
    minor: int = 1
    """0 for HTTP/1.0; 1 for HTTP/1.1 and every later 1.x, which is processed as 1.1."""
    length: int = 0
    """Bytes of body, ``CHUNKED`` or ``UNTIL_CLOSE``; 0 where there never is one."""
    keep_alive: bool = True
    """Whether the upstream will take another request on this connection."""


def read_response_head(
    data: bytes, method: str, max_head: int, seen: int = 0
) -> tuple[ResponseHead | None, bytes]:
    """The first head in ``data`` and what follows it, or ``(None, data)`` while it is unfinished.

    ``method``: of the request that is answered. ``seen``: how much of ``data`` was found
    unfinished before, and need not be looked at again. Raises HTTPError 502 for everything
    that is wrong, and for a 101, which answers nothing that was asked here. After an error
    nothing that follows can be trusted.
    """
    try:
        end = data.find(EMPTY_LINE, max(seen - 3, 0))
        if end > max_head or (end < 0 and len(data) > max_head + 3):
            raise HTTPError(431, f"the head is longer than {max_head} bytes")
        if end < 0:
            _refuse_other_protocols(data)
            refuse_early_faults(data, RESPONSE_FAULTS, seen)
            return None, data
        head = data[: end + 4]
        read = _read_plain(head) or _read_with_h11(head)
        return _understand(*read, method), data[end + 4 :]
    except HTTPError as error:
        raise upstream_fault(error.detail) from error


def upstream_fault(detail: str) -> HTTPError:
    """The 502 that says what was wrong with a response (RFC 9110, section 15.6.3)."""
    return HTTPError(502, f"the upstream's response is broken: {detail}")


_status_line = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r]*)?\r\n").match
_plain = re.compile(
    r"HTTP/1\.1 (?!101)([1-5][0-9]{2})(?: [\t -~]*)?\r\n"
    rf"({PLAIN_LINE}*)\r\n".encode()
).fullmatch


def _refuse_other_protocols(data: bytes) -> None:
    """Another protocol may never send the empty line that would be waited for."""
    if not data.startswith(b"HTTP/1."[: len(data)]):
        raise _wrong_start(data)


def _wrong_start(data: bytes) -> HTTPError:
    rule = "it must begin with HTTP/1.1 or another 1.x and a status from 100 to 999"
    return HTTPError(400, f"{rule}, not with {data[:20]!r}")


def _read_plain(head: bytes) -> tuple[int, Fields, int] | None:
    """Read a head in which nothing is unusual, or leave it alone, as for requests."""
    match = _plain(head)
    return match and (int(match[1]), plain_fields(match[2]), 1)


_REQUEST = h11.Request(method="GET", target="/", headers=[("Host", "upstream")])
"""What h11 takes to have been asked. Nothing that is read here depends on it."""


_space_before_colon = re.compile(rf"(\r\n{TOKEN})[ \t]+:".encode())


def _read_with_h11(head: bytes) -> tuple[int, Fields, int]:
    _refuse_other_protocols(head)
    refuse_line_faults(head, RESPONSE_FAULTS)
    line = _status_line(head)
    if not line:
        raise _wrong_start(head)
    status = int(line[2])
    if status == 101:
        raise HTTPError(400, "it switched protocols unasked")
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=len(head))
    connection.send(_REQUEST)
    _, fields = read_with_h11(connection, _space_before_colon.sub(rb"\1:", head))
    return status, fields, 0 if line[1] == b"0" else 1  # RFC 9110, section 2.5


_TELLING = frozenset(("connection", "content-length", "transfer-encoding"))


def _understand(status: int, fields: Fields, minor: int, method: str) -> ResponseHead:
    """What the fields say about the body and the connection."""
    fields = _with_one_length(fields)
    said = telling_fields(fields, _TELLING)
    # Looked at even where no body can be: the relay hands on what HEAD would have got.
    length = body_length(said, minor, untold=UNTIL_CLOSE)
    if is_bodiless(method, status):
        length = 0
    return ResponseHead(
        status, fields, minor, length, length != UNTIL_CLOSE and persists(said, minor)
    )


def _with_one_length(fields: Fields) -> Fields:
    """The fields with one Content-Length in place of several equal ones (RFC 9112, section 6.3).

    HTTPError 400 where they differ.
    """
    lengths = [value for name, value in fields if name == "content-length"]
    if not lengths or (len(lengths) == 1 and "," not in lengths[0]):
        return fields
    members = {length.strip(" \t") for value in lengths for length in value.split(",")}
    if len(members) > 1:
        raise HTTPError(400, f"its Content-Length values differ: {', '.join(lengths)[:80]}")
    others = [field for field in fields if field[0] != "content-length"]
    at = next(at for at, (name, _) in enumerate(fields) if name == "content-length")
    return [*others[:at], ("content-length", members.pop()), *others[at:]]
