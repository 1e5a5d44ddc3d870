"""The measure ``crowd``: what its clients accept from a feed, and the measure at a small size."""

import asyncio
import re
from collections.abc import Callable
from time import monotonic_ns

import pytest

from benchmarks.client import WrongAnswer
from benchmarks.crowding.figures import delivery, returns
from benchmarks.crowding.reports import Progress, Report
from benchmarks.crowding.streams import Streams
from benchmarks.crowding.transcript import Transcript, data_of
from benchmarks.measures import crowd
from benchmarks.plan import Plan
from streamserver.feed import Feed
from streamserver.wire.chunked import LAST_CHUNK, encode
from support import peers
from support.following import app
from support.inprocess import Serve
from support.redis import free_port

FIRST = "5-0"


def chunk(number: int, id: str = "", sent: int = 1000) -> bytes:
    data = data_of(number, sent + number)
    return encode(f"id: {id or f'{5 + number}-0'}\ndata: {data}\n\n".encode())


BODY = encode(b"retry: 250\n\n") + chunk(1) + encode(b":\n\n") + chunk(2) + chunk(3) + LAST_CHUNK


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_is_read_wherever_it_is_cut(size: int) -> None:
    transcript, position, rest, retry = Transcript(FIRST), 1, b"", None
    for at in range(0, len(BODY), size):
        reading = transcript.read(position, rest + BODY[at : at + size])
        position, rest, retry = reading.position, reading.rest, reading.retry or retry
    assert (position, rest, retry, reading.has_ended) == (4, b"", 0.25, True)
    assert (transcript.sent[1:], transcript.id_before(4)) == ([1001, 1002, 1003], "8-0")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (chunk(1) + chunk(3), "event 2 is lost: 2 was expected, not 3"),
        (chunk(1) + chunk(2) + chunk(2), "event 2 is repeated or out of order: 3 was expected"),
        (chunk(1) + chunk(2) + chunk(1), "event 1 is repeated or out of order: 3 was expected"),
        (chunk(1, id="4-9"), "the id of event 1 is not above that of the one before it"),
        (encode(b"event: gap\ndata: 1\n\n"), "event 1 was expected, received: b'event: gap"),
        (b"id: 6-0\r\n", "the size of a chunk was expected, received: b'id: 6-0'"),
    ],
)
def test_bytes_that_a_feed_does_not_send_are_an_error(body: bytes, fault: str) -> None:
    with pytest.raises(WrongAnswer, match=re.escape(fault)):
        Transcript(FIRST).read(1, body)


def test_streams_that_receive_different_bytes_for_an_event_are_named() -> None:
    transcript = Transcript(FIRST)
    assert transcript.read(1, chunk(1)).position == 2
    assert transcript.read(1, chunk(1)).position == 2
    with pytest.raises(WrongAnswer, match="different bytes for event 1"):
        transcript.read(1, chunk(1, sent=2000))


def test_figures_are_of_streams_and_not_of_reads() -> None:
    reports = [
        Report([(1, 2_000_000, 98), (2, 9_000_000, 1)], [0.5], replayed=4, cut=1),
        Report([(1, 3_000_000, 1)], [1.5, 2.5], refused=2),
    ]
    assert delivery([Report()]) is None
    found = delivery(reports)
    assert found is not None
    assert (found.events, found.p50, found.p99, found.longest) == (2, 2, 3, 9)
    assert (found.worst_p50, found.worst_p99) == (9, 9)
    opened = returns(reports)
    assert (opened.streams, opened.p50, opened.longest, opened.replayed) == (3, 1.5, 2.5, 4)
    assert (opened.cut, opened.refused, opened.failed) == (1, 2, 0)


async def step_until(streams: Streams, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.to_thread(streams.step)


async def test_streams_resume_after_each_end(serve: Serve) -> None:
    feed = Feed("news", retry=20)
    server = await serve(app(feed))
    with Streams(server.port, 0) as streams:

        async def publish(number: int) -> None:
            await feed.publish(data_of(number, monotonic_ns()))
            await step_until(streams, lambda: streams.progress() == Progress(30, number + 1))

        streams.open(30, await feed.publish(data_of(0, 0)))
        await publish(1)
        await publish(2)
        report = streams.report()
        assert (len(report.returns), report.replayed) == (30, 30)
        assert sum(count for number, _, count in report.arrivals if number == 2) == 30

        streams.drop(0.01)
        assert streams.progress().live == 0
        await publish(3)
        assert (len(streams.report().returns), report.ended, report.cut) == (30, 0, 0)

        for subscriber in tuple(feed._topic.subscribers):
            subscriber.on_end()
        await publish(4)
        report = streams.report()
        assert (len(report.returns), report.ended, report.cut) == (30, 30, 0)

        for subscriber in tuple(feed._topic.subscribers):
            subscriber.on_error(RuntimeError("the feed fails"))
        await publish(5)
        report = streams.report()
        assert (len(report.returns), report.ended, report.cut) == (30, 0, 30)


async def test_an_attempt_that_fails_is_counted_and_repeated(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.crowding.streams.RETRY", 0.02)
    feed = Feed("news", retry=20)
    server = await serve(app(feed), max_connections=1)
    first = await feed.publish(data_of(0, 0))
    with Streams(server.port, 0) as holder, Streams(server.port, 1) as other:
        holder.open(1, first)
        await step_until(holder, lambda: holder.progress().live)
        other.open(1, first)
        await step_until(other, lambda: other.report().refused)
    with Streams(free_port(), 0) as refused:
        refused.open(1, first)
        await step_until(refused, lambda: refused.report().failed)


def test_the_measure_at_a_small_size(monkeypatch: pytest.MonkeyPatch) -> None:
    peers.program("redis-server")
    monkeypatch.setattr(crowd, "QUICK", (10, 1))
    monkeypatch.setattr(crowd, "SETTLE", 0)
    monkeypatch.setattr(crowd, "BACK", 0.05)
    monkeypatch.setattr("benchmarks.crowding.publisher.PERIOD", 0.1)
    monkeypatch.setattr(crowd.Crowd, "_restart", lambda self: None)
    results = list(crowd.measure(Plan([], [], ["asyncio"], 1, quick=True)))
    opening, memory, cpu, delivered, opened = results
    assert opening.title.startswith("The CPU time of opening a stream: the cores were ")
    assert [row["part"] for row in memory.rows][:3] == ["workers", "clients", "Redis"]
    assert "% busy, " in cpu.title
    assert "An event a second to 10 streams of 2 workers, asyncio" in delivered.title
    assert [row["streams"] for row in opened.rows] == [10, 5, 5]
    assert {row[fault] for row in opened.rows for fault in ("cut", "refused", "failed")} == {0}
    for row in delivered.rows:
        assert 0 < row["p50"] <= row["p99"] <= row["longest"]  # type: ignore[operator]  # cells of a table
