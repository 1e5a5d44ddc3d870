"""Request heads as h11 reads them, in the form of ours.

h11 is the oracle: we refuse what it refuses, and read the same in what it accepts, except for the
leniencies listed here, which we refuse.
"""

import re
from ipaddress import AddressValueError, IPv6Address

import h11

from streamserver.wire.heads import CHUNKED
from streamserver.wire.request_heads import RequestHead
from support.h11_heads import (
    coding_in_lower_case,
    connection_options,
    field_lines,
    leniency_of_framing,
    leniency_of_lines,
)
from support.request_heads import EMPTY_LINE, LIMIT, read


def read_with_h11(data: bytes) -> RequestHead | None:
    """A complete head as h11 reads it; None if h11 refuses it.

    The body is fed too, since only then h11 knows whether the connection persists.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request), "the head is whole"
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    values = dict(fields)
    length = CHUNKED if "transfer-encoding" in values else int(values.get("content-length", "0"))
    waits = connection.they_are_waiting_for_100_continue
    # To h11 a bare LF may end the head early; the trailing data is then no body of this message.
    if length < 10_000 and not connection.trailing_data[0]:
        connection.receive_data(b"0\r\n\r\n" if length == CHUNKED else bytes(length))
        while not isinstance(connection.next_event(), h11.EndOfMessage):
            pass
    keep_alive = connection.their_state is not h11.MUST_CLOSE
    minor = int(event.http_version != b"1.0")
    method, target = event.method.decode(), event.target.decode()
    return RequestHead(method, target, minor, fields, length, keep_alive, waits)


def without_empty_lines(data: bytes) -> bytes:
    """The bytes from the request line on: h11 does not skip the empty lines before it."""
    return re.sub(rb"\A(?:\r\n)+", b"", data)


def is_host(text: str) -> bool:
    """A host and perhaps a port (RFC 9110, section 7.2; RFC 3986, section 3.2)."""
    name, colon, port = text.rpartition(":") if re.search(r":[^\]]*\Z", text) else (text, "", "")
    if (
        colon
        and port
        and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535)
    ):
        return False
    if name.startswith("[") and name.endswith("]"):
        try:
            return "%" not in name and bool(IPv6Address(name[1:-1]))
        except AddressValueError:
            return False
    plain = re.sub("%[0-9A-Fa-f]{2}", "", name)
    return bool(name) and len(name) <= 255 and not set(plain) - set(HOST_CHARACTERS)


HOST_CHARACTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"  # with what follows: RFC
    "-._~!$&'()*+;="  # 3986's reg-name, less the comma, by which a list of hosts would pass
)


def leniency(data: bytes, head: RequestHead) -> str | None:
    """The first leniency of h11 in a head."""
    if name := leniency_of_lines(data):
        return name
    if not re.match(rb"[^\r]* HTTP/1\.[0-9]\r\n", data):
        return "another version"
    return _leniency_of_target(head) or _leniency_of_fields(data, head)


def _leniency_of_target(head: RequestHead) -> str | None:
    if head.method in ("CONNECT", "TRACE"):
        return "a method that is not for an origin"
    if "#" in head.target:
        return "a fragment"
    if head.target.startswith("/") or (head.method, head.target) == ("OPTIONS", "*"):
        return None
    absolute = re.match(r"https?://([^/?]*)", head.target, re.IGNORECASE)
    return None if absolute and is_host(absolute[1]) else "a target of another form"


def _leniency_of_fields(data: bytes, head: RequestHead) -> str | None:
    lines = field_lines(data)
    names = [name for name, _ in lines]
    values = dict(lines)
    if name := leniency_of_framing(lines, head.minor):
        return name
    if head.minor and b"host" not in values:
        return "no host in a later version"
    if b"host" in values and not is_host(values[b"host"].decode("latin-1")):
        return "a broken host"
    if names.count(b"expect") > 1:
        return "more than one expectation"
    if head.minor and values.get(b"expect", b"100-continue").lower() != b"100-continue":
        return "an unknown expectation"
    return None


def in_our_form(head: RequestHead) -> RequestHead:
    """A head that h11 has read, with all differences in meaning applied.

    An absolute-form becomes its path and query, and its host the Host, which comes first. The
    connection of an HTTP/1.0 client may be kept if the client asks for it.
    """
    options = connection_options(head.fields)
    keep_alive = (
        head.keep_alive if head.minor else "keep-alive" in options and "close" not in options
    )
    target, fields = head.target, head.fields
    if match := re.match(r"https?://([^/?]*)(.*)", target, re.IGNORECASE):
        host, path = match.groups()
        fields = [("host", host), *(field for field in fields if field[0] != "host")]
        bare = "*" if head.method == "OPTIONS" else "/"
        target = path if path.startswith("/") else "/" + path if path else bare
    return head._replace(target=target, fields=fields, keep_alive=keep_alive)


def compare(data: bytes) -> None:
    """Compare our reading of the first head in ``data`` with that of h11."""
    start = without_empty_lines(data)
    head = start.partition(EMPTY_LINE)[0] + EMPTY_LINE
    if head == EMPTY_LINE:
        return
    theirs, ours = read_with_h11(head), read(data[: len(data) - len(start)] + head)
    if theirs is None or leniency(head, theirs):
        assert isinstance(ours, int), f"accepted, not refused: {data!r}"
    else:
        assert isinstance(ours, RequestHead), f"refused with {ours}: {data!r}"
        ours = ours._replace(fields=coding_in_lower_case(ours.fields))
        assert ours == in_our_form(theirs), data
