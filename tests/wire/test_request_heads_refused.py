"""Malformed request heads are refused, at the latest when they are complete, for every cut."""

import pytest

from streamserver.wire.problem import HTTPError
from streamserver.wire.request_heads import read_request_head
from support.cutting import cuts
from support.request_heads import LIMIT, read, read_pieces
from support.requests import request

CODING = b"Transfer-Encoding: "
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
        for line in (b"GET / HTTP/2.0", b"GET / HTTP/0.9", b"GET / HTTP/3.1", b"GET / HTTP/9.9")
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
    (400, request(b"GET / HTTP/1.2")),
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
    # ambiguous framing (RFC 9112, section 6.3)
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
    # only a list that ends in chunked frames the body
    *(
        (status, request(b"POST / HTTP/1.1", b"Host: a", *more, *map(CODING.__add__, codings)))
        for more in ((), (b"X: \xe9",))  # a plain head, and one that h11 reads
        for status, *codings in (
            *((501, b"gzip, chunked"), (501, b"GZIP ,\tchunked"), (501, b"a;b=c, br,chunked")),
            *((501, b"gzip", b"chunked"), (400, b"chunked", b"gzip"), (400, b"chunked", b"")),
            *((400, b"chunked, gzip"), (400, b"gzip"), (400, b"identity"), (400, b""), (400, b",")),
            *((400, b"chunked, chunked"), (400, b"chunked", b"chunked"), (400, b"xchunked")),
            *((400, b"chunked;a=b"), (400, b"chunked,"), (400, b", chunked"), (400, b'"chunked"')),
        )
    ),
    *(
        (400, request(b"POST / HTTP/1.0", *more, CODING + b"gzip"))
        for more in ((), (b"Content-Length: 5",))
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
def test_a_malformed_head_is_refused(status: int, data: bytes) -> None:
    """At the latest when it is complete; before that it may be incomplete, but is never a head."""
    assert read(data) == status
    for end in range(len(data)):
        assert read(data[:end]) in (None, status), data[:end]
    for pieces in cuts(data):
        assert read_pieces(pieces) == status, pieces


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"GET / HTTP/1.1\n", "a line that ends in LF alone"),
        (b"GET / HTTP/1.1\rX", "a CR without LF"),
        (b"GET / HTTP/1.1\r\nX: \0", "a NUL byte"),
        (b"GET / HTTP/1.1\r\nX: y\r\n z", "a folded field line"),
        (b"GET / HTTP/1.1\r\nX: \x1b", "a control character"),
    ],
)
def test_a_fault_is_refused_as_soon_as_it_arrives(data: bytes, detail: str) -> None:
    """Before the head is complete, which a hostile client may delay."""
    with pytest.raises(HTTPError, match=f"400 Bad Request: .*{detail}"):
        read_request_head(data, LIMIT, LIMIT)
