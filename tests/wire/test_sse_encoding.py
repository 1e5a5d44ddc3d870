"""Server-sent events as they are written."""

from typing import Any

import pytest

from streamserver.wire.sse import Event, encode


@pytest.mark.parametrize(
    ("event", "stream"),
    [
        (Event("hello"), b"data: hello\n\n"),
        (Event(""), b"data: \n\n"),
        (Event(" x: y "), b"data:  x: y \n\n"),
        (Event("é\u2028\x85\v\f\0"), "data: é\u2028\x85\v\f\0\n\n".encode()),
        # each line of the data is a field of its own
        (Event("a\nb"), b"data: a\ndata: b\n\n"),
        (Event("a\rb\r\nc\n\rd\n"), b"data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n"),
        (Event("a\n\nid: 6"), b"data: a\ndata: \ndata: id: 6\n\n"),
        # bytes are text in UTF-8 already
        (Event(b"a\xc3\xa9\r\nb"), b"data: a\xc3\xa9\ndata: b\n\n"),
        (Event(b""), b"data: \n\n"),
        # the rest is JSON, compact and in UTF-8
        (Event({"count": 1, "text": "é\n"}), 'data: {"count":1,"text":"é\\n"}\n\n'.encode()),
        (Event([1, 2.5, None, True]), b"data: [1,2.5,null,true]\n\n"),
        (Event(0), b"data: 0\n\n"),
        (Event(False), b"data: false\n\n"),
        (Event({}), b"data: {}\n\n"),
        # the other fields
        (Event("x", event="tick"), b"event: tick\ndata: x\n\n"),
        (Event("x", event="é: \0"), "event: é: \0\ndata: x\n\n".encode()),
        (Event("x", id="7"), b"id: 7\ndata: x\n\n"),
        (Event("x", id=7), b"id: 7\ndata: x\n\n"),
        (Event("x", id=0), b"id: 0\ndata: x\n\n"),
        (Event("x", id=""), b"id: \ndata: x\n\n"),
        (Event("x", retry=0), b"retry: 0\ndata: x\n\n"),
        (Event(retry=3000), b"retry: 3000\n\n"),
        (Event(id=7), b"id: 7\n\n"),
        # comments
        (Event(comment="still here"), b": still here\n\n"),
        (Event(comment=""), b": \n\n"),
        (Event(comment="a\nb\r\ndata: c\r"), b": a\n: b\n: data: c\n: \n\n"),
        (
            Event("x", "tick", 7, 100, "why"),
            b": why\nevent: tick\nid: 7\nretry: 100\ndata: x\n\n",
        ),
    ],
)
def test_an_event_is_written_as(event: Event, stream: bytes) -> None:
    assert encode(event) == stream


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Event("x", event="a\nb"), "event may not contain"),
        (Event("x", event="a\rb"), "event may not contain"),
        (Event("x", event="a\r\n\r\ndata: b"), "event may not contain"),
        (Event("x", id="7\ndata: b"), "id may not contain"),
        (Event("x", id="7\r"), "id may not contain"),
        (Event("x", id="7\0"), "id may not contain"),
        (Event(), "needs at least one field"),
        (Event("\ud800"), "surrogates not allowed"),
        (Event(b"\xff"), "can't decode"),
        (Event(float("nan")), "JSON compliant"),
    ],
)
def test_a_value_that_a_field_cannot_hold_is_an_error(event: Event, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(event)


@pytest.mark.parametrize("retry", [-1, True, 1.5, "1", "1\ndata: b"])
def test_retry_is_a_whole_number_of_milliseconds(retry: Any) -> None:
    with pytest.raises(ValueError, match="retry is milliseconds"):
        encode(Event("x", retry=retry))


def test_data_that_json_cannot_represent_is_an_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        encode(Event({1, 2}))


@pytest.mark.parametrize("value", [7, b"x", ["x"]], ids=str)
@pytest.mark.parametrize("name", ["event", "comment"])
def test_a_value_that_is_not_text_is_named(name: str, value: object) -> None:
    fields: Any = {name: value}
    with pytest.raises(TypeError, match=f"an event's {name} is str, not {type(value).__name__}"):
        encode(Event("x", **fields))
