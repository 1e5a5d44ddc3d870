"""Heads as tables of bytes and meanings, for every cut, and against h11 byte for byte.

h11 is the oracle: whatever it refuses we refuse, and whatever it takes means the same to us,
save for the liberties that are named here one by one, all of which we refuse.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import AddressValueError, IPv6Address

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.heads import (
    CHUNKED,
    RequestHead,
    is_bodiless,
    read_request_head,
    response_head,
)
from streamserver.wire.problem import HTTPError

LIMIT = 1 << 16
HOST = b"Host: a\r\n\r\n"
A = [("host", "a")]


def read(data: bytes, max_head: int = LIMIT, max_target: int = LIMIT) -> RequestHead | int | None:
    """What the bytes mean: a head, None as long as it is unfinished, the status of a refusal."""
    try:
        return read_request_head(data, max_head, max_target)[0]
    except HTTPError as error:
        return error.status


def read_pieces(pieces: Iterable[bytes]) -> RequestHead | int | None:
    """What the bytes mean when they come like this, and each is looked at as it comes."""
    kept = b""
    for piece in pieces:
        try:
            head, kept = read_request_head(kept + piece, LIMIT, LIMIT, len(kept))
        except HTTPError as error:
            return error.status
        if head is not None:
            return head
    return None


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The bytes one by one, and in two pieces, cut everywhere."""
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]


def request(line: bytes, *fields: bytes) -> bytes:
    """A head of this request line and these field lines."""
    return b"\r\n".join((line, *fields, b"", b""))


# --- what heads mean --------------------------------------------------------------------------

MEANINGS: list[tuple[bytes, RequestHead]] = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", RequestHead("GET", "/", 1, A)),
    (
        b"GET /a%20b?c=d&e HTTP/1.1\r\nhost:a\r\nX-Y:  1 \t\r\nx-y:\r\nZ: \xe9:\t2\r\n\r\n",
        RequestHead("GET", "/a%20b?c=d&e", 1, [*A, ("x-y", "1"), ("x-y", ""), ("z", "é:\t2")]),
    ),
    (b"get!#$%&'*+.^_`|~9 / HTTP/1.1\r\n" + HOST, RequestHead("get!#$%&'*+.^_`|~9", "/", 1, A)),
    (
        b"GET //a/../b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        RequestHead("GET", "//a/../b", 1, [("host", "[::1]:80")]),
    ),
    # empty lines before it (RFC 9112, section 2.2)
    (b"\r\nGET / HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, A)),
    (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, A)),
    # the body (RFC 9112, section 6.3)
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("content-length", "0012")], 12),
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("content-length", "9" * 16)], 10**16 - 1),
    ),
    (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        RequestHead("POST", "/", 1, [*A, ("transfer-encoding", "chunked")], CHUNKED),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("content_length", "5"), ("transfer_encoding", "chunked")]),
    ),
    # the connection (RFC 9112, section 9.3)
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("connection", "x, Close")], 0, False),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nconnection: keep-alive\r\n\r\n",
        RequestHead(
            "GET", "/", 1, [*A, ("connection", "close"), ("connection", "keep-alive")], 0, False
        ),
    ),
    (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
        RequestHead("GET", "/", 1, [*A, ("connection", "closed")]),
    ),
    (b"GET / HTTP/1.0\r\n\r\n", RequestHead("GET", "/", 0, [], 0, False)),
    (
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        RequestHead("GET", "/", 0, [("connection", "Keep-Alive")]),
    ),
    (
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        RequestHead("GET", "/", 0, [("connection", "keep-alive, close")], 0, False),
    ),
    # the expectation (RFC 9110, section 10.1.1): HTTP/1.0 has none
    (
        b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n",
        RequestHead(
            "PUT", "/", 1, [*A, ("expect", "100-Continue"), ("content-length", "5")], 5, True, True
        ),
    ),
    (
        b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        RequestHead("PUT", "/", 0, [("expect", "100-continue"), ("content-length", "5")], 5, False),
    ),
    # other targets (RFC 9112, section 3.2): the host comes from the target
    (b"OPTIONS * HTTP/1.1\r\n" + HOST, RequestHead("OPTIONS", "*", 1, A)),
    (
        b"OPTIONS http://b:81 HTTP/1.1\r\n" + HOST,
        RequestHead("OPTIONS", "*", 1, [("host", "b:81")]),
    ),
    (
        b"GET http://b:81/c?d HTTP/1.1\r\nX: 1\r\n" + HOST,
        RequestHead("GET", "/c?d", 1, [("host", "b:81"), ("x", "1")]),
    ),
    (b"GET HTTPS://b HTTP/1.1\r\n" + HOST, RequestHead("GET", "/", 1, [("host", "b")])),
    (b"GET http://b?c HTTP/1.1\r\n" + HOST, RequestHead("GET", "/?c", 1, [("host", "b")])),
]


@pytest.mark.parametrize(("data", "head"), MEANINGS)
def test_what_a_head_means(data: bytes, head: RequestHead) -> None:
    for rest in (b"", b"\0", b"\r\n\r\n", b"GET /2 HTTP/1.1\r\n"):
        assert read_request_head(data + rest, LIMIT, LIMIT) == (head, rest)


@pytest.mark.parametrize("data", [data for data, _ in MEANINGS])
def test_the_beginning_of_a_head_is_waited_for(data: bytes) -> None:
    for end in range(len(data)):
        head, kept = read_request_head(data[:end], LIMIT, LIMIT)
        assert head is None
        # What is kept and what is still to come mean what the whole did.
        assert read(kept + data[end:]) == read(data)
    for pieces in cuts(data):
        assert read_pieces(pieces) == read(data), pieces


def test_an_absolute_form_in_http_1_0_names_the_host() -> None:
    """RFC 9112, section 3.2.2: there may be no Host field to replace."""
    head = read(b"GET http://b/ HTTP/1.0\r\n\r\n")
    assert isinstance(head, RequestHead)
    assert head.fields == [("host", "b")]


# --- what is refused --------------------------------------------------------------------------

REFUSED: list[tuple[int, bytes]] = [
    # request lines
    *(
        (400, request(line, b"Host: a"))
        for line in (
            *(b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET\t/ HTTP/1.1", b" GET / HTTP/1.1"),
            *(
                b"GET /",
                b"GET",
                b" ",
                b"/ HTTP/1.1",
                b"GET / http/1.1",
                b"GET / HTTP/1",
                b"G@T / HTTP/1.1",
            ),
            *(
                b"GET /a b HTTP/1.1",
                b"GET /\xe9 HTTP/1.1",
                b"GET /\x7f HTTP/1.1",
                b"GET /\0 HTTP/1.1",
            ),
            *(
                b"GET a HTTP/1.1",
                b"GET * HTTP/1.1",
                b"OPTIONS */ HTTP/1.1",
                b"GET ftp://a/ HTTP/1.1",
            ),
            *(b"GET http:// HTTP/1.1", b"GET http://u@a/ HTTP/1.1", b"GET http://a:x/ HTTP/1.1"),
            *(b"GET /#a HTTP/1.1", b"GET http://a/#b HTTP/1.1"),
        )
    ),
    *(
        (505, request(line, b"Host: a"))
        for line in (b"GET / HTTP/1.2", b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/9.9")
    ),
    *(
        (501, request(line, b"Host: a"))
        for line in (b"CONNECT a:443 HTTP/1.1", b"CONNECT / HTTP/1.1", b"TRACE / HTTP/1.1")
    ),
    # the ends of lines
    *(
        (400, data)
        for data in (
            b"GET / HTTP/1.1\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
            b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        )
    ),
    # field lines
    *(
        (400, request(b"GET / HTTP/1.1", b"Host: a", line))
        for line in (
            *(b"X", b": x", b"X : x", b"X\t: x", b"X Y: x", b"X(: x", b"\xe9: x", b"X\0: x"),
            *(b" folded", b"\tfolded", b"X: y\r\n folded", b"X:\r\n\tfolded"),
            *(b"X: \0", b"X: \x01", b"X: a\x0bb", b"X: \x0c", b"X: \x1b[2J", b"X: \x7f"),
        )
    ),
    # Host, in HTTP/1.0 too where it is given
    (400, request(b"GET / HTTP/1.1")),
    (400, request(b"GET / HTTP/1.1", b"X: a")),
    (400, request(b"GET http://a/ HTTP/1.1")),
    (400, request(b"GET / HTTP/1.1", b"Host: a", b"host: a")),
    (400, request(b"GET / HTTP/1.0", b"Host: a", b"Host: b")),
    (400, request(b"GET / HTTP/1.0", b"Host: a b")),
    *(
        (400, request(b"GET / HTTP/1.1", b"Host: " + host))
        for host in (
            *(
                b"",
                b"a b",
                b"a,b",
                b"a/",
                b"a?b",
                b"a#b",
                b"u@a",
                b"http://a",
                b'"a"',
                b"a\\",
                b"\xe9",
            ),
            *(b"%2", b"%zz", b":80", b"a:b", b"a:-1", b"a:+1", b"a:65536", b"a:000080", b"a:1:2"),
            *(b"::1", b"[::1", b"::1]", b"[]", b"[a]", b"[::1]a", b"[1.2.3.4]", b"[::1%25eth0]"),
        )
    ),
    # framing that two readers may read in two ways (RFC 9112, section 6.3)
    *(
        (400, request(b"POST / HTTP/1.1", b"Host: a", *fields))
        for fields in (
            *([b"Content-Length: " + n] for n in (b"", b"a", b"+5", b"-5", b"5.0", b"0x5", b"5_0")),
            *([b"Content-Length: " + n] for n in (b"5 5", b"5,5", b"5, 6", b"\xb2", b"1" * 17)),
            [b"Content-Length: 5", b"Content-Length: 6"],
            [b"Content-Length: 5", b"content-length: 5"],
            [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            [b"transfer-encoding: chunked", b"CONTENT-LENGTH: 0"],
        )
    ),
    (400, request(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked")),
    *(
        (501, request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: " + coding))
        for coding in (
            b"gzip",
            b"gzip, chunked",
            b"chunked, chunked",
            b"identity",
            b"",
            b"xchunked",
        )
    ),
    # expectations
    (417, request(b"POST / HTTP/1.1", b"Host: a", b"Expect: 200-ok")),
    (417, request(b"POST / HTTP/1.1", b"Host: a", b"Expect: ")),
    (
        400,
        request(b"POST / HTTP/1.1", b"Host: a", b"Expect: 100-continue", b"Expect: 100-continue"),
    ),
]


@pytest.mark.parametrize(("status", "data"), REFUSED)
def test_what_is_refused(status: int, data: bytes) -> None:
    """At the latest when it is whole; until then it may be waited for, but is never a head."""
    assert read(data) == status
    for end in range(len(data)):
        assert read(data[:end]) in (None, status), data[:end]
    for pieces in cuts(data):
        assert read_pieces(pieces) == status, pieces


def test_a_transfer_coding_twice() -> None:
    coding = b"Transfer-Encoding: chunked"
    assert read(request(b"POST / HTTP/1.1", b"Host: a", coding, coding)) in (400, 501)


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"GET / HTTP/1.1\n", "a line that ends in LF alone"),
        (b"GET / HTTP/1.1\rX", "a CR that no LF follows"),
        (b"GET / HTTP/1.1\r\nX: \0", "a NUL byte"),
        (b"GET / HTTP/1.1\r\nX: y\r\n z", "a folded field line"),
        (b"GET / HTTP/1.1\r\nX: \x1b", "a control character"),
    ],
)
def test_a_fault_is_refused_as_soon_as_it_arrives(data: bytes, detail: str) -> None:
    """And not only when a client that means harm decides to finish."""
    with pytest.raises(HTTPError, match=f"400 Bad Request: .*{detail}"):
        read_request_head(data, LIMIT, LIMIT)


# --- limits -----------------------------------------------------------------------------------


def sized(head: int = 0, target: int = 1) -> bytes:
    """A head of so many bytes, its empty line not counted, with a target of so many."""
    start = b"GET /%b HTTP/1.1\r\nHost: a\r\nX: " % (b"t" * (target - 1))
    return start + b"x" * (head - len(start)) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (sized(head=200), None),
        (sized(head=201), 431),
        (sized(head=1000), 431),
        (sized(target=100), None),
        (sized(target=101), 414),
        (sized(target=100, head=201), 431),
        (sized(target=101, head=201), 414),
        (sized(target=1000), 414),
        (b"GET /" + b"t" * 500, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 500, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 500, 431),
        (b"G" * 500, 414),
    ],
)
def test_limits(data: bytes, status: int | None) -> None:
    """431 for a head and 414 for a target that is too long, and neither one byte too early."""
    meaning = read(data, max_head=200, max_target=100)
    assert meaning == status or (status is None and isinstance(meaning, RequestHead))
    for end in range(len(data)):
        assert read(data[:end], max_head=200, max_target=100) in (None, status), end


def test_an_absolute_form_is_measured_as_it_came() -> None:
    data = request(b"GET http://a/%b HTTP/1.1" % (b"t" * 100), b"Host: a")
    assert read(data, max_target=109) == RequestHead("GET", "/" + "t" * 100, 1, A)
    assert read(data, max_target=108) == 414


MANY = 300_000


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    "fields",
    [
        [b"X: " + b"y" * MANY],
        [b"X: " + b"y" * MANY + b"\x01"],
        [b"X: " + b" \t" * MANY],
        [b"X: " + b" \t" * MANY + b"\x01"],
        [b"X: " + b" \t" * MANY + b"\xe9"],
        [b"X: y" + b" " * MANY + b"\xe9" + b" " * MANY],
        [b"X: " + b"y " * MANY + b"\xe9"],
        [b"X" * MANY + b"\xe9: y"],
        [b"X: y"] * (MANY // 20),
        [*[b"X: y "] * (MANY // 20), b"X\xe9: y"],
        [b"Connection: " + b", " * MANY],
        [b"Connection: " + b'"\\' * MANY],
        [*[b"Connection: a"] * 1000],
        [b"Content-Length: " + b"1" * MANY],
        [b"Content-Length: 1"] * (MANY // 20),
        [b"Host: " + b"a." * MANY],
        [b"Host: " + b"%20" * MANY + b"%"],
        [b"Host: [" + b":" * MANY + b"]"],
    ],
    ids=range(18),
)
def test_a_head_is_read_in_linear_time(fields: list[bytes]) -> None:
    """Or this would never be done: a head costs its sender less than it may cost us."""
    with suppress(HTTPError):
        read_request_head(request(b"GET / HTTP/1.1", b"Host: a", *fields), 1 << 24, LIMIT)
    with suppress(HTTPError):
        read_request_head(request(b"GET / HTTP/1.1", *fields)[:-4], 1 << 24, LIMIT)


# --- held against h11 -------------------------------------------------------------------------


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
    minor = int(event.http_version == b"1.1")
    method, target = event.method.decode(), event.target.decode()
    return RequestHead(method, target, minor, fields, length, keep_alive, waits)


EMPTY_LINE = b"\r\n\r\n"


def without_empty_lines(data: bytes) -> bytes:
    """The bytes from the request line on: h11 does not skip the empty lines before it."""
    return re.sub(rb"\A(?:\r\n)+", b"", data)


def field_lines(data: bytes) -> list[tuple[bytes, bytes]]:
    """The field lines as they came, names in lower case, values without whitespace around."""
    lines = data.removesuffix(EMPTY_LINE).split(b"\r\n")[1:]
    pairs = [line.partition(b":") for line in lines]
    return [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]


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
    if b"\n" in data.replace(b"\r\n", b"").removesuffix(b"\r"):
        return "a bare LF"
    if re.search(rb"\r\n[ \t]", data):
        return "a folded line"
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", data):
        return "a control character"
    if not re.match(rb"[^\r]* HTTP/1\.[01]\r\n", data):
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
    if names.count(b"content-length") > 1 or b"," in said.get(b"content-length", b""):
        return "more than one length"
    if len(said.get(b"content-length", b"")) > 16:
        return "a length of more than 16 digits"
    if b"transfer-encoding" in said and (b"content-length" in said or not head.minor):
        return "a coding where there is a length, or in HTTP/1.0"
    if b"host" in said and not is_host(said[b"host"].decode("latin-1")):
        return "a broken host"
    if names.count(b"expect") > 1:
        return "more than one expectation"
    if head.minor and said.get(b"expect", b"100-continue").lower() != b"100-continue":
        return "an unknown expectation"
    return None


LIBERTIES: list[tuple[str, bytes]] = [
    ("a bare LF", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("a folded line", b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"),
    ("a control character", b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"),
    ("another version", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
    ("a method that is not for an origin", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a fragment", b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target of another form", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target of another form", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target of another form", b"GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("more than one length", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
    (
        "more than one length",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "a length of more than 16 digits",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000000000005\r\n\r\n",
    ),
    (
        "a coding where there is a length, or in HTTP/1.0",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    (
        "a coding where there is a length, or in HTTP/1.0",
        b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    ("a broken host", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("more than one expectation", b"GET / HTTP/1.0\r\nExpect: a\r\nExpect: b\r\n\r\n"),
    ("an unknown expectation", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n"),
]


@pytest.mark.parametrize(("name", "data"), LIBERTIES)
def test_liberties_that_h11_allows_are_refused(name: str, data: bytes) -> None:
    theirs = ask_h11(data)
    assert theirs is not None
    assert liberty(data, theirs) == name
    assert isinstance(read(data), int)


def as_we_say_it(head: RequestHead) -> RequestHead:
    """What h11 read, in our words: these are all the differences in meaning.

    An absolute-form becomes the target it names, and its host the Host, put first. A HTTP/1.0
    client that asks for it may keep its connection.
    """
    options = [
        option.strip(" \t").lower()
        for name, value in head.fields
        for option in value.split(",")
        if name == "connection"
    ]
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


def in_lower_case(head: RequestHead) -> RequestHead:
    """The head with its transfer coding as h11 writes it."""
    coding = "transfer-encoding"
    fields = [(name, value.lower() if name == coding else value) for name, value in head.fields]
    return head._replace(fields=fields)


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
        assert in_lower_case(ours) == as_we_say_it(theirs), data


LINES = [
    *(b"GET / HTTP/1.1", b"POST /a?b=%20 HTTP/1.1", b"GET / HTTP/1.0", b"OPTIONS * HTTP/1.1"),
    *(
        b"g / HTTP/1.1",
        b"GET http://b:8/c?d HTTP/1.0",
        b"GET HTTP://b HTTP/1.1",
        b"HEAD //* HTTP/1.1",
    ),
    *(b"OPTIONS http://b HTTP/1.1", b"OPTIONS https://b/ HTTP/1.1", b"GET http://b?c HTTP/1.1"),
    *(b"TRACE / HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET / HTTP/1.2", b"GET /\xe9 HTTP/1.1"),
    *(b"GET /# HTTP/1.1", b"GET * HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET /", b""),
]
HOSTS = [
    *([b"Host: a"], [], [b"host:\ta:80 "], [b"HOST: [::1]:80"], [b"Host: [::ffff:1.2.3.4]"]),
    *([b"Host: a%20"], [b"Host: a:"], [b"Host: a", b"Host: a"], [b"Host:"], [b"Host: a b"]),
    *([b"Host: a:99999"], [b"Host: [a]"], [b"Host: " + b"a" * 256], [b"Host : a"]),
]
OTHERS = [
    *(b"X: y", b"X:", b"x-Y.z_!|~: \t y \t z ", b'X: \xe9\xff\x80:,;"', b"Cookie: a=b; c=d"),
    *(b"Content-Length: 5", b"Content-Length:0", b"content-length: 007\t", b"Content-Length: 5,5"),
    *(b"Content-Length: +5", b"Content-Length: 99999999999999999", b"Content-Length: \xb2"),
    *(b"Content-Length", b"Content-Length : 5", b"Content-Lengt: 5", b"Content_Length: 5"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED ", b"Transfer-Encoding: gzip"),
    *(
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding:",
        b"Transfer-Encoding\t: chunked",
    ),
    *(b"Connection: close", b"Connection: x , cLose", b"Connection: keep-alive", b"Connection: ,"),
    *(
        b"Connection: Upgrade",
        b"Connection: closed",
        b'Connection: "close"',
        b"connection: close, keep-alive",
    ),
    *(b"Expect: 100-continue", b"expect: 100-CONTINUE", b"Expect: 100", b"Expect: 100-continue, x"),
    *(
        b" folded",
        b"\tfolded",
        b": x",
        b"X",
        b"X Y: z",
        b"X\x7f: y",
        b"X: \x7f",
        b"X: \x00",
        b"X: a\x0cb",
    ),
    *(b"X: a\rb", b"X: a\nb", b"X: a\n", b"X: a\r", b"\n", b"\r", b"\xe9: x", b"X: a\r\r\n b"),
]


def test_every_field_with_every_request_line_means_what_it_means_to_h11() -> None:
    for line in LINES:
        for host in HOSTS:
            compare(request(line, *host))
        for field in OTHERS:
            compare(request(line, b"Host: a", field))
            compare(request(line, field, b"host: b"))


def test_every_two_fields_mean_what_they_mean_to_h11() -> None:
    for one in OTHERS:
        for two in OTHERS:
            compare(request(b"POST / HTTP/1.1", one, b"Host: a", two))


PLAIN = b"GET /a?b HTTP/1.1\r\nHost: a:8\r\nX: y\r\n\r\n"
OLD = b"P http://b/ HTTP/1.0\r\nContent-Length: 5\r\n\r\n"
TELLING = b"".join(bytes([byte]) for byte in range(48)) + b"09:@AZ[_az{\x7f\x80\xa0\xff"


@pytest.mark.parametrize(
    ("plain", "replacements"), [(PLAIN, bytes(range(256))), (OLD, TELLING)], ids=["1.1", "1.0"]
)
def test_any_byte_at_any_place_means_what_it_means_to_h11(
    plain: bytes, replacements: bytes
) -> None:
    """Every byte in turn left out, replaced by any other, and with others put before it."""
    for at in range(len(plain)):
        compare(plain[:at] + plain[at + 1 :] + EMPTY_LINE)
        for byte in replacements:
            compare(plain[:at] + bytes([byte]) + plain[at + 1 :] + EMPTY_LINE)
        for byte in TELLING:
            compare(plain[:at] + bytes([byte]) + plain[at:])


NOISE = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b"#",
    b"\x7f",
    b"\xe9",
    b"5",
    b"\r\n ",
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Request heads, more or less well-formed, with a few bytes spoilt."""
    lines = [draw(st.sampled_from(LINES)), *draw(st.sampled_from(HOSTS))]
    for field in draw(st.lists(st.sampled_from(OTHERS), max_size=4)):
        lines.insert(draw(st.integers(1, len(lines))), field)
    data = bytearray(request(*lines))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        noise = draw(st.sampled_from(NOISE) | st.binary(max_size=2))
        data[at : at + draw(st.integers(0, 2))] = noise
    return bytes(data)


@given(data=heads())
@example(data=b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
def test_any_head_means_to_us_what_it_means_to_h11(data: bytes) -> None:
    """Or else it is refused: by h11 as well, or for a liberty that has a name."""
    compare(data)


@given(data=heads(), rest=st.binary(max_size=9))
def test_no_cut_changes_what_a_head_means(data: bytes, rest: bytes) -> None:
    start = without_empty_lines(data)
    end = len(data) - len(start) + len(start.partition(EMPTY_LINE)[0]) + 4
    data += EMPTY_LINE
    meaning = read(data[:end])
    if isinstance(meaning, RequestHead):
        assert read_request_head(data[:end] + rest, LIMIT, LIMIT) == (meaning, rest)
    for cut in range(end):
        early = read(data[:cut])
        assert early is None or (isinstance(early, int) and isinstance(meaning, int))
    for pieces in cuts(data[:end]):
        cut_up = read_pieces(pieces)
        assert cut_up == meaning or (isinstance(cut_up, int) and isinstance(meaning, int)), pieces


@given(
    method=st.from_regex(r"\A[-!#$%&'*+.^_`|~0-9A-Za-z]{1,9}\Z"),
    target=st.from_regex(r"\A/[!-\"$-~]{0,20}\Z"),
    fields=st.lists(
        st.tuples(
            st.from_regex(r"\AX[-!#$%&'*+.^_`|~0-9A-Za-z]{0,9}\Z"),
            st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
        ),
        max_size=5,
    ),
)
def test_every_plain_head_is_taken_as_it_is(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    if method in ("CONNECT", "TRACE"):
        return
    fields = [(name, value.strip(" ")) for name, value in fields]
    block = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "a"), *fields])
    data = f"{method} {target} HTTP/1.1\r\n{block}\r\n".encode("latin-1")
    lower = [(name.lower(), value) for name, value in fields]
    assert read(data) == RequestHead(method, target, 1, [*A, *lower])
    compare(data)


# --- response heads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fields", "head"),
    [
        (200, [], b"HTTP/1.1 200 OK\r\n\r\n"),
        (404, [("x", "y")], b"HTTP/1.1 404 Not Found\r\nx: y\r\n\r\n"),
        (299, [("X", "")], b"HTTP/1.1 299 \r\nX: \r\n\r\n"),
        (103, [("link", "</a>"), ("link", "</b>")], b"HTTP/1.1 103 "),
        (100, [("a", "\t \xe9~")], b"HTTP/1.1 100 Continue\r\na: \t \xe9~\r\n\r\n"),
        (999, [], b"HTTP/1.1 999 \r\n\r\n"),
    ],
)
def test_a_response_head(status: int, fields: list[tuple[str, str]], head: bytes) -> None:
    written = response_head(status, fields)
    assert written.startswith(head)
    assert written.endswith(EMPTY_LINE)
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.receive_data(written)
    event = connection.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse)
    assert event.status_code == status
    assert [(name.decode(), value.decode("latin-1")) for name, value in event.headers] == [
        (name.lower(), value.strip(" \t")) for name, value in fields
    ]


@pytest.mark.parametrize("status", [-200, 0, 99, 1000, 20000])
def test_a_status_has_three_digits(status: int) -> None:
    with pytest.raises(ValueError, match=f"three digits, not {status}"):
        response_head(status, [])


INJECTIONS = [
    *(("x", f"a{c}b") for c in ("\r\n", "\r\nset-cookie: b", "\r\n\r\n<html>", "\n", "\r", "\0")),
    *(
        ("x", c)
        for c in ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1b", "\x7f", "a\r\n b", "a\r\n\tb")
    ),
    *(("x", c) for c in ("\u010a", "\u010d", "\u2028", "\u20ac", "a\ud800")),
    *(
        (name, "y")
        for name in ("", " ", "a b", "a:", "a\r\nb", "a\n", "\ra", "a\0", "é", "a:\r\nb")
    ),
    ("a: b\r\nc", "d"),
    (" a", "b"),
]


@pytest.mark.parametrize(("name", "value"), INJECTIONS)
def test_what_would_split_a_response_is_refused(name: str, value: str) -> None:
    sound = [("date", "today"), ("server", "a")]
    for at in range(3):
        fields = [*sound[:at], (name, value), *sound[at:]]
        with pytest.raises(ValueError, match="not a header field: ") as refusal:
            response_head(200, fields)
        assert f"{name!r}: {value!r}" in str(refusal.value)


@given(st.lists(st.tuples(st.text(max_size=5), st.text("\r\n\t :ab\0é", max_size=8)), max_size=3))
def test_a_response_head_has_as_many_lines_as_fields(fields: list[tuple[str, str]]) -> None:
    try:
        head = response_head(200, fields)
    except ValueError:
        return
    lines = re.split(rb"\r\n|\r|\n", head)
    assert len(lines) == 1 + len(fields) + 2
    for line, (name, value) in zip(lines[1:], fields, strict=False):
        assert line == f"{name}: {value}".encode("latin-1")


@pytest.mark.parametrize(
    ("method", "status", "bodiless"),
    [
        *(("HEAD", status, True) for status in (200, 404, 500)),
        *((method, status, True) for method in ("GET", "POST") for status in (101, 204, 304)),
        *((method, status, False) for method in ("GET", "POST") for status in (200, 206, 404)),
        ("head", 200, False),
    ],
)
def test_which_responses_have_no_body(method: str, status: int, bodiless: bool) -> None:
    """RFC 9112, section 6.3: whatever their fields say."""
    assert is_bodiless(method, status) is bodiless
