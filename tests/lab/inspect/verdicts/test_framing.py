"""The framing of the body, and its content coding."""

import zlib

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import End, Message
from streamserver.lab.inspect.verdict import Status
from support.judging import status, verdict
from support.messages import timed_message
from support.paths import CHUNKED, TYPE, Write, event, head, response

EVENTS = [Write(0.3 * n, event(n)) for n in range(8)]
DATA = b"".join(one.data for one in EVENTS)
NDJSON = "Content-Type: application/x-ndjson"
LENGTH = f"Content-Length: {len(DATA)}"


def unchunked(*fields: str, version: str = "HTTP/1.1", body: bytes = DATA) -> Message:
    """A body that is no chunked one."""
    start = head(*fields, version=version)
    end: End = "complete" if any(one.startswith("Content-Length") for one in fields) else "closed"
    return timed_message([(0.002, start), (0.1, body)], end)


OK = response(EVENTS)


@pytest.mark.parametrize(
    ("main", "old", "expected", "said"),
    [
        (OK, None, "ok", "chunked, in HTTP/1.1"),
        (OK, unchunked(TYPE), "ok", "chunked"),
        (
            response(EVENTS, start=head(TYPE, CHUNKED, "X-Lab-Request: HTTP/1.0")),
            None,
            "wrong",
            "a hop requested the stream in",
        ),
        (unchunked(TYPE, LENGTH), None, "wrong", LENGTH.replace(":", " is")),
        (unchunked("Content-Type: text/plain", LENGTH), None, "wrong", "all events exist"),
        (unchunked(NDJSON, "Content-Length: 4", body=b"1\n2\n"), None, "not seen", "document"),
        (unchunked(TYPE), None, "wrong", "ends with the connection"),
        (unchunked(TYPE, version="HTTP/1.0"), None, "wrong", "HTTP/1.0"),
        (unchunked(TYPE, LENGTH, version="HTTP/1.0"), None, "wrong", "HTTP/1.0"),
        (OK, OK, "wrong", "HTTP/1.0 request is chunked too"),
        (OK, unchunked(TYPE, LENGTH), "wrong", "HTTP/1.0 request has a Content-Length"),
    ],
)
def test_framing(main: Message, old: Message | None, expected: Status, said: str) -> None:
    found = verdict("framing", Evidence(main, old=old))
    assert (found.status, said in found.evidence) == (expected, True), found


def coded(flush: int | None, cut: int = 0, more: bytes = b"") -> Message:
    """A gzip stream that is flushed after each event, or never. ``cut``: bytes at the end of each
    piece that come with the next one."""
    coder, pieces, held = zlib.compressobj(wbits=31), [], b""
    for at, data in EVENTS:
        held += coder.compress(data) + (b"" if flush is None else coder.flush(flush))
        if len(held) > cut:
            pieces.append(Write(at, held[: len(held) - cut]))
            held = held[len(held) - cut :]
    pieces.append(Write(EVENTS[-1].at, held + coder.flush() + more))
    return response(pieces, start=head(TYPE, CHUNKED, "Content-Encoding: gzip"))


def coded_lines() -> Message:
    """A gzip stream that is flushed after each line, as a producer writes its events."""
    coder = zlib.compressobj(wbits=31)
    lines = [Write(0.5 * n, b"data: 1\n") for n in range(9)]
    pieces = [
        Write(at, coder.compress(line) + coder.flush(zlib.Z_SYNC_FLUSH)) for at, line in lines
    ]
    return response(pieces, start=head(TYPE, CHUNKED, "Content-Encoding: gzip"))


PLAIN = response(EVENTS)
HELD = response([Write(2.5, DATA)], head_at=2.5)


@pytest.mark.parametrize(
    ("main", "identity", "expected", "said"),
    [
        (PLAIN, None, "ok", "no content coding"),
        (coded(zlib.Z_SYNC_FLUSH), None, "ok", "gzip is flushed: 8 of 8 events"),
        (coded(zlib.Z_FULL_FLUSH), PLAIN, "ok", "flushed"),
        (coded(None), PLAIN, "wrong", "without it, 8 of 8 events arrived alone"),
        (coded(None), None, "not seen", "arrived at once"),
        (coded(None), HELD, "not seen", "held back without gzip too"),
        (coded(zlib.Z_SYNC_FLUSH, cut=8), None, "wrong", "gzip is not flushed: at 7 of 7 pauses"),
        (
            response(EVENTS, start=head(TYPE, CHUNKED, "Content-Encoding: gzip")),
            PLAIN,
            "wrong",
            "Content-Encoding is gzip, and the compressed data is malformed",
        ),
        (coded_lines(), None, "not seen", "no event arrived"),
        (
            response(EVENTS, start=head(TYPE, CHUNKED, "Content-Encoding: rot13")),
            None,
            "not seen",
            "no decoder for the content coding 'rot13'",
        ),
    ],
)
def test_compression(main: Message, identity: Message | None, expected: Status, said: str) -> None:
    found = verdict("compression", Evidence(main, identity=identity))
    assert (found.status, said in found.evidence) == (expected, True), found


def test_an_encoder_that_is_not_flushed_is_no_buffering() -> None:
    assert status("buffering", Evidence(coded(None), identity=PLAIN)) == "ok"
    assert status("buffering", Evidence(coded(None))) == "not seen"
    assert status("buffering", Evidence(coded(zlib.Z_SYNC_FLUSH))) == "ok"
