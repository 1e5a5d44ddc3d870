"""Response heads as they are written, and which responses have no body."""

import h11
import pytest

from streamserver.wire.response_heads import is_bodiless, response_head
from support.request_heads import EMPTY_LINE


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


def test_fields_that_are_well_formed_are_not_checked() -> None:
    for fields in ([], [("x", "y")], [("x", "\xe9\t"), ("x", "")]):
        head = response_head(200, fields, "date: today\r\n")
        assert response_head(200, fields, "date: today\r\n", are_well_formed=True) == head
    with pytest.raises(ValueError, match="three digits"):
        response_head(20, [], are_well_formed=True)


@pytest.mark.parametrize("status", [-200, 0, 99, 1000, 20000])
def test_a_status_has_three_digits(status: int) -> None:
    with pytest.raises(ValueError, match=f"three digits, not {status}"):
        response_head(status, [])


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
    """RFC 9112, section 6.3: their fields do not matter."""
    assert is_bodiless(method, status) is bodiless
