"""Heartbeats, cuts and ends."""

from dataclasses import replace

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.record import LIMITED
from streamserver.lab.inspect.recording import End, Message
from streamserver.lab.inspect.verdict import Status
from support.judging import verdict
from support.messages import timed_message
from support.paths import CHUNKED, TYPE, Write, event, head, response

BEAT = b":\n\n"
EVENTS = [Write(0.1 * n, event(n)) for n in range(5)]
LINES = [Write(0.1, b'{"n": 1}\n'), Write(0.2, b'{"n": 2}')]


def beats(gap: float, count: int) -> list[Write]:
    return [Write(n * gap, BEAT) for n in range(1, count)]


@pytest.mark.parametrize(
    ("writes", "ended", "idle", "expected", "said"),
    [
        (EVENTS, 9.0, 0.0, "not asked", "--idle"),
        (beats(1.0, 9), 9.0, 1.0, "ok", "1.00 s, from 1.00 s after the request, with 8 comments"),
        (beats(1.2, 9), 9.6, 1.0, "ok", "8 comments"),
        (beats(2.0, 5), 9.0, 1.0, "wrong", "where 1 s are allowed"),
        (EVENTS, 9.0, 5.0, "wrong", "8.60 s, from 0.40 s after the request, with 0 comments"),
        ([], 9.0, 5.0, "wrong", "9.00 s"),
        (EVENTS, 3.0, 5.0, "not seen", "fill a silence of 5 s"),
        ([*beats(1.0, 3), Write(8.0, event(0))], 8.0, 5.0, "wrong", "6.00 s, from 2.00 s"),
    ],
)
def test_heartbeats(
    writes: list[Write], ended: float, idle: float, expected: Status, said: str
) -> None:
    message = response(writes, ended, end="stopped")
    found = verdict("heartbeats", Evidence(message, idle=idle))
    assert (found.status, said in found.evidence) == (expected, True), found


def cut(
    after: float, last: float = 0.4, end: End = "closed", body: bytes = b"", stalled: float = 0.0
) -> Message:
    """A chunked stream that ends ``after`` so many seconds, ``last`` after the last byte."""
    writes = [Write(0.1, event(0)), Write(last, body or event(1))]
    return response(writes, after, end=end, stalled=stalled)


def ticking(gap: float, after: float, count: int = 0) -> Message:
    """A stream of regular events that is cut."""
    count = count or min(int(after / gap), 4)
    return response([Write(n * gap, event(n)) for n in range(count)], after, end="closed")


def unframed(data: bytes, after: float) -> Message:
    return timed_message([(0.01, head(TYPE)), (0.02, data)], "closed", after)


@pytest.mark.parametrize(
    ("message", "expected", "said"),
    [
        (
            cut(60.1, 0.1),
            "wrong",
            "an idle timer of 60 s is the default of nginx proxy_read_timeout",
        ),
        (cut(75.2, 15.1), "wrong", "AWS ALB idle_timeout.timeout_seconds and of Apache ProxyTime"),
        (cut(30.02, 29.9), "wrong", "a limit of the whole response of 30 s is the default of GCP"),
        (cut(30.15, 0.1), "wrong", "CloudFront origin response timeout"),
        (cut(55.1, 0.1), "wrong", "Heroku router"),
        (cut(120.3, 0.2), "wrong", "Cloudflare Proxy Read Timeout"),
        (cut(90.0, 89.9), "wrong", "a limit of the whole response of 90 s"),
        (cut(1.003, 0.95), "wrong", "a limit of the whole response of 1 s"),
        (cut(2.5, 0.5, "reset"), "wrong", "an idle timer of 2 s"),
        (cut(1.04, 0.11), "wrong", "an idle timer of 1 s"),  # whose last byte was late
        (cut(3.6, 3.5), "not seen", "shows no timer"),
        (cut(3.4, 3.3, stalled=0.5), "wrong", "of 3 s"),
        (ticking(1.0, 3.02), "not seen", "shows no timer"),  # its producer failed
        (ticking(0.5, 2.0), "not seen", "shows no timer"),
        (ticking(0.5, 30.0), "wrong", "a limit of the whole response of 30 s"),
        (ticking(0.5, 4.5), "wrong", "an idle timer of 3 s"),
        (cut(60.9, 60.8), "not seen", "shows no timer"),
        (cut(58.0, 57.9), "not seen", "shows no timer"),
        (cut(60.0, 0.1, "complete"), "not seen", "ended by itself after 60.0 s"),
        (cut(60.1, 0.1, "complete", b"data: half"), "wrong", "an idle timer of 60 s"),
        (cut(10.0, 0.1, "stopped"), "not seen", "was open after 10.0 s: --for 130"),
        (cut(130.0, 0.1, "stopped"), "ok", "lasted 130.0 s"),
        (unframed(event(0), 60.0), "not seen", "was closed after 60.0 s"),
        (unframed(b"data: half", 60.0), "wrong", "an idle timer of 60 s"),
    ],
)
def test_cut(message: Message, expected: Status, said: str) -> None:
    found = verdict("cut", message)
    assert (found.status, said in found.evidence) == (expected, True), found


@pytest.mark.parametrize(("again", "expected"), [(7.4, "wrong"), (6.1, "not seen")])
def test_a_cut_at_the_same_time_twice(again: float, expected: Status) -> None:
    evidence = Evidence(cut(7.5, 7.4), repeated=cut(again, 7.0))
    assert verdict("cut", evidence).status == expected


def chat(*datas: str, end: End = "complete") -> Message:
    chunk = '{"object": "chat.completion.chunk", "choices": []}'
    writes = [Write(n, f"data: {data}\n\n".encode()) for n, data in enumerate([chunk, *datas])]
    return response(writes, end=end)


ERROR = '{"error": {"message": "overloaded"}}'
FLOOD = replace(
    OPEN := response(EVENTS, end="stopped"),
    recording=replace(OPEN.recording, detail=f"{LIMITED} 9 bytes or 9 reads"),
)
LENGTH = timed_message([(0, head(TYPE, "Content-Length: 99")), (1, event(0))], "closed", 2)
BROKEN = timed_message([(0, head()), (1, b"5\r\nabc"), (2, b"defghi")], "failed", 2)


@pytest.mark.parametrize(
    ("message", "expected", "said"),
    [
        (response(EVENTS), "ok", "the last-chunk came after 0.40 s"),
        (response(LINES, start=head("Content-Type: application/jsonl", CHUNKED)), "ok", "last-ch"),
        (response(EVENTS, end="closed"), "wrong", "closed after 0.40 s, without a last-chunk"),
        (response(EVENTS, end="reset"), "wrong", "reset after 0.40 s, without a last-chunk"),
        (
            response(EVENTS, 9.0, end="stopped"),
            "not seen",
            "9.00 s, when the recording ended: --for",
        ),
        (FLOOD, "not seen", "the recording ended: the recording is limited to 9 bytes"),
        (response([]), "ok", "last-chunk"),
        (response([Write(0.1, b"data: a\n")]), "wrong", "the last event has no blank line"),
        (chat("[DONE]"), "ok", "and [DONE] before it"),
        (chat("{}"), "wrong", "no [DONE]"),
        (chat(ERROR), "ok", "last-chunk"),
        (chat('{"error": null}'), "wrong", "no [DONE]"),
        (response([Write(0.1, b'data: {"object": "other"}\n\n')]), "ok", "last-chunk"),
        (LENGTH, "wrong", "before all bytes of its length"),
        (replace(LENGTH, is_complete=True), "ok", "the last byte came"),
        (unframed(event(0), 2.0), "not seen", "which looks like a cut"),
        (unframed(b"data: [DONE]\n\n", 2.0), "ok", "[DONE] came"),
        (unframed(b"data: half", 2.0), "wrong", "within an event"),
        (BROKEN, "wrong", "could not be read further"),
    ],
)
def test_end(message: Message, expected: Status, said: str) -> None:
    found = verdict("end", message)
    assert (found.status, said in found.evidence) == (expected, True), found
