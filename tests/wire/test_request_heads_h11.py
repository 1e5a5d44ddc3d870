"""Request heads compared with h11, byte for byte."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamserver.wire.request_heads import RequestHead, read_request_head
from support.cutting import cuts
from support.h11_heads import FIELDS, SIGNIFICANT
from support.h11_request_heads import compare, leniency, read_with_h11, without_empty_lines
from support.request_heads import EMPTY_LINE, LIMIT, A, read, read_pieces
from support.requests import request

LENIENCIES: list[tuple[str, bytes]] = [
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
    ("no host in a later version", b"GET / HTTP/1.2\r\n\r\n"),
    ("a broken host", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("more than one expectation", b"GET / HTTP/1.0\r\nExpect: a\r\nExpect: b\r\n\r\n"),
    ("an unknown expectation", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n"),
]


@pytest.mark.parametrize(("name", "data"), LENIENCIES)
def test_leniencies_that_h11_allows_are_refused(name: str, data: bytes) -> None:
    theirs = read_with_h11(data)
    assert theirs is not None
    assert leniency(data, theirs) == name
    assert isinstance(read(data), int)


LINES = [
    *(b"GET / HTTP/1.1", b"POST /a?b=%20 HTTP/1.1", b"GET / HTTP/1.0", b"OPTIONS * HTTP/1.1"),
    *(
        b"g / HTTP/1.1",
        b"GET http://b:8/c?d HTTP/1.0",
        b"GET HTTP://b HTTP/1.1",
        b"HEAD //* HTTP/1.1",
    ),
    *(b"OPTIONS http://b HTTP/1.1", b"OPTIONS https://b/ HTTP/1.1", b"GET http://b?c HTTP/1.1"),
    *(b"TRACE / HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"GET / HTTP/2.0", b"GET /\xe9 HTTP/1.1"),
    *(b"GET / HTTP/1.2", b"POST http://b:8/c?d HTTP/1.9"),
    *(b"GET /# HTTP/1.1", b"GET * HTTP/1.1", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET /", b""),
]
HOSTS = [
    *([b"Host: a"], [], [b"host:\ta:80 "], [b"HOST: [::1]:80"], [b"Host: [::ffff:1.2.3.4]"]),
    *([b"Host: a%20"], [b"Host: a:"], [b"Host: a", b"Host: a"], [b"Host:"], [b"Host: a b"]),
    *([b"Host: a:99999"], [b"Host: [a]"], [b"Host: " + b"a" * 256], [b"Host : a"]),
]
OTHERS = [
    *FIELDS,
    *(b"Cookie: a=b; c=d", b"connection: close, keep-alive", b"\tfolded"),
    *(b"Expect: 100-continue", b"expect: 100-CONTINUE", b"Expect: 100", b"Expect: 100-continue, x"),
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


@pytest.mark.parametrize(
    ("plain", "replacements"), [(PLAIN, bytes(range(256))), (OLD, SIGNIFICANT)], ids=["1.1", "1.0"]
)
def test_any_byte_at_any_place_means_what_it_means_to_h11(
    plain: bytes, replacements: bytes
) -> None:
    """Each byte is removed, replaced by any other, and preceded by others."""
    for at in range(len(plain)):
        compare(plain[:at] + plain[at + 1 :] + EMPTY_LINE)
        for byte in replacements:
            compare(plain[:at] + bytes([byte]) + plain[at + 1 :] + EMPTY_LINE)
        for byte in SIGNIFICANT:
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
    """Request heads, more or less well-formed, with a few bytes changed."""
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
    """Or it is refused, by h11 too or for a listed leniency."""
    compare(data)


@given(data=heads(), rest=st.binary(max_size=9))
@example(data=b"GET / HTTP/1.1\r\nHost: a\r\n", rest=b"")
def test_no_cut_changes_what_a_head_means(data: bytes, rest: bytes) -> None:
    data += EMPTY_LINE
    start = without_empty_lines(data)
    end = len(data) - len(start) + len(start.partition(EMPTY_LINE)[0]) + 4
    meaning = read(data[:end])
    if isinstance(meaning, RequestHead):
        assert read_request_head(data[:end] + rest, LIMIT, LIMIT) == (meaning, rest)
    for cut in range(end):
        early = read(data[:cut])
        assert early is None or (isinstance(early, int) and isinstance(meaning, int))
    for pieces in cuts(data[:end]):
        cut_up = read_pieces(pieces)
        assert cut_up == meaning or (isinstance(cut_up, int) and isinstance(meaning, int)), pieces


TOKEN = "-!#$%&'*+.^_`|~" + string.digits + string.ascii_letters
TARGET = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")


@given(
    method=st.text(TOKEN, min_size=1, max_size=9),
    target=st.text(TARGET, max_size=20).map("/".__add__),
    fields=st.lists(
        st.tuples(
            st.text(TOKEN, max_size=9).map("X".__add__),
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
