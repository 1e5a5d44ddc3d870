"""What a recipient of responses has to repair (RFC 9110 and 9112), done to their bytes.

Bytes that need no repair stay as they are, so h11 and a strict table can judge the result.
"""

import re
from collections.abc import Iterable

from streamserver.wire.chunked import FORBIDDEN_TRAILERS
from streamserver.wire.fields import TOKEN
from support.request_heads import EMPTY_LINE

_space_before_colon = re.compile(rf"(\A|\r\n)({TOKEN})[ \t]+:".encode())
_size_line = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;[^\r\n]*?)?[ \t]*\r\n").match


def repaired(data: bytes, method: str) -> bytes:
    """A response to this method, and what follows it."""
    whole = b""
    while data:
        head, end, data = data.partition(EMPTY_LINE)
        line, crlf, fields = (head + end).partition(b"\r\n")
        fields = crlf.join(_with_one_length(_field_lines(fields).split(b"\r\n")))
        whole += line + crlf + fields
        status = line[9:12]
        if not status.startswith(b"1"):
            bodiless = method == "HEAD" or status in (b"204", b"304")
            if re.search(rb"(?i)(?:\A|\r\n)transfer-encoding:", fields) and not bodiless:
                data = _chunks(data)
            return whole + data
    return whole


def _field_lines(lines: bytes) -> bytes:
    """Folds are joined (RFC 9112, section 5.2), whitespace before colons is removed (5.1)."""
    return re.sub(rb"\r\n[ \t]+", b" ", _space_before_colon.sub(rb"\1\2:", lines))


def _with_one_length(lines: list[bytes]) -> Iterable[bytes]:
    """Equal values of Content-Length are one (RFC 9112, section 6.3)."""
    named = [line for line in lines if re.match(rb"(?i)content-length:", line)]
    members = {one.strip(b" \t") for line in named for one in line.partition(b":")[2].split(b",")}
    if len(members) != 1:
        return lines
    at = lines.index(named[0])
    others = [line for line in lines if line not in named]
    return [*others[:at], b"Content-Length: " + members.pop(), *others[at:]]


def _chunks(body: bytes) -> bytes:
    """Sizes without padding (RFC 9112, section 7.1.1), trailers without the forbidden ones."""
    whole = b""
    while line := _size_line(body):
        whole += line[1] + (line[2] or b"") + b"\r\n"
        body = body[line.end() :]
        size = int(line[1], 16)
        if not size:
            return whole + _trailers(body)
        whole += body[: size + 2]
        body = body[size + 2 :]
    return whole + body


def _trailers(body: bytes) -> bytes:
    lines, end, rest = body.partition(EMPTY_LINE)
    if body.startswith(b"\r\n") or not end:
        return body
    kept = [
        line
        for line in _field_lines(lines).split(b"\r\n")
        if line.partition(b":")[0].decode("latin-1").lower() not in FORBIDDEN_TRAILERS
    ]
    return b"".join([line + b"\r\n" for line in kept]) + end[2:] + rest
