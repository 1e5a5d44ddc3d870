"""Request heads: read, as a server does, and written, as the relay does (RFC 9112, section 3)."""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

import h11

from streamserver.wire.fields import TOKEN
from streamserver.wire.heads import (
    EMPTY_LINE,
    PLAIN_LINE,
    REQUEST_FAULTS,
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
from streamserver.wire.problem import HTTPError


class RequestHead(NamedTuple):
    """A request without its body: what was asked, and how the message is framed."""

    method: str
    target: str
    """Origin-form or ``*``, as it came; of an absolute-form, its path and query."""
    minor: int
    """0 for HTTP/1.0; 1 for HTTP/1.1 and every later 1.x, which is processed as 1.1."""
    fields: Fields
    """Names in lower case, values decoded from Latin-1, in order."""
    length: int = 0
    """Bytes of body, or ``CHUNKED``."""
    keep_alive: bool = True
    """Whether the client will take another answer on this connection."""
    expects_continue: bool = False
    """Whether the client waits for a 100 before it sends the body."""


def read_request_head(
    data: bytes, max_head: int, max_target: int, seen: int = 0
) -> tuple[RequestHead | None, bytes]:
    """The first head in ``data`` and what follows it, or ``(None, data)`` while it is unfinished.

    ``seen``: how much of ``data`` was found unfinished before, and need not be looked at again.
    Raises HTTPError: 400 for what breaks the grammar, 414 and 431 for what is too long,
    417 for an unknown expectation, 501 for an unknown transfer coding or method, 505 for an
    unknown version. After an error nothing that follows can be trusted.
    """
    if data.startswith(b"\r\n"):  # left behind by old clients; RFC 9112, section 2.2
        data = _empty_lines.sub(b"", data, 1)
    end = data.find(EMPTY_LINE, max(seen - 3, 0))
    if end > max_head or (end < 0 and len(data) > max_head + 3):
        raise _too_large(data, max_head, max_target)
    if end < 0:
        refuse_early_faults(data, REQUEST_FAULTS, seen)
        return None, data
    head = data[: end + 4]
    read = _read_plain(head)
    if read is None:
        refuse_line_faults(head, REQUEST_FAULTS)
        read = _read_with_h11(head)
    return _understand(*read, max_target), data[end + 4 :]


_empty_lines = re.compile(rb"\A(?:\r\n)+")


def _too_large(data: bytes, max_head: int, max_target: int) -> HTTPError:
    if max(map(len, data.partition(b"\r\n")[0].split(b" "))) > max_target:
        return HTTPError(414, f"the request target is longer than {max_target} bytes")
    return HTTPError(431, f"the request head is longer than {max_head} bytes")


_plain = re.compile(
    r"(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) (/[!-\"$-~]*) HTTP/1\.1\r\n"
    rf"({PLAIN_LINE}+)\r\n".encode()
).fullmatch


def _read_plain(head: bytes) -> tuple[str, str, int, Fields] | None:
    """Read a head in which nothing is unusual, or leave it alone.

    What nearly every client sends is a small part of the grammar, and one expression
    decides whether a head lies in it; h11 would say the same of each, a field at a time, at
    six times the cost. The tests hold the two to the same meaning.
    """
    match = _plain(head)
    if match is None:
        return None
    method, target, lines = match.groups()
    return method.decode("ascii"), target.decode("ascii"), 1, plain_fields(lines)


_other_version = re.compile(rb"[^\r]* (HTTP/(?!1)[0-9]\.[0-9])\r\n").match


def _read_with_h11(head: bytes) -> tuple[str, str, int, Fields]:
    """Read any other head; h11 accepts every version that has one digit on either side."""
    if version := _other_version(head):
        raise HTTPError(505, f"{version[1].decode()} is not supported: use HTTP/1.1")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head))
    event, fields = read_with_h11(connection, head)
    assert isinstance(event, h11.Request), event
    minor = 0 if event.http_version == b"1.0" else 1  # RFC 9110, section 2.5
    return event.method.decode("ascii"), event.target.decode("ascii"), minor, fields


_absolute = re.compile(r"https?://([^/?#]*)((?:[/?][^#]*)?)", re.IGNORECASE).fullmatch
_TELLING = frozenset(("connection", "content-length", "expect", "host", "transfer-encoding"))


def _understand(
    method: str, target: str, minor: int, fields: Fields, max_target: int
) -> RequestHead:
    """What the fields say about the target, the body and the connection."""
    if len(target) > max_target:
        raise HTTPError(414, f"the request target is longer than {max_target} bytes")
    said = telling_fields(fields, _TELLING)
    if "host" in said:
        _check_host(said["host"])
    elif minor:
        raise HTTPError(400, "an HTTP/1.1 request needs a Host (RFC 9112, section 3.2)")
    if method in _REFUSED_METHODS:
        raise HTTPError(501, f"{method} is not implemented here")
    if not target.startswith("/"):
        target, host = _from_other_form(method, target)
        if host is not None:
            fields = [("host", host), *(field for field in fields if field[0] != "host")]
    elif "#" in target:
        raise HTTPError(400, "a request target has no fragment")
    if len(said) == 1 and minor and "host" in said:
        return RequestHead(method, target, minor, fields)
    return RequestHead(
        method,
        target,
        minor,
        fields,
        body_length(said, minor, untold=0),
        persists(said, minor),
        bool(minor) and _expects_continue(said.get("expect")),
    )


_REFUSED_METHODS = frozenset(("CONNECT", "TRACE"))
"""A tunnel is no response, and an echo of the request shows scripts what they must not see."""


def _from_other_form(method: str, target: str) -> tuple[str, str | None]:
    """A target that is not in origin-form, and the host it names (RFC 9112, section 3.2)."""
    if target == "*" and method == "OPTIONS":
        return target, None
    absolute = _absolute(target)
    if not absolute:
        raise HTTPError(400, 'the request target must begin with "/" or be an http URL')
    host, path = absolute.groups()
    _check_host(host)
    if not path and method == "OPTIONS":
        return "*", host
    return path if path.startswith("/") else "/" + path, host


_host = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2}){1,255})"
    r"(?::([0-9]{0,5}))?"
).fullmatch


@lru_cache(maxsize=64)  # a server goes by few names, and is asked for them all day
def _check_host(host: str) -> None:
    match = _host(host)
    if match and match[1]:
        try:
            IPv6Address(match[1])
        except ValueError:
            match = None
    if not match or int(match[2] or 0) > 65535:
        raise HTTPError(400, "Host must be one host name or address, with a port or without")


def _expects_continue(expectation: str | None) -> bool:
    if expectation is None:
        return False
    if expectation.lower() != "100-continue":
        raise HTTPError(417, "the only expectation understood here is 100-continue")
    return True


_method_and_target = re.compile(rf'{TOKEN} [!-"$-~]+').fullmatch


def request_head(method: str, target: str, fields: Fields) -> bytes:
    """A request head, its empty line included (RFC 9112, section 3).

    ValueError for a method that is no token, for a target that is empty or has anything but
    printable ASCII, or a "#", in it, and for fields that no message can have, see
    ``field_lines``. Every target that ``read_request_head`` gives goes out as it came.
    """
    line = f"{method} {target}"
    # Neither part may hold a space, so the only one is ours.
    if not _method_and_target(line):
        raise ValueError(f"not a method and a request target: {method!r}, {target!r}")
    return f"{line} HTTP/1.1\r\n{field_lines(fields)}\r\n".encode("latin-1")
