"""Request heads as h11 has them, in our words.

h11 is the oracle: whatever it refuses we refuse, and whatever it takes means the same to us,
save for the liberties that are named here one by one, all of which we refuse.
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
    liberty_of_framing,
    liberty_of_lines,
)
from support.request_heads import EMPTY_LINE, LIMIT, read


def ask_h11(data: bytes) -> RequestHead | None:
    """What h11 makes of the same whole head; None if it refuses.

    What it knows of the connection shows once the body is fed to it.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request), "the head is whole"
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
    said = dict(fields)
    length = CHUNKED if "transfer-encoding" in said else int(said.get("content-length", "0"))
    waits = connection.they_are_waiting_for_100_continue
    # To h11 a bare LF may end the head early; then what is left is no body of this message.
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


def liberty(data: bytes, head: RequestHead) -> str | None:
    """The first liberty that a head takes which h11 lets pass, and we don't."""
    if name := liberty_of_lines(data):
        return name
    if not re.match(rb"[^\r]* HTTP/1\.[0-9]\r\n", data):
        return "another version"
    return _liberty_of_target(head) or _liberty_of_fields(data, head)


def _liberty_of_target(head: RequestHead) -> str | None:
    if head.method in ("CONNECT", "TRACE"):
        return "a method that is not for an origin"
    if "#" in head.target:
        return "a fragment"
    if head.target.startswith("/") or (head.method, head.target) == ("OPTIONS", "*"):
        return None
    absolute = re.match(r"https?://([^/?]*)", head.target, re.IGNORECASE)
    return None if absolute and is_host(absolute[1]) else "a target of another form"


def _liberty_of_fields(data: bytes, head: RequestHead) -> str | None:
    lines = field_lines(data)
    names = [name for name, _ in lines]
    said = dict(lines)
    if name := liberty_of_framing(lines, head.minor):
        return name
    if head.minor and b"host" not in said:
        return "no host in a later version"
    if b"host" in said and not is_host(said[b"host"].decode("latin-1")):
        return "a broken host"
    if names.count(b"expect") > 1:
        return "more than one expectation"
    if head.minor and said.get(b"expect", b"100-continue").lower() != b"100-continue":
        return "an unknown expectation"
    return None


def as_we_say_it(head: RequestHead) -> RequestHead:
    """What h11 read, in our words: these are all the differences in meaning.

    An absolute-form becomes the target it names, and its host the Host, put first. A HTTP/1.0
    client that asks for it may keep its connection.
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
    """Hold our reading of a head, up to the first empty line in these bytes, to h11's."""
    start = without_empty_lines(data)
    head = start.partition(EMPTY_LINE)[0] + EMPTY_LINE
    if head == EMPTY_LINE:
        return
    theirs, ours = ask_h11(head), read(data[: len(data) - len(start)] + head)
    if theirs is None or liberty(head, theirs):
        assert isinstance(ours, int), f"taken, though it should be refused: {data!r}"
    else:
        assert isinstance(ours, RequestHead), f"refused with {ours}: {data!r}"
        ours = ours._replace(fields=coding_in_lower_case(ours.fields))
        assert ours == as_we_say_it(theirs), data
