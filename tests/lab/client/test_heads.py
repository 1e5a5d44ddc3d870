"""What the head of a response says of its exchange: statuses, types, codings."""

import pytest

from streamserver.lab.client.heads import SHOWN, coding_of, verdict_of
from streamserver.lab.client.record import End
from streamserver.lab.client.wanted import Wanted
from streamserver.wire.response_heads import ResponseHead

TYPE = "content-type"
EVENTS = (TYPE, "text/event-stream")
LINES = (TYPE, "application/x-ndjson")
JSON = (TYPE, "application/json")
GZIP = ("content-encoding", "gzip")


def head(status: int, *fields: tuple[str, str], length: int = 9) -> ResponseHead:
    return ResponseHead(status, [*fields], length=length)


@pytest.mark.parametrize(
    ("answer", "wanted", "end", "detail"),
    [
        (head(200), "anything", "complete", ""),
        (head(204, length=0), "anything", "complete", ""),
        (head(304, length=0), "anything", "complete", ""),
        (head(200, EVENTS), "answer", "complete", ""),
        (head(206, EVENTS), "events", "complete", ""),
        (head(200, LINES), "events", "complete", ""),
        (head(200, (TYPE, "text/plain")), "stream", "complete", ""),
        (head(404, EVENTS), "events", "refused", ""),
        *[
            (head(status, ("location", "/x")), "anything", "redirected", f"status {status}, ")
            for status in (300, 301, 302, 303, 307, 308)
        ],
        (head(301, ("location", "https://u:p@h/p?key=k")), "events", "redirected", ": https://h/p"),
        (head(302, ("location", "/x?a=//b@c#d")), "answer", "redirected", "not followed: /x"),
        (head(302), "anything", "redirected", "it has no Location"),
        *[
            (head(status, length=0), wanted, "no_stream", f"status {status}, where a stream")
            for status in (204, 205, 304)
            for wanted in ("stream", "events", "answer")
        ],
        (head(200, JSON), "answer", "no_stream", "status 200 with application/json, where"),
        (head(200, JSON), "stream", "no_stream", "status 200 with application/json, where"),
        (head(202), "events", "no_stream", "status 202 with no Content-Type, where"),
        (head(200, EVENTS, JSON), "events", "no_stream", "application/json"),
        (head(200, EVENTS, GZIP), "anything", "encoded", "encoded as gzip, which is not decoded"),
        (head(200, LINES, GZIP), "stream", "encoded", "Accept-Encoding: identity"),
        (head(200, EVENTS, ("content-encoding", "x-new")), "anything", "encoded", "as x-new,"),
        # Where there are no events, nothing is looked for in the body.
        (head(200, JSON, GZIP), "anything", "complete", ""),
        (head(200, EVENTS, GZIP, length=0), "anything", "complete", ""),
    ],
)
def test_what_a_head_leaves(answer: ResponseHead, wanted: Wanted, end: End, detail: str) -> None:
    found, told = verdict_of(answer, wanted) or ("complete", "")
    assert found == end
    assert detail in told if detail else not told


@pytest.mark.parametrize("name", ["location", "content-type", "content-encoding"])
def test_what_is_shown_is_bounded(name: str) -> None:
    status = 301 if name == "location" else 200
    fields = {"content-type": "text/event-stream", name: "x" * 60_000}
    if name == "content-encoding":
        verdict = verdict_of(head(status, *fields.items()), "anything")
    else:
        verdict = verdict_of(head(status, *fields.items()), "events")
    assert verdict is not None
    assert "x" * SHOWN in verdict[1]
    assert "x" * (SHOWN + 1) not in verdict[1]


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], ""),
        ([""], ""),
        (["none"], ""),
        (["None , identity,"], ""),
        (["identity", "none"], ""),
        (["GZip"], "gzip"),
        (["none, gzip"], "gzip"),
        (["br", "gzip"], "br, gzip"),
    ],
)
def test_which_codings_are_left(values: list[str], coding: str) -> None:
    assert coding_of(head(200, *[("content-encoding", value) for value in values])) == coding
