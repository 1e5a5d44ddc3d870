"""Status, type, caching, and the head before the first event."""

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.inspection import judge
from streamserver.lab.inspect.message import read_message
from streamserver.lab.inspect.recording import Message, Recording
from streamserver.lab.inspect.verdict import Status
from support.judging import status, verdict
from support.messages import GET, timed_message
from support.paths import CHUNKED, TYPE, Write, event, head, response

EVENTS = [Write(0.1 * n, event(n)) for n in range(5)]
LINES = [Write(0.1 * n, b'{"n": %d}\n' % n) for n in range(5)]
POST = b"POST / HTTP/1.1\r\n\r\n"
CACHED = "Cache-Control: max-age=60"


@pytest.mark.parametrize(
    ("line", "expected", "said"),
    [
        ("200 OK", "ok", "the status is 200"),
        ("204 No Content", "not seen", "does not reconnect"),
        ("302 Found", "not seen", "inspect the target of the redirect"),
        ("401 Unauthorized", "not seen", "credentials"),
        ("404 Not Found", "not seen", "refuses"),
        ("500 Internal Server Error", "wrong", "the server failed"),
        ("504 Gateway Timeout", "wrong", "a hop waited too long"),
    ],
)
def test_status(line: str, expected: Status, said: str) -> None:
    found = verdict("status", response([], start=head(TYPE, CHUNKED, status=line)))
    assert (found.status, said in found.evidence) == (expected, True)


def test_nothing_is_judged_without_the_stream() -> None:
    error = response(EVENTS, start=head("Content-Type: text/html", CHUNKED, status="404 No"))
    silent = timed_message([], "failed")
    for message in (error, silent):
        asked = ("cors", "versions", "heartbeats")
        names = ("type", "head", "framing", "compression", "buffering", "cut", "end")
        assert {status(name, message) for name in names} == {"not seen"}
        assert all(status(name, message) in ("not asked", "not seen") for name in asked)


@pytest.mark.parametrize(
    "message",
    [
        timed_message([(2, head("Content-Type: text/html", "Content-Length: 3", CACHED) + b"<p>")]),
        timed_message([(2, head("Content-Type: text/html", "Content-Length: 0", CACHED))]),
        timed_message([(2, head(TYPE, CHUNKED, CACHED))], request=b"HEAD / HTTP/1.1\r\n\r\n"),
        timed_message(
            [(2, head("Content-Type: a/b", "Content-Length: 3", version="HTTP/1.0") + b"{ }")]
        ),
    ],
)
def test_a_document_is_no_stream(message: Message) -> None:
    found = judge(Evidence(message, repeated=message))
    assert {one.status for one in found} == {"not seen", "not asked"}
    assert found[0].evidence.startswith("the status is 200, after 2.00 s: the response ")


def test_a_document_in_chunks_may_be_late_and_stored() -> None:
    start = head("Content-Type: text/html", CHUNKED, CACHED)
    late = response([Write(2, b"<p>")], start=start, head_at=2)
    found = judge(Evidence(late, repeated=late))
    assert "wrong" not in {one.status for one in found}


def test_a_missing_response_is_explained() -> None:
    assert verdict("status", timed_message([], "failed")).evidence.endswith("why")


@pytest.mark.parametrize(("request_", "expected"), [(GET, "wrong"), (POST, "not seen")])
def test_a_head_that_does_not_come(request_: bytes, expected: Status) -> None:
    message = timed_message([], "timeout", 60, request_)
    assert status("status", message) == expected
    assert status("end", message) == "not seen"


def test_a_certificate_that_is_not_trusted() -> None:
    detail = "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"
    found = verdict("status", read_message(Recording(GET, [], "failed", 0.0, detail)))
    assert (found.status, "--ca FILE" in found.evidence) == ("not seen", True)


@pytest.mark.parametrize(
    ("value", "body", "expected"),
    [
        ("text/event-stream", EVENTS, "ok"),
        ("Text/Event-Stream; charset=UTF-8", EVENTS, "ok"),
        ('text/event-stream;charset="utf-8"', EVENTS, "ok"),
        ("text/event-stream; charset=iso-8859-1", EVENTS, "wrong"),
        ("text/plain", EVENTS, "wrong"),
        ("text/html", EVENTS, "wrong"),
        (None, EVENTS, "wrong"),
        (None, [Write(0.1, b": hello\r\n\r\ndata: 1\r\n\r\n")], "wrong"),
        (None, [Write(0.1, b"\xef\xbb\xbfdata: 1\n\n")], "wrong"),
        ("application/x-ndjson", LINES, "ok"),
        ("application/jsonl", LINES, "ok"),
        ("application/json", LINES, "wrong"),
        ("text/plain", LINES, "not seen"),
        ("application/json", [Write(0.1, b'{\n "n": 1\n}\n')], "not seen"),
        ("application/json", [Write(0.1, b'{"n": 1}')], "not seen"),
        ("text/html", [Write(0.1, b"<p>data: 1\n\n")], "not seen"),
        ("text/plain", [Write(0.1, b"data: is everything\n")], "not seen"),
        ("text/yaml", [Write(0.1, b"id: 5\nname: a\n\nid: 6\n\n")], "not seen"),
        (None, [Write(0.1, b'{"a":' * 20_000 + b"\n" + b'{"a":' * 20_000)], "not seen"),
        (None, [], "not seen"),
    ],
)
def test_type(value: str | None, body: list[Write], expected: Status) -> None:
    fields = [f"Content-Type: {value}"] if value else []
    assert status("type", response(body, start=head(CHUNKED, *fields))) == expected


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ([], "ok", "optional, for hops: Cache-Control: no-transform and X-Accel-Buffering: no"),
        (["Cache-Control: no-cache"], "ok", "optional"),
        (["Cache-Control: no-store, no-transform", "X-Accel-Buffering: no"], "ok", "no-store"),
        (["Cache-Control: max-age=0"], "ok", "max-age=0"),
        (["Cache-Control: max-age=60", "Cache-Control: no-cache"], "ok", "no-cache"),
        (["Cache-Control: private, max-age=60"], "wrong", "max-age=60"),
        (["Cache-Control: S-MaxAge=5", "Cache-Control: s-maxage=600"], "wrong", "600"),
        (["X-Accel-Buffering: yes"], "wrong", "X-Accel-Buffering is yes"),
    ],
)
def test_caching(fields: list[str], expected: Status, said: str) -> None:
    found = verdict("caching", response(EVENTS, start=head(TYPE, CHUNKED, *fields)))
    assert (found.status, said in found.evidence) == (expected, True)


def test_the_response_to_a_post_is_not_stored() -> None:
    start = head(TYPE, CHUNKED, "Cache-Control: max-age=60")
    assert status("caching", response(EVENTS, start=start, request=POST)) == "ok"


def first_at(first: float, head_at: float, request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> Message:
    events = [Write(first + at, data) for at, data in EVENTS]
    return response(events, head_at=head_at, request=request)


@pytest.mark.parametrize(
    ("main", "again", "expected"),
    [
        (first_at(0.003, 0.002), None, "not seen"),  # the first event leaves nothing to see
        (first_at(1.0, 0.002), None, "ok"),
        (first_at(0.2, 0.002), None, "ok"),
        (first_at(0.003, 0.002), first_at(1.0, 0.002), "ok"),
        (first_at(1.0, 1.0), None, "not seen"),  # once may be chance
        (first_at(1.0, 1.0), first_at(0.9, 0.9), "wrong"),
        (first_at(1.0, 1.0), first_at(0.003, 0.002), "not seen"),
        (first_at(1.0, 1.0, POST), first_at(1.0, 1.0, POST), "not seen"),
        (first_at(3.0, 2.0), first_at(3.0, 2.0), "not seen"),
        (first_at(0.4, 0.4), first_at(0.4, 0.4), "not seen"),
        (response([], 3.0, end="stopped"), None, "ok"),
    ],
)
def test_head(main: Message, again: Message | None, expected: Status) -> None:
    assert status("head", Evidence(main, repeated=again)) == expected


def test_a_head_is_not_late_where_the_recorder_was() -> None:
    late = response([Write(1.0, event(0))], head_at=1.0, stalled=0.4)
    assert status("head", Evidence(late, repeated=late)) == "not seen"
