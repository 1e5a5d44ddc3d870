"""Buffering: what arrivals prove, and what they do not."""

from dataclasses import replace

import pytest

from streamserver.lab.inspect.evidence import Evidence
from streamserver.lab.inspect.recording import Message
from streamserver.lab.inspect.verdict import Status
from streamserver.wire.chunked import encode, last_chunk
from support import paths
from support.judging import status, verdict
from support.messages import timed_message
from support.paths import CHUNKED, TYPE, Write, event, head, response, stamped

NDJSON = "Content-Type: application/x-ndjson"


def ticks(count: int, gap: float = 0.1, size: int = 100, first: float = 0.01) -> list[Write]:
    return [Write(first + n * gap, event(n, size)) for n in range(count)]


def bursts(count: int, each: int, gap: float = 0.4, size: int = 100) -> list[Write]:
    return [Write(0.01 + n // each * gap, event(n, size)) for n in range(count)]


def segments(n: int, size: int) -> list[Write]:
    """An event of one second, in two parts."""
    data = event(n, 2 * size + 100)
    return [Write(n, data[:size]), Write(n + 0.2, data[size:])]


def whole(writes: list[Write]) -> bytes:
    return b"".join(one.data for one in writes)


TICKS = ticks(20)
LONG = ticks(200, gap=0.02)
END = LONG[-1].at


@pytest.mark.parametrize(
    ("main", "said"),
    [
        (response(TICKS), "20 of 20 events arrived alone and complete, 0.10 s apart"),
        (response(TICKS, end="stopped", ended=3.0), "20 of 20"),
        (response([Write(0.01, b"retry: 5\n\n"), *TICKS]), "19 of 21"),
        (response([Write(0.01, event(0, 200_000)), *ticks(5, first=0.3)]), "6 of 6"),
        (response([*TICKS, Write(TICKS[-1].at, event(20))]), "19 of 21"),
        (response(ticks(5, size=5000), ended=1.0), "5 of 5"),
        (response([Write(n, b":\n\n") for n in range(4)], 4.0, end="stopped"), "4 of 4"),
        (
            response([Write(n, b'{"n": 1}\n') for n in range(4)], start=head(NDJSON, CHUNKED)),
            "4 of 4 lines",
        ),
        (response(TICKS, start=head("Content-Type: text/plain", CHUNKED)), "20 of 20"),
    ],
)
def test_events_that_come_alone(main: Message, said: str) -> None:
    found = verdict("buffering", main)
    assert (found.status, said in found.evidence) == ("ok", True), found


@pytest.mark.parametrize(
    ("main", "said"),
    [
        (response([]), "no event arrived"),
        (response([], 5.0, end="stopped"), "no event arrived in 5.00 s"),
        (response(ticks(1)), "1 event cannot show"),
        (response(ticks(2, gap=1)), "2 events cannot show"),
        (response(bursts(20, 5)), "20 events arrived in 4 groups of up to 5, 0.40 s apart"),
        (response([Write(0.01, whole(TICKS))], 3.0), "20 events arrived at once"),
        (response([Write(3.0, one.data) for one in TICKS]), "20 events arrived at once"),
        (response(ticks(5, gap=0.3, size=5000)), "5 events of up to 5000 bytes"),
        (response(ticks(2000, gap=0.0001)), "2000 events arrived"),
        (response([*bursts(60, 5), *ticks(4, 0.3, first=5)]), "64 events arrived in 16 groups"),
        (response(paths.filled(ticks(40, 0.1, 300), 500, 4.0)), "40 events arrived in"),
        (response([Write(2.0, whole(ticks(6)))]), "6 events arrived at once"),
        (response([Write(2.0, whole(TICKS))]), "no further request was sent"),
        (response([Write(1, b"a"), Write(2, b"b")], start=head(CHUNKED)), "neither an event"),
    ],
)
def test_what_proves_nothing(main: Message, said: str) -> None:
    found = verdict("buffering", main)
    assert (found.status, said in found.evidence) == ("not seen", True), found


NGINX = paths.filled(LONG, 4096, END)
FILE = head(NDJSON, "Content-Length: 8192")
ROWS = b"a" * 4000 + b"\n" + b"a" * 95


@pytest.mark.parametrize(
    ("main", "said"),
    [
        (response(NGINX), "of 4096, 4096, 4096, 4096 bytes, which end within a line"),
        (response(NGINX, END + 1, end="stopped"), "4096"),
        (response(paths.filled(ticks(60), 4096, 6.0)), "in 2 groups"),
        (response(paths.filled(LONG, 8192, END)), "8192"),
        (response(paths.filled(LONG, 3990, END)), "3990, 3990, 3990"),  # less chunk sizes
        (
            response(paths.filled(LONG, 4096, END), start=head("Content-Type: a/b", CHUNKED)),
            "4096",
        ),
    ],
)
def test_pauses_after_the_bytes_of_a_buffer(main: Message, said: str) -> None:
    found = verdict("buffering", main)
    assert (found.status, said in found.evidence) == ("wrong", True), found


@pytest.mark.parametrize(
    "main",
    [
        response(paths.filled(LONG, 4096, END), stalled=0.5),  # the pauses may be its own
        timed_message([(0, FILE), (1, ROWS), (2, ROWS)], ended=2),  # at a limited rate
        # An event that is written line by line, and one that a network divides once.
        response([Write(0.5 * n, b"data: 1\n") for n in range(8)]),
        response(
            [Write(0.1, b"data: " + b"a" * 4090), Write(1.1, b"a\n\n"), *ticks(4, 0.5, 20, 2)]
        ),
        # Segments of large events that a scheduler delays.
        response([Write(at, data) for n in range(6) for at, data in segments(n, 8192)]),
    ],
)
def test_pauses_of_another_cause(main: Message) -> None:
    assert status("buffering", main) != "wrong"


def late(writes: list[Write], *fields: str) -> Message:
    """A response whose head comes with the first bytes of the body."""
    start = head(*fields) if fields else head()
    return response(writes, start=start, head_at=writes[0].at)


COLLECTED = late([Write(2.0, whole(TICKS))])
CLOSED = timed_message([(2.0, head(TYPE) + whole(TICKS))], "closed", 2.0)
AT_THE_END = response([Write(2.0, whole(TICKS))])
SLOW = late([Write(2.0, one.data) for one in TICKS])
UNFLUSHED = late(paths.unflushed(LONG, 4000, END))


@pytest.mark.parametrize(
    ("main", "again", "expected"),
    [
        (COLLECTED, COLLECTED, "wrong"),
        (COLLECTED, response(TICKS), "not seen"),
        (COLLECTED, response([Write(0.01, whole(TICKS))]), "not seen"),  # slow once
        (CLOSED, CLOSED, "wrong"),
        (AT_THE_END, AT_THE_END, "wrong"),
        (AT_THE_END, response([Write(2.0, one.data) for one in TICKS]), "wrong"),
        (AT_THE_END, response([Write(0.01, whole(TICKS))]), "not seen"),
        (AT_THE_END, response([*ticks(1), Write(2.0, whole(TICKS))]), "not seen"),
        (AT_THE_END, response([Write(2.0, event(0)), Write(2.2, whole(TICKS))]), "not seen"),
        (SLOW, SLOW, "not seen"),  # a chunk for each event
    ],
)
def test_a_whole_stream_in_one_piece(main: Message, again: Message, expected: Status) -> None:
    assert status("buffering", Evidence(main, repeated=replace(again))) == expected


def test_a_file_object_that_is_never_flushed() -> None:
    chunks = [Write(at, encode(data)) for at, data in ticks(300, gap=0.02)]
    start = [Write(0.0, head()), *chunks]
    reads = paths.joined(paths.unflushed(start, 8192, 7.0))
    main = timed_message([*reads, (7.0, last_chunk())], ended=7.0)
    found = verdict("buffering", Evidence(main, repeated=replace(main)))
    assert found.status == "wrong"
    assert "each as large as a buffer of 8192 bytes permits" in found.evidence


def test_a_late_answer_in_bursts_is_no_full_buffer() -> None:
    for each, size in ((20, 40), (2, 2000)):
        main = late([Write(1.0 + n // each, event(n, size)) for n in range(5 * each)])
        assert status("buffering", Evidence(main, repeated=replace(main))) == "not seen"


CORK = paths.timed(ticks(24, 0.05, first=0.5), 0.25, 1.7)
ONE_BY_ONE = response(ticks(24, 0.05, first=0.5))


@pytest.mark.parametrize(
    ("heads", "old", "stalled", "expected"),
    [
        ((0.203, 0.211), ONE_BY_ONE, 0.01, "wrong"),
        ((0.203, 0.002), ONE_BY_ONE, 0.01, "not seen"),
        ((0.35, 0.36), ONE_BY_ONE, 0.01, "not seen"),
        ((0.203, 0.211), response(CORK), 0.01, "not seen"),
        ((0.203, 0.211), None, 0.01, "not seen"),
        ((0.203, 0.211), ONE_BY_ONE, 0.15, "not seen"),
    ],
)
def test_a_kernel_that_waits_for_more(
    heads: tuple[float, float], old: Message | None, stalled: float, expected: Status
) -> None:
    main, again = (response(CORK, head_at=at, stalled=stalled) for at in heads)
    assert status("buffering", Evidence(main, repeated=again, old=old)) == expected


def delayed(delay: float, count: int = 20, gap: float = 0.2, stalled: float = 0.001) -> Message:
    writes = [Write(n * gap + delay, stamped(n, n * gap)) for n in range(count)]
    return response(writes, head_at=0.0, stalled=stalled)


@pytest.mark.parametrize(
    ("main", "expected", "said"),
    [
        (delayed(0.001), "ok", "by the stamps of 20 events, the delay on the way is 1 ms in the"),
        (delayed(0.19), "wrong", "0.19 s in the median and 0.19 s at most"),  # it comes alone
        (delayed(0.19, stalled=0.15), "not seen", "this process itself was late by up to 0.15 s"),
        (delayed(0.2, gap=0.05), "wrong", "0.20 s in the median"),
        (delayed(60.0), "wrong", "60.0 s in the median"),
        (delayed(-5.0), "ok", "20 of 20 events arrived alone"),  # another clock
        (response([Write(4.0, stamped(n, n * 0.2)) for n in range(20)]), "wrong", "4.00 s at"),
        (response([Write(4.0, stamped(n, 3.999)) for n in range(20)]), "not seen", "1 ms"),
    ],
)
def test_stamps(main: Message, expected: Status, said: str) -> None:
    found = verdict("buffering", main)
    assert (found.status, said in found.evidence) == (expected, True), found
