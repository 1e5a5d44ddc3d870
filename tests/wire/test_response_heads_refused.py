"""Malformed response heads are refused, at the latest when they are complete, for every cut."""

from contextlib import suppress

import pytest

from streamserver.wire.problem import HTTPError
from streamserver.wire.response_heads import ResponseHead, read_response_head
from support.cutting import cuts
from support.request_heads import LIMIT
from support.response_heads import ok, read, read_pieces, response

LINES = [
    # another version, or another protocol
    *(b"HTTP/2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK"),
    *(b"HTTP/5.6 200 OK", b"HTTP/1 200 OK", b"HTTP/01.1 200 OK", b"HTTP/11.1 200 OK"),
    *(b"HTTP/1.01 200 OK", b"HTTP/1.10 200 OK", b"HTTP/1,1 200 OK", b"http/1.1 200 OK"),
    *(b"ICY 200 OK", b"ICE/1.1 200 OK", b"RTSP/1.1 200 OK", b"HTP/1.1 200 OK", b"HTTPS/1.1 200"),
    *(b"HTTPER/1.1 200 OK", b"SSH-2.0-OpenSSH_9.6", b"\x15\x03\x03\x00\x02\x02\x28", b"<html>"),
    *(b"GET / HTTP/1.1", b"", b"200 OK", b" HTTP/1.1 200 OK", b"\xef\xbb\xbfHTTP/1.1 200 OK"),
    # a status has three digits, from 100 on
    *(b"HTTP/1.1 2 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK"),
    *(b"HTTP/1.1 000 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 2e2 OK"),
    *(b"HTTP/1.1 \xb2\xb2\xb2 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200:OK", b"HTTP/1.1 OK"),
    # one space, and no other whitespace
    *(b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK", b"HTTP/1.1200 OK"),
    *(b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 \r200 OK"),
]
FAULTS: list[tuple[bytes, str]] = [
    *((response(line, b"Content-Length: 0"), "must begin with HTTP/1.1 or") for line in LINES[:-1]),
    (response(LINES[-1]), "a CR without LF"),
    (b"\r\n" + ok(), "must begin with HTTP/1.1 or"),
    (b"\r\n\r\n", "must begin with HTTP/1.1 or"),
    # a protocol that the request did not ask for
    (response(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: h2c"), "protocols without a request"),
    (response(b"HTTP/1.1 101"), "protocols without a request"),
    (response(b"HTTP/1.0 101 \xe9"), "protocols without a request"),
    # the ends of lines
    (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "a line that ends in LF alone"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n\r\n", "a line that ends in LF alone"),
    (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "a line that ends in LF alone"),
    (b"HTTP/1.1 200 OK\r\nX: 1\rY: 2\r\n\r\n", "a CR without LF"),
    (b"HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n", "a CR without LF"),
    (b"HTTP/1.1 200 OK\r\r\n\r\n", "a CR without LF"),
    (ok(b"X: y\rHTTP/1.1 200 OK"), "a CR without LF"),
    # field lines
    (ok(b"\tHost: a"), "continuation line at start"),
    *((ok(b"X: a%bb" % c), "a control character") for c in (b"\x01", b"\x0b", b"\x1b[2J", b"\x7f")),
    (response(b"HTTP/1.1 200 \x1b", b"X: y"), "a control character"),
    (ok(b"X: \0"), "a NUL byte"),
    (response(b"HTTP/1.1 200 \0"), "a NUL byte"),
    *(
        (ok(line, b"Content-Length: 0"), "illegal header line")
        for line in (b"X", b": x", b"X Y: z", b"X Y : z", b"X(: y", b"\xe9: y", b'"X": y')
    ),
    # ambiguous framing (RFC 9112, section 6.3)
    *(
        (ok(b"Content-Length: " + value), "must be 1 to 16 decimal digits")
        for value in (b"", b"a", b"+5", b"-5", b"5.0", b"0x5", b"5_0", b"5 5", b"1" * 17)
    ),
    (ok(b"Content-Length: \xb2"), "bad Content-Length"),
    *(
        (ok(*lengths), "its Content-Length values differ")
        for lengths in (
            *([b"Content-Length: 5, 6"], [b"Content-Length: 5", b"content-length: 6"]),
            *([b"Content-Length: 5,"], [b"Content-Length: ,5"], [b"Content-Length: 5, 05"]),
            *([b"Content-Length: 5, 5", b"content-length: 6"], [b"Content-Length: 5;6,5"]),
        )
    ),
    (ok(b"Content-Length: 5", b"Content-Length : 6"), "conflicting Content-Length"),
    (ok(b"Content-Length: 5,", b" 6"), "conflicting Content-Length"),
    (ok(b"Content-Length: 5", b" 6"), "bad Content-Length"),
    (ok(b"Content-Length: a, a"), "must be 1 to 16 decimal digits"),
    (ok(b"Content-Length: 5", b"Transfer-Encoding : chunked"), "exclude each other"),
    (ok(b"Content-Length: 5", b"Transfer-Encoding: chunked"), "exclude each other"),
    (ok(b"transfer-encoding: chunked", b"CONTENT-LENGTH: 0"), "exclude each other"),
    *(
        (ok(b"Transfer-Encoding: " + coding), "the last transfer coding must be chunked")
        for coding in (
            *(b"", b"gzip", b"chunked, gzip", b"identity", b"chunked, gzip"),
            *(b"chunkedchunked", b"xchunked", b"chunked;a=b", b'"chunked"'),
        )
    ),
    (ok(b"Transfer-Encoding: gzip", b"X: \xe9"), "the last transfer coding must be chunked"),
    (ok(b"Transfer-Encoding: gzip, chunked"), "the only transfer coding implemented"),
    (ok(b"Transfer-Encoding: gzip, chunked", b"X: \xe9"), "the only transfer coding implemented"),
    (ok(b"Transfer-Encoding: chunked, chunked"), "must list chunked once"),
    (ok(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), "must be chunked"),
    (response(b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked"), "does not exist in HTTP/1.0"),
    # also of responses without a body
    (response(b"HTTP/1.1 304 ", b"Content-Length: a"), "must be 1 to 16 decimal digits"),
    (response(b"HTTP/1.1 204 ", b"Transfer-Encoding: gzip"), "the last transfer coding"),
    (
        response(b"HTTP/1.1 103 ", b"Content-Length: 0", b"Transfer-Encoding: chunked"),
        "exclude each other",
    ),
]


@pytest.mark.parametrize(("data", "message"), FAULTS)
def test_a_malformed_head_is_refused(data: bytes, message: str) -> None:
    """At the latest when it is complete; before that it may be incomplete, but is never a head."""
    with pytest.raises(
        HTTPError, match=f"^502 Bad Gateway: the upstream's response .*(?:{message})"
    ):
        read_response_head(data, "GET", LIMIT)
    for end in range(len(data)):
        assert read(data[:end]) in (None, 502), data[:end]
    for pieces in cuts(data):
        assert read_pieces(pieces) == 502, pieces


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"ICY",
            "must begin with HTTP/1.1 or another 1.x and a status from 100 to 999, not with b'ICY'",
        ),
        (b"X", "not with b'X'"),
        (b"HTTP/2", "not with b'HTTP/2'"),
        (b"\r", "not with"),
        (b"SSH-2.0-OpenSSH_9.6p1 Debian-3\r\n", "not with b'SSH-2.0-OpenSSH_9.6p'"),
        (b"HTTP/1.1 200 OK\n", "a line that ends in LF alone"),
        (b"HTTP/1.1 200 OK\rX", "a CR without LF"),
        (b"HTTP/1.1 200 OK\r\nX: \0", "a NUL byte"),
    ],
)
def test_a_fault_is_refused_as_soon_as_it_arrives(data: bytes, message: str) -> None:
    """Before the head is complete; the last byte is the fault."""
    for seen in (0, len(data) - 1):
        with pytest.raises(HTTPError, match=message):
            read_response_head(data, "GET", LIMIT, seen)


def sized(head: int) -> bytes:
    """A head of so many bytes, its empty line not counted."""
    start = b"HTTP/1.1 200 OK\r\nX: "
    return start + b"x" * (head - len(start)) + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (sized(200), False),
        (sized(201), True),
        (sized(1000), True),
        (b"HTTP/1.1 200 " + b"x" * 300, True),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 100, True),
    ],
)
def test_a_head_that_is_too_long(data: bytes, refused: bool) -> None:
    """502, which names the limit, for one byte more than the limit."""
    meaning = read(data, max_head=200)
    assert meaning == 502 if refused else isinstance(meaning, ResponseHead)
    for end in range(len(data)):
        assert read(data[:end], max_head=200) == (502 if end > 203 else None), end
    if refused:
        with pytest.raises(HTTPError, match="the head is longer than 200 bytes"):
            read_response_head(data, "GET", 200)


MANY = 300_000


@pytest.mark.timeout(15)
@pytest.mark.parametrize(
    "fields",
    [
        [b"X: " + b" \t" * MANY + b"\x01"],
        [b"X: " + b" \t" * MANY + b"\xe9"],
        [b"X" * MANY + b"\xe9: y"],
        [*[b"X: y "] * (MANY // 20), b"X\xe9: y"],
        [b"Connection: " + b'"\\' * MANY],
        [b"Content-Length: " + b"1" * MANY],
        [b"Content-Length: 1"] * (MANY // 20),
    ],
    ids=range(7),
)
def test_a_head_is_read_in_linear_time(fields: list[bytes]) -> None:
    """With quadratic time this test would not finish."""
    for data in (ok(*fields), ok(*fields)[:-4], response(b"HTTP/1.1 200 " + b" " * MANY, *fields)):
        with suppress(HTTPError):
            read_response_head(data, "GET", 1 << 24)
