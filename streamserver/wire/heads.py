"""Request heads read, response heads written (RFC 9112, sections 2 to 7).

h11 reads: it knows the grammar and ten years of what goes wrong with it. But it is lenient
where a server on the open internet may not be, since every leniency is a chance that a
proxy in front reads the same bytes differently (RFC 9112, section 11). So a head first
passes a strict look at its lines, then h11, then a look at the fields that decide where the
message ends. What is refused carries its status and says why. Heads in which nothing is
unusual, and they are nearly all, lie so far inside the grammar that one expression can tell;
for them alone h11, which takes six times as long, is not asked.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

import h11

from streamserver.wire.fields import TOKEN, split_list
from streamserver.wire.problem import HTTPError, reason_phrase

Fields = list[tuple[str, str]]

CHUNKED = -1
"""The length of a body whose end only its last-chunk tells."""


class RequestHead(NamedTuple):
    """A request without its body: what was asked, and how the message is framed."""

    method: str
    target: str
    """Origin-form or ``*``, as it came; of an absolute-form, its path and query."""
    minor: int
    """1 for HTTP/1.1, 0 for HTTP/1.0."""
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
    end = data.find(b"\r\n\r\n", max(seen - 3, 0))
    if end > max_head or (end < 0 and len(data) > max_head + 3):
        raise _too_large(data, max_head, max_target)
    if end < 0:
        _refuse_line_faults(data, max(seen - 2, 0), len(data) - data.endswith(b"\r"))
        return None, data
    head = data[: end + 4]
    read = _read_plain(head)
    if read is None:
        _refuse_line_faults(head, 0, len(head))
        read = _read_with_h11(head)
    return _understand(*read, max_target), data[end + 4 :]


_empty_lines = re.compile(rb"\A(?:\r\n)+")
_LINE_FAULTS = (
    (re.compile(rb"\0"), "a NUL byte"),
    (re.compile(rb"(?<!\r)\n"), "a line that ends in LF alone"),
    (re.compile(rb"\r(?!\n)"), "a CR that no LF follows"),
    (re.compile(rb"\r\n[ \t]"), "a folded field line"),
    (re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"), "a control character"),
    (re.compile(rb"(?i)\r\ncontent-length:[^\r]*,"), "a list in Content-Length"),
    (re.compile(rb"(?is)\r\ncontent-length:.*\r\ncontent-length:"), "Content-Length twice"),
)


def _refuse_line_faults(head: bytes, start: int, end: int) -> None:
    for fault, name in _LINE_FAULTS:
        if fault.search(head, start, end):
            raise HTTPError(400, f"the request head holds {name}")


def _too_large(data: bytes, max_head: int, max_target: int) -> HTTPError:
    if max(map(len, data.partition(b"\r\n")[0].split(b" "))) > max_target:
        return HTTPError(414, f"the request target is longer than {max_target} bytes")
    return HTTPError(431, f"the request head is longer than {max_head} bytes")


_plain = re.compile(
    r"(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) (/[!-\"$-~]*) HTTP/1\.1\r\n"
    rf"((?:{TOKEN}:[\t -~]*\r\n)+)\r\n".encode()
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
    fields = []
    for line in lines.decode("ascii").split("\r\n"):
        name, _, value = line.partition(":")
        fields.append((name.lower(), value.strip(" \t")))
    del fields[-1]
    return method.decode("ascii"), target.decode("ascii"), 1, fields


_as_bytes = re.compile(r"bytearray\(b(.*)\)")
_version = re.compile(rb"[^\r]* HTTP/([0-9]\.[0-9])\r\n").match


def _read_with_h11(head: bytes) -> tuple[str, str, int, Fields]:
    version = _version(head)
    if version and version[1] not in (b"1.0", b"1.1"):
        raise HTTPError(505, f"HTTP/{version[1].decode()} is not spoken here; use HTTP/1.1")
    # One connection per head: its state machine is about turns, which the engine keeps.
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(head))
    try:
        connection.receive_data(head)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        status = 501 if error.error_status_hint == 501 else 400
        raise HTTPError(status, _as_bytes.sub(r"\1", str(error))) from error
    assert isinstance(event, h11.Request), event
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    return (
        event.method.decode("ascii"),
        event.target.decode("ascii"),
        1 if event.http_version == b"1.1" else 0,
        fields,
    )


_absolute = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE).fullmatch
_DEFINING = frozenset(("connection", "content-length", "expect", "host", "transfer-encoding"))


def _understand(
    method: str, target: str, minor: int, fields: Fields, max_target: int
) -> RequestHead:
    """What the fields say about the target, the body and the connection."""
    if len(target) > max_target:
        raise HTTPError(414, f"the request target is longer than {max_target} bytes")
    said: dict[str, str] = {}
    for name, value in fields:
        if name in _DEFINING:
            if name in said and name != "connection":
                raise HTTPError(400, f"{name} is given twice")
            said[name] = f"{said[name]},{value}" if name in said else value
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
    connection = split_list(said["connection"].lower()) if "connection" in said else ()
    return RequestHead(
        method,
        target,
        minor,
        fields,
        _body_length(said, minor),
        "close" not in connection and (bool(minor) or "keep-alive" in connection),
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


_digits = re.compile(r"[0-9]{1,16}").fullmatch


def _body_length(said: dict[str, str], minor: int) -> int:
    """How the body is framed (RFC 9112, section 6.3), strictly."""
    coding = said.get("transfer-encoding")
    length = said.get("content-length")
    if coding is None:
        if length is None:
            return 0
        if not _digits(length):
            raise HTTPError(400, "Content-Length must be 1 to 16 decimal digits")
        return int(length)
    if length is not None:
        raise HTTPError(400, "Content-Length and Transfer-Encoding exclude each other")
    if not minor:
        raise HTTPError(400, "Transfer-Encoding does not exist in HTTP/1.0")
    if coding.lower() != "chunked":
        raise HTTPError(501, "the only transfer coding understood here is chunked")
    return CHUNKED


def _expects_continue(expectation: str | None) -> bool:
    if expectation is None:
        return False
    if expectation.lower() != "100-continue":
        raise HTTPError(417, "the only expectation understood here is 100-continue")
    return True


_block = re.compile(rf"(?:{TOKEN}:[\t\x20-\x7e\x80-\xff]*\r\n)*").fullmatch


def response_head(status: int, fields: Fields, own: str = "") -> bytes:
    """A response head, its empty line included (RFC 9112, section 4).

    ``own``: further field lines, each with its CRLF, from someone who vouches for them.
    ValueError for a status outside 100 to 999, for a name that is no token and for a value
    with CR, LF, NUL or another control character, since it would split the response.
    """
    if not 100 <= status <= 999:
        raise ValueError(f"a status code has three digits, not {status!r}")
    block = "".join([f"{name}: {value}\r\n" for name, value in fields])
    # Each line ends in the only CRLF it may hold, or a value has smuggled in another line;
    # and its first colon is ours, or a name has smuggled in a value.
    if (
        block.count("\r\n") != len(fields)
        or not _block(block)
        or ":" in "".join([name for name, _ in fields])
    ):
        raise ValueError(f"not a header field: {_offender(fields)}")
    return f"HTTP/1.1 {status} {reason_phrase(status)}\r\n{block}{own}\r\n".encode("latin-1")


def _offender(fields: Fields) -> str:
    for name, value in fields:
        if ":" in name or "\n" in name + value or not _block(f"{name}: {value}\r\n"):
            return f"{name!r}: {value!r}"
    raise AssertionError("the block was refused, so one of its lines must be")


def is_bodiless(method: str, status: int) -> bool:
    """Whether the response has no body whatever its fields say (RFC 9112, section 6.3)."""
    return method == "HEAD" or status < 200 or status == 204 or status == 304
