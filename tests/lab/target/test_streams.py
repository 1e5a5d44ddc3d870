"""The streams of the target: their content, what a seed repeats, and when events are sent."""

import json
import os
import time
from itertools import pairwise

import pytest

from streamserver.lab.stamps import read_stamp
from streamserver.lab.target.events import MAX_PIECE
from streamserver.wire.sse import Parser
from support.asking import Answered, ask
from support.inprocess import Served
from support.rawsocket import connect
from support.requests import get


def texts(path: str, answered: Answered) -> list[str]:
    """The text of each event."""
    if path == "/sse":
        return [json.loads(event.data)["text"] for event in Parser().feed(answered.body)]
    return [json.loads(line)["text"] for line in answered.body.decode().splitlines()]


# Content


@pytest.mark.parametrize("size", [5, 2 * MAX_PIECE + 1])
async def test_an_event_stream_resumes_after_the_last_event(target: Served, size: int) -> None:
    path = f"/sse?count=5&gap=0.02&seed=3&size={size}&size_jitter=uniform"
    whole = Parser().feed((await ask(target, path)).body)
    resumed = Parser().feed((await ask(target, path, fields={"Last-Event-ID": "2"})).body)
    assert resumed == whole[3:]


async def test_a_resumed_stream_waits_for_none_of_the_events_before(target: Served) -> None:
    answered = await ask(target, "/sse?count=1000&gap=3", fields={"Last-Event-ID": "998"})
    assert [event.id for event in Parser().feed(answered.body)] == ["999"]


@pytest.mark.parametrize(("id", "status"), [("4", 204), ("9999999", 204), ("x", 200), ("", 200)])
async def test_a_stream_that_was_received_whole_is_not_sent_again(
    target: Served, id: str, status: int
) -> None:
    answered = await ask(target, "/sse?count=5&gap=0", fields={"Last-Event-ID": id})
    assert answered.status == status
    assert len(Parser().feed(answered.body)) == (5 if status == 200 else 0)


@pytest.mark.parametrize("kind", ["ascii", "utf8"])
@pytest.mark.parametrize("size", [0, 1, 7, 10, 333, MAX_PIECE, MAX_PIECE + 1, 3 * MAX_PIECE + 5])
@pytest.mark.parametrize("path", ["/sse", "/jsonl"])
async def test_events_have_the_requested_size(
    target: Served, path: str, size: int, kind: str
) -> None:
    answered = await ask(target, f"{path}?count=3&gap=0&size={size}&text={kind}")
    found = texts(path, answered)
    assert [len(text.encode()) for text in found] == [size] * 3
    if size > 1:
        assert all(text.isascii() == (kind == "ascii") for text in found)


@pytest.mark.parametrize("size", [0, 9, 2 * MAX_PIECE])
async def test_raw_bytes_are_the_text_alone(target: Served, size: int) -> None:
    answered = await ask(target, f"/raw?count=3&gap=0&size={size}")
    assert len(answered.body) == 3 * size
    assert answered.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("path", "media"), [("/sse", "text/event-stream"), ("/jsonl", "application/jsonl")]
)
async def test_the_head_has_the_media_type_and_forbids_buffering(
    target: Served, path: str, media: str
) -> None:
    headers = (await ask(target, f"{path}?count=1")).headers
    assert headers["content-type"] == media
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"


async def test_events_have_their_numbers(target: Served) -> None:
    stream = await ask(target, "/sse?count=4&gap=0")
    events = Parser().feed(stream.body)
    assert [event.id for event in events] == ["0", "1", "2", "3"]
    assert [json.loads(event.data)["seq"] for event in events] == [0, 1, 2, 3]
    lines = (await ask(target, "/jsonl?count=4&gap=0")).body.splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [0, 1, 2, 3]


# Seeds


@pytest.mark.parametrize("path", ["/sse", "/jsonl", "/raw"])
async def test_a_seed_repeats_every_byte_and_another_does_not(target: Served, path: str) -> None:
    query = f"{path}?count=20&gap=0&size=100&size_jitter=lognormal&text=utf8"
    one, same, other = [(await ask(target, f"{query}&seed={n}")).body for n in (1, 1, 2)]
    assert one == same != other


async def test_a_stream_without_a_seed_reports_a_random_one(target: Served) -> None:
    query = "/raw?count=20&gap=0&size_jitter=exponential"
    one, another = [await ask(target, query) for _ in range(2)]
    assert one.headers["x-lab-seed"] != another.headers["x-lab-seed"]
    assert one.body != another.body
    again = await ask(target, f"{query}&seed={one.headers['x-lab-seed']}")
    assert again.body == one.body


@pytest.mark.parametrize("path", ["/sse", "/jsonl"])
async def test_a_seed_repeats_when_each_event_is_due(target: Served, path: str) -> None:
    """By the stamps, relative to the first event."""
    query = f"{path}?count=8&gap=0.005&jitter=lognormal&burst=2&seed=3&stamps=1"
    streams = []
    for _ in range(2):
        stamps = [read_stamp(line) for line in (await ask(target, query)).body.decode().split("\n")]
        dues = [stamp.due for stamp in stamps if stamp]
        assert len(dues) == 8
        streams.append([due - dues[0] for due in dues])
    assert streams[0] == streams[1]
    assert streams[0][0] == streams[0][1] < streams[0][2]


# Times


async def test_stamps_change_no_size(target: Served) -> None:
    query = "/sse?count=3&gap=0.001&stamps=1"
    sizes = {len((await ask(target, query)).body) for _ in range(2)}
    assert len(sizes) == 1


async def test_nothing_is_early(target: Served) -> None:
    """The head and each event, by the clock of the client."""
    begin = time.monotonic()
    async with connect(target.port) as client:
        await client.send(get(b"/sse?head_delay=0.05&first_byte_delay=0.05&gap=0.02&count=4"))
        await client.read_until(b"\r\n\r\n")
        assert time.monotonic() - begin >= 0.05
        assert b"data" not in client.received
        for n in range(4):
            await client.read_until(b'"seq":%d' % n)
            assert time.monotonic() - begin >= 0.1 + 0.02 * n


async def test_a_stamp_has_the_times_of_its_event(target: Served) -> None:
    begin = time.monotonic_ns()
    answered = await ask(target, "/sse?first_byte_delay=0.02&gap=0.01&count=4&stamps=1")
    end = time.monotonic_ns()
    stamps = [*filter(None, [read_stamp(event.data) for event in Parser().feed(answered.body)])]
    assert [stamp.seq for stamp in stamps] == [0, 1, 2, 3]
    for n, stamp in enumerate(stamps):
        assert begin + 20_000_000 + n * 10_000_000 <= stamp.due <= stamp.sent <= end
        assert stamp.due - stamps[0].due == n * 10_000_000


async def test_limited_bandwidth_delays_what_is_due(target: Served) -> None:
    """An event is due after the time that the events before it take."""
    answered = await ask(target, "/jsonl?count=20&gap=0.0001&stamps=1&bandwidth=20000")
    lines = answered.body.decode().splitlines()
    stamps = [stamp for line in lines if (stamp := read_stamp(line))]
    lasts = round((len(lines[0]) + 1) * 1e9 / 20000)
    assert len(stamps) == 20
    for before, after in pairwise(stamps):
        assert after.due - before.due == pytest.approx(lasts, abs=10)
        assert after.due <= after.sent


# Lateness


async def test_lateness_agrees_with_the_stamps(target: Served) -> None:
    answered = await ask(target, "/jsonl?count=20&gap=0.002&stamps=1")
    lines = answered.body.decode().splitlines()
    late = sorted(stamp.late for line in lines if (stamp := read_stamp(line)))
    figures = json.loads((await ask(target, "/lab/lateness")).body)
    assert figures["count"] == len(late) == 20
    assert figures["max_ms"] == late[-1] / 1e6
    assert figures["mean_ms"] == pytest.approx(sum(late) / 20 / 1e6, abs=1e-5)
    assert late[9] / 1e6 <= figures["p50_ms"] <= late[9] * 33 / 32 / 1e6


async def test_lateness_is_of_one_process_and_can_be_reset(target: Served) -> None:
    await ask(target, "/sse?count=2&gap=0.001")
    figures = json.loads((await ask(target, "/lab/lateness")).body)
    assert figures["process"] == os.getpid()
    assert "other workers have their own" in figures["of"]
    assert (await ask(target, "/lab/lateness", "DELETE")).status == 204
    assert json.loads((await ask(target, "/lab/lateness")).body)["count"] == 0


async def test_events_without_a_time_are_never_late(target: Served) -> None:
    """Without a gap only the first event has a time of its own."""
    answered = await ask(target, "/jsonl?count=50&gap=0&stamps=1")
    stamps = [read_stamp(line) for line in answered.body.decode().splitlines()]
    assert [stamp.late for stamp in stamps if stamp][1:] == [0] * 49
    assert json.loads((await ask(target, "/lab/lateness")).body)["count"] == 1
