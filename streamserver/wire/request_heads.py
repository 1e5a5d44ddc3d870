"""Request heads: read, as a server does, and written, as the relay does (RFC 9112, section 3)."""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

import h11

from streamserver.wire.fields import TOKEN
from streamserver.wire.heads import (
    NO_FIELDS,
    PLAIN_LINE,
    REQUEST_FAULTS,
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
from streamserver.wire.problem import HTTPError


class RequestHead(NamedTuple):
    """A request without its body: the request line, the fields, and how the body is framed."""

    method: str
    target: str
    """Origin-form or ``*``, as received; of an absolute-form, its path and query."""
    minor: int
    """0 for HTTP/1.0; 1 for HTTP/1.1 and every later 1.x, which is processed as 1.1."""
    fields: Fields
    """Names in lower case, values decoded from Latin-1, in order."""
    length: int = 0
    """Bytes of body, or ``CHUNKED``."""
    keep_alive: bool = True
    """Whether the client accepts another response on this connection."""
    expects_continue: bool = False
    """Whether the client waits for a 100 before it sends the body."""

    def without_fields(self, kept: Collection[str] = ()) -> "RequestHead":
        """The same head, without the memory that its fields take but those of these names."""
        method, target, minor, fields, length, keep_alive, expects_continue = self
        left = [field for field in fields if field[0] in kept] if kept else NO_FIELDS
        parts = (method, target, minor, left, length, keep_alive, expects_continue)
        return _new(RequestHead, parts)


_plain = re.compile(
    r"(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) (/[!-\"$-~]*+) HTTP/1\.1\r\n"
    rf"({PLAIN_LINE}++)\r\n"
).match
_new = tuple.__new__  # takes half the time of RequestHead()
_SINGLETONS = ("content-length", "expect", "host")
_CONTROLS = frozenset(("connection", "content-length", "expect", "transfer-encoding"))
"""Fields that change how the message is read or answered."""


def read_request_head(
    data: bytes, max_head: int, max_target: int, seen: int = 0
) -> tuple[RequestHead | None, bytes]:
    """The first head in ``data`` and what follows it; ``(None, data)`` while it is incomplete.

    ``seen``: bytes of ``data`` in which an earlier call has found no complete head.
    HTTPError 400 for malformed heads, 414 and 431 for too long ones, 417 for an unknown
    expectation, 501 for an unknown transfer coding or method, 505 for an unknown version.
    After an error the connection can only be closed.
    """
    plain = None
    if not seen and len(data) <= max_head:  # usually one complete head
        plain = _plain(data.decode("latin-1"))
    if plain is None:
        data = _empty_lines.sub(b"", data, 1)  # sent by old clients; RFC 9112, section 2.2
        if len(data) > max_head:
            _check_line(data, max_target)
        end = find_end(data, max_head, seen, REQUEST_FAULTS)
        if not end:
            return None, data
        plain = _plain(data[:end].decode("latin-1"))
        if plain is None:
            return _read_with_h11(data[:end], max_target), data[end:]
    method, target, lines = plain.groups()
    head = _interpret(method, target, 1, plain_fields(lines), max_target)
    return head, data[plain.end() :]


_empty_lines = re.compile(rb"\A(?:\r\n)+")


def _check_line(data: bytes, max_target: int) -> None:
    if max(map(len, data.partition(b"\r\n")[0].split(b" "))) > max_target:
        raise HTTPError(414, f"the request target is longer than {max_target} bytes")


def _interpret(
    method: str, target: str, minor: int, fields: Fields, max_target: int
) -> RequestHead:
    if len(target) > max_target:
        raise HTTPError(414, f"the request target is longer than {max_target} bytes")
    values = dict(fields)
    if len(values) < len(fields):
        values = joined(fields, _SINGLETONS)
    host = values.get("host")
    if host is not None:
        if not is_host(host):
            raise HTTPError(400, _BAD_HOST)
    elif minor:
        raise HTTPError(400, "an HTTP/1.1 request needs a Host (RFC 9112, section 3.2)")
    if _CONTROLS.isdisjoint(values):
        length, keep_alive, expects_continue = 0, minor > 0, False
    else:
        length = body_length(values, minor, default=0)
        keep_alive = persists(values, minor)
        expects_continue = minor > 0 and "expect" in values
        if expects_continue and values["expect"].lower() != "100-continue":
            raise HTTPError(417, "the only expectation implemented here is 100-continue")
    parts = (method, target, minor, fields, length, keep_alive, expects_continue)
    return _new(RequestHead, parts)


_other_version = re.compile(rb"[^\r]* (HTTP/(?!1)[0-9]\.[0-9])\r\n").match


def _read_with_h11(data: bytes, max_target: int) -> RequestHead:
    refuse_faults(data, REQUEST_FAULTS, 0, len(data))
    if version := _other_version(data):  # h11 accepts every one
        raise HTTPError(505, f"{version[1].decode()} is not supported: use HTTP/1.1")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(data))
    event, fields = read_with_h11(connection, data)
    assert isinstance(event, h11.Request), event
    method, target = event.method.decode("ascii"), event.target.decode("ascii")
    minor = 0 if event.http_version == b"1.0" else 1  # RFC 9110, section 2.5
    head = _interpret(method, target, minor, fields, max_target)
    if method in _REFUSED_METHODS:
        raise HTTPError(501, f"{method} is not implemented here")
    if not target.startswith("/"):
        return _in_origin_form(head)
    if "#" in target:
        raise HTTPError(400, "a request target has no fragment")
    return head


_REFUSED_METHODS = frozenset(("CONNECT", "TRACE"))
"""A tunnel is not a response, and an echo of the request shows scripts the client's credentials."""
_absolute = re.compile(r"https?://([^/?#]*)((?:[/?][^#]*)?)", re.IGNORECASE).fullmatch


def _in_origin_form(head: RequestHead) -> RequestHead:
    """A head whose target has another form (RFC 9112, section 3.2)."""
    if head.target == "*" and head.method == "OPTIONS":
        return head
    absolute = _absolute(head.target)
    if not absolute:
        raise HTTPError(400, 'the request target must begin with "/" or be an http URL')
    host, path = absolute.groups()
    if not is_host(host):
        raise HTTPError(400, _BAD_HOST)
    if not path.startswith("/"):
        path = "*" if not path and head.method == "OPTIONS" else "/" + path
    fields = [("host", host), *(field for field in head.fields if field[0] != "host")]
    return head._replace(target=path, fields=fields)


_host = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2}){1,255})"
    r"(?::([0-9]{0,5}))?"
).fullmatch


_BAD_HOST = "Host must be one host name or address, with a port or without"


@lru_cache(maxsize=64)  # a server has few names
def is_host(host: str) -> bool:
    """Whether a text is a value of Host that is not empty (RFC 9110, section 7.2)."""
    match = _host(host)
    if match and match[1]:
        try:
            IPv6Address(match[1])
        except ValueError:
            return False
    return match is not None and int(match[2] or 0) <= 65535


_method_and_target = re.compile(rf'{TOKEN} [!-"$-~]+').fullmatch


def request_head(method: str, target: str, fields: Fields, are_well_formed: bool = False) -> bytes:
    """A request head, its empty line included (RFC 9112, section 3).

    ValueError for a method that is not a token, for a target that is empty or has a "#" or
    characters other than printable ASCII, and for malformed fields, see ``field_lines``.
    """
    line = f"{method} {target}"
    # Neither part may contain a space, so the line has one.
    if not _method_and_target(line):
        raise ValueError(f"not a method and a request target: {method!r}, {target!r}")
    lines = field_lines(fields, are_well_formed)
    return f"{line} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
