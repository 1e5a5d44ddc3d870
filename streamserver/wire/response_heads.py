"""Response heads: written, as a server does, and read, as the relay does (RFC 9112, section 4).

The reader is strict, but repairs what a recipient of responses has to repair (RFC 9112): it removes
whitespace before a colon (section 5.1), joins a folded line with one space (section 5.2), and
makes equal values of Content-Length one (section 6.3). The fields of a ``ResponseHead`` are the
repaired ones. Everything else that is malformed is a 502, whose detail names the fault.
"""

import re
from http import HTTPStatus
from typing import NamedTuple

import h11

from streamserver.wire.fields import TOKEN
from streamserver.wire.heads import (
    PLAIN_LINE,
    RESPONSE_FAULTS,
    Fields,
    body_length,
    field_lines,
    find_end,
    joined,
    persists,
    plain_fields,
    read_with_h11,
    refuse_faults,
)
from streamserver.wire.problem import HTTPError, reason_phrase

UNTIL_CLOSE = -2
"""The length of a body that ends when the connection does, so that a cut cannot be detected."""


def is_bodiless(method: str, status: int) -> bool:
    """Whether the response has no body, independent of its fields (RFC 9112, section 6.3)."""
    return method == "HEAD" or status < 200 or status == 204 or status == 304


_STATUS_LINES = {
    int(status): f"HTTP/1.1 {status:d} {reason_phrase(status)}\r\n" for status in HTTPStatus
}


def response_head(
    status: int, fields: Fields, own: str = "", are_well_formed: bool = False
) -> bytes:
    """A response head, its empty line included (RFC 9112, section 4).

    ``own``: further field lines, which are not checked. ValueError for a status outside 100 to
    999, and for malformed fields, see ``field_lines``.
    """
    line = _STATUS_LINES.get(status)
    if line is None:
        if not 100 <= status <= 999:
            raise ValueError(f"a status code has three digits, not {status!r}")
        line = f"HTTP/1.1 {status} \r\n"
    return f"{line}{field_lines(fields, are_well_formed)}{own}\r\n".encode("latin-1")


class ResponseHead(NamedTuple):
    """A response without its body: the status, the fields, and how the body is framed."""

    status: int
    """100 to 999 but never 101; below 200 it is an interim response."""
    fields: Fields
    """Names in lower case, values decoded from Latin-1, in order."""
    minor: int = 1
    """0 for HTTP/1.0; 1 for HTTP/1.1 and every later 1.x, which is processed as 1.1."""
    length: int = 0
    """Bytes of body, ``CHUNKED`` or ``UNTIL_CLOSE``; 0 if the response has none."""
    keep_alive: bool = True
    """Whether the upstream accepts another request on this connection."""


_plain = re.compile(
    rf"HTTP/1\.1 (?!101)([1-5][0-9]{{2}})(?: [\t -~]*+)?\r\n({PLAIN_LINE}*+)\r\n"
).match


_new = tuple.__new__  # takes half the time of ResponseHead()


def read_response_head(
    data: bytes, method: str, max_head: int, seen: int = 0
) -> tuple[ResponseHead | None, bytes]:
    """The first head in ``data`` and what follows it; ``(None, data)`` while it is incomplete.

    ``method``: that of the request. ``seen``: bytes of ``data`` in which an earlier call has found
    no complete head. HTTPError 502 for every fault, and for a 101, since no request here asks
    for an upgrade. After an error the connection can only be closed.
    """
    plain = None
    if not seen and len(data) <= max_head:
        plain = _plain(data.decode("latin-1"))
    try:
        if plain is None:
            _refuse_other_protocols(data)
            end = find_end(data, max_head, seen, RESPONSE_FAULTS)
            if not end:
                return None, data
            plain = _plain(data[:end].decode("latin-1"))
            if plain is None:
                return _interpret(*_read_with_h11(data[:end]), method), data[end:]
        status, lines = plain.groups()
        head = _interpret(int(status), plain_fields(lines), 1, method)
        return head, data[plain.end() :]
    except HTTPError as error:
        raise upstream_fault(error.detail) from error


BROKEN = "the upstream's response is broken: "


def upstream_fault(detail: str) -> HTTPError:
    """The 502 for a malformed response (RFC 9110, section 15.6.3)."""
    return HTTPError(502, BROKEN + detail)


def _refuse_other_protocols(data: bytes) -> None:
    """Refuse at once: another protocol may never send an empty line."""
    if not data.startswith(b"HTTP/1."[: len(data)]):
        raise _wrong_start(data)


def _wrong_start(data: bytes) -> HTTPError:
    rule = "it must begin with HTTP/1.1 or another 1.x and a status from 100 to 999"
    return HTTPError(400, f"{rule}, not with {data[:20]!r}")


_status_line = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r]*)?\r\n").match
_space_before_colon = re.compile(rf"(\r\n{TOKEN})[ \t]+:".encode())
_REQUEST = h11.Request(method="GET", target="/", headers=[("Host", "upstream")])
"""h11 needs a request before a response; nothing that is read here depends on it."""


def _read_with_h11(head: bytes) -> tuple[int, Fields, int]:
    refuse_faults(head, RESPONSE_FAULTS, 0, len(head))
    line = _status_line(head)
    if not line:
        raise _wrong_start(head)
    status = int(line[2])
    if status == 101:
        raise HTTPError(400, "it switched protocols without a request to do so")
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=len(head))
    connection.send(_REQUEST)
    _, fields = read_with_h11(connection, _space_before_colon.sub(rb"\1:", head))
    return status, fields, 0 if line[1] == b"0" else 1  # RFC 9110, section 2.5


def _interpret(status: int, fields: Fields, minor: int, method: str) -> ResponseHead:
    values = dict(fields)
    if len(values) < len(fields):
        values = joined(fields)
    if "," in values.get("content-length", ""):
        fields = _with_one_length(fields)
        values = joined(fields)
    # Even where the response has no body: the relay passes the framing fields on.
    length = body_length(values, minor, default=UNTIL_CLOSE)
    if is_bodiless(method, status):
        length = 0
    keep_alive = length != UNTIL_CLOSE and persists(values, minor)
    return _new(ResponseHead, (status, fields, minor, length, keep_alive))


def _with_one_length(fields: Fields) -> Fields:
    """The fields with one Content-Length for several equal values (RFC 9112, section 6.3).

    HTTPError 400 if they differ.
    """
    lengths = [value for name, value in fields if name == "content-length"]
    members = {length.strip(" \t") for value in lengths for length in value.split(",")}
    if len(members) > 1:
        raise HTTPError(400, f"its Content-Length values differ: {', '.join(lengths)[:80]}")
    others = [field for field in fields if field[0] != "content-length"]
    at = next(at for at, (name, _) in enumerate(fields) if name == "content-length")
    return [*others[:at], ("content-length", members.pop()), *others[at:]]
