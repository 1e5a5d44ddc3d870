"""Written heads of both directions: a field is one line."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.wire.heads import Fields
from streamserver.wire.request_heads import request_head
from streamserver.wire.response_heads import response_head

WRITERS: list[Callable[[Fields], bytes]] = [
    lambda fields: request_head("GET", "/", fields),
    lambda fields: response_head(200, fields),
]
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


@pytest.mark.parametrize("write", WRITERS, ids=["request", "response"])
@pytest.mark.parametrize(("name", "value"), INJECTIONS)
def test_a_field_that_would_split_the_message_is_refused(
    name: str, value: str, write: Callable[[Fields], bytes]
) -> None:
    sound = [("date", "today"), ("server", "a")]
    for at in range(3):
        fields = [*sound[:at], (name, value), *sound[at:]]
        with pytest.raises(ValueError, match="not a header field: ") as refusal:
            write(fields)
        assert f"{name!r}: {value!r}" in str(refusal.value)


@pytest.mark.parametrize("write", WRITERS, ids=["request", "response"])
@given(
    fields=st.lists(
        st.tuples(st.text(max_size=5), st.text("\r\n\t :ab\0é", max_size=8)), max_size=3
    )
)
def test_a_head_has_as_many_lines_as_fields(
    fields: Fields, write: Callable[[Fields], bytes]
) -> None:
    try:
        head = write(fields)
    except ValueError:
        return
    lines = re.split(rb"\r\n|\r|\n", head)
    assert len(lines) == 1 + len(fields) + 2
    for line, (name, value) in zip(lines[1:], fields, strict=False):
        assert line == f"{name}: {value}".encode("latin-1")
