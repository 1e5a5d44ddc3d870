"""What a hop changes, from the responses before and behind it."""

from dataclasses import replace

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.hops import Change, changes, exit_status
from streamserver.lab.inspect.inspection import Inspection
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Status, Verdict
from streamserver.wire.chunked import encode, last_chunk
from support.messages import timed_message

TYPE = b"content-type: text/event-stream\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\n" + TYPE + b"transfer-encoding: chunked\r\n"
EVENTS = [encode(b"data: %d\n\n" % n) for n in range(10)]


def stream(head: bytes = CHUNKED, *more: bytes, gap: float = 0.1, end: bytes = b"") -> Message:
    """A chunked stream of ten events."""
    reads = [(n * gap, data) for n, data in enumerate([head + b"\r\n", *EVENTS, *more])]
    return timed_message([*reads, (9.0, end or last_chunk())], ended=9.0)


def inspection(main: Message, **verdicts: Status) -> Inspection:
    found = [Verdict(name, status, "") for name, status in verdicts.items()]
    return Inspection("GET http://a/", Evidence(main), found)


HEALTHY = stream()
WORSE = {"arrivals", "end", "response", "status"}


@pytest.mark.parametrize(
    ("through", "found"),
    [
        (stream(), []),
        (
            stream(CHUNKED + b"via: 1.1 a\r\nset-cookie: id=secret\r\n"),
            [("field via", "", "1.1 a"), ("field set-cookie", "", "REDACTED")],
        ),
        (
            stream(CHUNKED.replace(b"text/event-stream", b"text/html")),
            [("field content-type", "text/event-stream", "text/html")],
        ),
        (
            timed_message([(0.0, b"HTTP/1.0 200 OK\r\n" + TYPE + b"\r\n")], "closed"),
            [
                ("version", "HTTP/1.1", "HTTP/1.0"),
                ("framing", "chunked", "until the connection ends"),
                ("end", "complete", "closed"),
            ],
        ),
        (
            timed_message([(0.0, CHUNKED + b"content-encoding: gzip\r\n\r\n")], "stopped"),
            [("content coding", "", "gzip"), ("end", "complete", "stopped")],
        ),
        (
            timed_message([(9.0, CHUNKED + b"\r\n" + b"".join(EVENTS) + last_chunk())]),
            [
                ("head", "after 0 ms", "after 9.00 s"),
                ("first event", "after 0.10 s", "after 9.00 s"),
                ("arrivals", "10 events at 10 moments", "10 events at 1 moment"),
            ],
        ),
        (
            timed_message([(0.0, CHUNKED + b"\r\n"), (1.0, EVENTS[0])], "closed"),
            [
                ("first event", "after 0.10 s", "after 1.00 s"),
                ("end", "complete", "closed before the body was complete"),
            ],
        ),
        (
            timed_message([(0.0, b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")]),
            [
                ("status", "200", "502"),
                ("framing", "chunked", "no body"),
                ("field content-type", "text/event-stream", ""),
            ],
        ),
        (timed_message([], "failed"), [("response", "status 200", "none: failed: why")]),
    ],
)
def test_each_difference_is_named(through: Message, found: list[tuple[str, str, str]]) -> None:
    seen = changes(inspection(HEALTHY), inspection(through))
    assert [change[:3] for change in seen] == found
    assert {change.name for change in seen if change.is_worse} == {
        name for name, *_ in found if name in WORSE
    } - ({"end"} if seen and seen[-1].through in ("closed", "stopped") else set())


def test_heartbeats_that_are_missing() -> None:
    beating = stream(CHUNKED, *[encode(b":\n\n")] * 3)
    assert changes(inspection(beating), inspection(HEALTHY)) == [
        Change("heartbeats", "3", "", True)
    ]
    once = changes(inspection(stream(CHUNKED, encode(b":\n\n"))), inspection(HEALTHY))
    assert once == [Change("heartbeats", "1", "")]
    twice = stream(CHUNKED, *[encode(b":\n\n")] * 4)
    assert changes(inspection(beating), inspection(twice)) == []


def test_done_is_part_of_the_end() -> None:
    done = stream(CHUNKED, encode(b"data: [DONE]\n\n"))
    expected = Change("end", "complete with [DONE]", "complete")
    assert changes(inspection(done), inspection(HEALTHY)) == [expected]


def test_verdicts_are_compared_by_name() -> None:
    direct = inspection(HEALTHY, type="ok", buffering="ok", end="ok")
    through = inspection(HEALTHY, type="ok", buffering="wrong", cors="not asked")
    assert changes(direct, through) == [
        Change("verdict buffering", "ok", "wrong", True),
        Change("verdict end", "ok", ""),
        Change("verdict cors", "", "not asked"),
    ]


def test_a_field_that_always_differs_is_no_change() -> None:
    first, second, third = (stream(CHUNKED + b"x-id: %d\r\n" % n) for n in range(3))
    alone = changes(inspection(first), inspection(third))
    assert alone == [Change("field x-id", "0", "2")]
    direct = inspection(first)
    direct = replace(direct, evidence=replace(direct.evidence, repeated=second))
    assert changes(direct, inspection(third)) == []
    assert changes(direct, inspection(HEALTHY)) == [Change("field x-id", "0", "")]


def test_versions_by_alpn() -> None:
    direct, through = inspection(HEALTHY), inspection(HEALTHY)
    through = replace(through, evidence=replace(through.evidence, versions=("h2", "http/1.1")))
    assert changes(direct, through) == [Change("versions by ALPN", "", "h2, http/1.1")]


@pytest.mark.parametrize(("before", "after"), [(0.001, 0.0015), (0.011, 0.009), (0.009, 0.011)])
def test_a_fast_stream_is_not_bunched(before: float, after: float) -> None:
    assert changes(inspection(stream(gap=before)), inspection(stream(gap=after))) == []


def test_what_this_process_delayed_is_not_bunched() -> None:
    late = timed_message([(0.3, CHUNKED + b"\r\n" + b"".join(EVENTS)), (9.0, last_chunk())])
    late = replace(late, recording=replace(late.recording, ended=9.0))
    bunched = Change("arrivals", "10 events at 10 moments", "10 events at 1 moment", True)
    assert changes(inspection(HEALTHY), inspection(late)) == [bunched]
    assert changes(inspection(late), inspection(HEALTHY)) == [
        Change("arrivals", "10 events at 1 moment", "10 events at 10 moments")
    ]
    late = replace(late, recording=replace(late.recording, stalled=0.3))
    assert changes(inspection(HEALTHY), inspection(late)) == []


def test_what_is_worse_behind_the_hop_is_wrong() -> None:
    fine = inspection(HEALTHY, end="ok")
    cut = inspection(timed_message([(0.0, CHUNKED + b"\r\n")], "closed"), end="ok")
    assert exit_status(fine, None) == exit_status(fine, fine) == 0
    assert exit_status(fine, inspection(timed_message([], "failed"))) == 1
    assert exit_status(fine, inspection(HEALTHY, end="wrong")) == 1
    assert exit_status(inspection(HEALTHY), fine) == 3
    assert exit_status(fine, cut) == 1
