"""Request heads as they are written; nothing that would be two requests is written."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.heads import Fields
from streamserver.wire.request_heads import RequestHead, request_head
from support.request_heads import A, read


@pytest.mark.parametrize(
    ("method", "target", "fields", "head"),
    [
        ("GET", "/", [], b"GET / HTTP/1.1\r\n\r\n"),
        ("OPTIONS", "*", A, b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("get!#$%&'*+.^_`|~9", "/", A, b"get!#$%&'*+.^_`|~9 / HTTP/1.1\r\nhost: a\r\n\r\n"),
        # a target is written byte for byte: not resolved, decoded or repaired
        (
            "GET",
            '//a/../%2F%zz;b=c?d="e"&f|g\\{h}~',
            [("X-Y", "1"), ("x-y", ""), ("Z", "\xe9\t:")],
            b'GET //a/../%2F%zz;b=c?d="e"&f|g\\{h}~ HTTP/1.1\r\n'
            b"X-Y: 1\r\nx-y: \r\nZ: \xe9\t:\r\n\r\n",
        ),
    ],
)
def test_a_request_head(method: str, target: str, fields: Fields, head: bytes) -> None:
    assert request_head(method, target, fields) == head


def test_fields_that_are_well_formed_are_not_checked() -> None:
    for fields in ([], [("host", "b"), ("x", "\xe9\t"), ("x", "")]):
        head = request_head("GET", "/", fields)
        assert request_head("GET", "/", fields, are_well_formed=True) == head
    with pytest.raises(ValueError, match="not a method and a request target"):
        request_head("GET", "", [], are_well_formed=True)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *(("", "/"), ("GET ", "/"), (" GET", "/"), ("GET /", ""), ("GET / HTTP/1.1\r\nX:", "/")),
        *(("G\tT", "/"), ("GET\r\n", "/"), ("G\0T", "/"), ("GÉT", "/"), ("G:T", "/")),
        *(("GET", target) for target in ("", " ", "/a b", " /", "/ ", "/\t", "/\xa0", "/\x85")),
        *(("GET", target) for target in ("/\r\nX: y", "/\n", "/\r", "/\0", "/\x1f", "/\x7f")),
        *(("GET", target) for target in ("/\xe9", "/\u0100", "/\u2028", "/\ud800", "/a#b", "#")),
    ],
)
def test_a_malformed_request_line_is_refused(method: str, target: str) -> None:
    with pytest.raises(ValueError, match="not a method and a request target: ") as refusal:
        request_head(method, target, A)
    assert f"{method!r}, {target!r}" in str(refusal.value)


@given(method=st.text(max_size=4), target=st.text(max_size=6))
def test_what_is_written_is_what_h11_reads(method: str, target: str) -> None:
    try:
        head = request_head(method, target, A)
    except ValueError:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    assert (event.method.decode(), event.target.decode()) == (method, target)


@given(
    method=st.sampled_from(["GET", "PURGE", "!"]),
    target=st.text(st.characters(codec="latin-1"), max_size=9).map("/".__add__),
    value=st.text(st.characters(codec="latin-1"), max_size=9),
)
def test_a_head_that_was_read_can_be_written_and_read_again(
    method: str, target: str, value: str
) -> None:
    head = read(f"{method} {target} HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n".encode("latin-1"))
    if isinstance(head, RequestHead):
        assert head.target == target
        assert read(request_head(head.method, head.target, head.fields)) == head
