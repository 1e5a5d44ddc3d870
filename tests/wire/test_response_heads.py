"""Response heads: what is written, what is refused, and which have no body behind them."""

import re

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.heads import is_bodiless, response_head
from support.heads import EMPTY_LINE


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
