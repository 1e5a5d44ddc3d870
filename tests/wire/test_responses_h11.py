"""Whole responses compared with h11, for any cut."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.cutting import cut
from support.h11_chunked import chunked_bodies
from support.h11_heads import FIELDS, SIGNIFICANT
from support.h11_responses import compare, leniency, read_with_h11
from support.request_heads import EMPTY_LINE
from support.response_heads import ok, response
from support.responses import receive

LENIENCIES: list[tuple[str, bytes]] = [
    ("a bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
    ("a control character", ok(b"X: \x7f", b"Content-Length: 0")),
    ("another version", response(b"HTTP/9.9 200 OK", b"Content-Length: 0")),
    ("a length of more than 16 digits", ok(b"Content-Length: 00000000000000000")),
    (
        "a coding where there is a length, or in HTTP/1.0",
        ok(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
    (
        "a coding where there is a length, or in HTTP/1.0",
        response(b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("name", "data"), LENIENCIES)
def test_leniencies_that_h11_allows_are_refused(name: str, data: bytes) -> None:
    theirs = read_with_h11(data, "GET")
    assert theirs is not None
    assert theirs.end is not None
    assert leniency(data, "GET") == name
    assert receive([data]) is None


METHODS = ("GET", "HEAD", "POST")
LINES = [
    *(b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 404", b"HTTP/1.1 500 ", b"HTTP/1.1 600 X"),
    *(b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified", b"HTTP/1.0 204 x y"),
    *(b"HTTP/1.1 206 \t\xe9~", b"HTTP/1.1 999 OK", b"HTTP/1.1 205 Reset Content"),
    *(b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.0 102 P", b"HTTP/1.1 199"),
    *(b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 099 OK", b"HTTP/1.1 1000 OK"),
    *(b"HTTP/1.2 200 OK", b"HTTP/1.9 503", b"HTTP/2 200 OK", b"ICY 200 OK"),
    *(b"HTTP/1.1  200 OK", b"HTTP/1.1 20 OK"),
    *(b"http/1.1 200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1", b"", b"GET / HTTP/1.1"),
]
OTHERS = [b"Set-Cookie: a=b; c=d", *FIELDS, b"Upgrade: h2c"]
TAIL = b"5\r\nhello\r\n0\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
"""Longer than every length in ``OTHERS``, a whole chunked body, and the start of a response."""


@pytest.mark.parametrize("method", METHODS)
def test_every_field_with_every_status_line_means_what_it_means_to_h11(method: str) -> None:
    for line in LINES:
        for field in OTHERS:
            compare(response(line, field) + TAIL, method)
            compare(response(line, b"X: \xe9", field) + TAIL, method)


def test_every_two_fields_mean_what_they_mean_to_h11() -> None:
    for one in OTHERS:
        for two in OTHERS:
            compare(ok(one, two) + TAIL)


PLAIN = ok(b"Content-Length: 5", b"X: y") + TAIL
OLD = response(b"HTTP/1.0 200 OK", b"Content-Length: 5") + TAIL


@pytest.mark.parametrize(
    ("plain", "replacements"), [(PLAIN, bytes(range(256))), (OLD, SIGNIFICANT)], ids=["1.1", "1.0"]
)
def test_any_byte_at_any_place_means_what_it_means_to_h11(
    plain: bytes, replacements: bytes
) -> None:
    """Each byte of a head is removed, replaced by any other, and preceded by others."""
    for at in range(plain.index(EMPTY_LINE) + 4):
        compare(plain[:at] + plain[at + 1 :])
        for byte in replacements:
            compare(plain[:at] + bytes([byte]) + plain[at + 1 :])
        for byte in SIGNIFICANT:
            compare(plain[:at] + bytes([byte]) + plain[at:])


FINAL = st.builds(
    lambda line, fields: response(line, *fields),
    st.sampled_from(LINES[:11]),
    st.lists(st.sampled_from(OTHERS), max_size=3),
)
INTERIM = st.builds(
    lambda line, fields: response(line, *fields),
    st.sampled_from(LINES[11:16]),
    st.lists(st.sampled_from(OTHERS[:5]), max_size=2),
)
NOISE = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"\x7f", b"\xe9", b"5", b"\r\n ")


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Responses, more or less well-formed, with a few bytes of a head changed."""
    data = bytearray().join([*draw(st.lists(INTERIM, max_size=2)), draw(FINAL)])
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(NOISE))
    return bytes(data) + draw(chunked_bodies() | st.binary(max_size=12) | st.just(TAIL))


@given(data=responses(), method=st.sampled_from(METHODS), places=st.sets(st.integers(0, 300)))
@example(data=ok() + TAIL, method="GET", places={17, 20})
def test_any_response_means_to_us_what_it_means_to_h11(
    data: bytes, method: str, places: set[int]
) -> None:
    """Or it is refused, by h11 too or for a listed leniency."""
    pieces = cut(data, places)
    compare(data, method, pieces)
    assert receive(pieces, method) == receive([data], method)
