"""Which kind of response a request asks for."""

import pytest

from streamserver.lab.client.asked import Ask
from streamserver.lab.client.wanted import Wanted, has_stream, wanted_by

STREAM = b'{"model":"m","stream": true}'
EVENTS = ("Accept", "text/event-stream")


@pytest.mark.parametrize(
    ("method", "fields", "body", "wanted"),
    [
        ("GET", [], b"", "anything"),
        ("GET", [("Accept", "*/*")], b"", "anything"),
        ("GET", [EVENTS], b"", "events"),
        ("GET", [("accept", "Text/Event-Stream; q=1 , application/x-ndjson")], b"", "events"),
        ("GET", [EVENTS, EVENTS], b"", "events"),
        # A document will do as well.
        ("POST", [("Accept", "application/json, text/event-stream")], b"", "anything"),
        ("GET", [EVENTS, ("Accept", "*/*;q=0.1")], b"", "anything"),
        ("GET", [("Accept", " , ")], b"", "anything"),
        ("POST", [], STREAM, "stream"),
        ("POST", [("Accept", "*/*")], STREAM, "stream"),
        ("POST", [EVENTS], STREAM, "events"),
        ("POST", [], b'{"stream":false}', "anything"),
        ("POST", [], b'{"stream":1}', "anything"),
        ("POST", [], b'{"options":{"stream":true}}', "anything"),
        ("POST", [], b'["stream",true]', "anything"),
        ("POST", [], b'say "stream"', "anything"),
        ("POST", [], b'{"stream":true', "anything"),
        ("POST", [], b'"stream"\xff', "anything"),
        ("POST", [], b'{"stream":' + b"[" * 100_000, "anything"),
        # Methods whose responses have no stream.
        ("HEAD", [EVENTS], b"", "anything"),
        ("OPTIONS", [EVENTS], b"", "anything"),
    ],
)
def test_what_a_request_asks_for(
    method: str, fields: list[tuple[str, str]], body: bytes, wanted: Wanted
) -> None:
    assert wanted_by(method, fields, body) == wanted


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [
        (Ask("http://h/"), "anything"),
        (Ask("http://h/", fields=(EVENTS,)), "events"),
        (Ask("http://h/", "POST", body=b'{"n":{n},"stream":true}'), "stream"),
        (Ask("http://h/", "POST", (EVENTS,), STREAM, chat=True), "answer"),
    ],
)
def test_what_an_ask_asks_for(ask: Ask, wanted: Wanted) -> None:
    assert ask.wanted == wanted


@pytest.mark.parametrize(
    ("content_type", "wanted"),
    [
        ("text/event-stream", ("stream", "events", "answer")),
        ("Text/Event-Stream;charset=utf-8", ("stream", "events", "answer")),
        ("application/x-ndjson", ("stream", "events", "answer")),
        ("text/plain", ("stream",)),
        ("application/json-seq", ("stream",)),
        ("application/json", ()),
        ("application/json; charset=utf-8", ()),
        ("application/problem+json", ()),
        ("text/html", ()),
        ("", ()),
    ],
)
def test_which_types_are_streams(content_type: str, wanted: tuple[Wanted, ...]) -> None:
    kinds: tuple[Wanted, ...] = ("stream", "events", "answer")
    assert tuple(kind for kind in kinds if has_stream(content_type, kind)) == wanted
