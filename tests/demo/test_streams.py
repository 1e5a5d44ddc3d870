"""The counter and the typed text: what comes when, and how it ends."""

import asyncio
import json
import time

import pytest

from streamserver.kit.pace import Pace
from streamserver.wire.sse import Event, Parser
from support.asking import Answered, ask
from support.inprocess import Served
from support.rawsocket import connect

LIVE = "no-cache, no-transform"


def events(answer: Answered) -> list[Event]:
    assert answer.status == 200, answer
    return Parser().feed(answer.body)


# The counter


async def test_ten_events_half_a_second_apart(server: Served) -> None:
    """By default: seen from the seventh on, since those before it would only take longer."""
    before = time.time_ns() // 1_000_000
    answer = await ask(server, "/api/counter", fields={"Last-Event-ID": "6"})
    after = time.time_ns() // 1_000_000
    parsed = [json.loads(event.data) for event in events(answer)]
    assert [list(one) for one in parsed] == [["count", "time"]] * 3
    assert [one["count"] for one in parsed] == [7, 8, 9]
    assert [event.id for event in events(answer)] == ["7", "8", "9"]
    times = [one["time"] for one in parsed]
    assert before <= times[0]
    assert times[-1] <= after
    # No event is early, within the resolution of two clocks; its delay depends on the machine.
    assert all(one >= before + n * 500 - 2 for n, one in enumerate(times))
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == LIVE
    assert answer.headers["x-accel-buffering"] == "no"


async def test_a_late_deadline_delays_no_other() -> None:
    """A producer that is late for five deadlines catches up; one that drifts would sleep."""
    began = time.monotonic()
    pace = Pace(0.1)
    time.sleep(0.5)
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        for number in range(5):
            await pace.until(number)
    assert delays == [0.0] * 5
    await pace.until(7)
    assert time.monotonic() - began >= 0.69


@pytest.mark.parametrize(
    ("last", "ids"),
    [("0", ["1", "2", "3"]), ("2", ["3"]), ("", ["0", "1", "2", "3"])],
)
async def test_a_counter_goes_on_after_the_last_event(
    server: Served, last: str, ids: list[str]
) -> None:
    answer = await ask(server, "/api/counter?count=4&interval=0", fields={"Last-Event-ID": last})
    assert [event.id for event in events(answer)] == ids


async def test_what_is_resumed_begins_at_once(server: Served) -> None:
    target = "/api/counter?count=100&interval=60"
    answer = await ask(server, target, fields={"Last-Event-ID": "98"})
    assert [event.id for event in events(answer)] == ["99"]


@pytest.mark.parametrize("last", ["3", "4", "99999"])
async def test_a_client_that_has_all_events_gets_a_204(server: Served, last: str) -> None:
    answer = await ask(server, "/api/counter?count=4", fields={"Last-Event-ID": last})
    assert (answer.status, answer.body) == (204, b"")


async def test_a_fast_counter_does_not_block_other_requests(server: Served) -> None:
    async with connect(server.port) as client:
        await client.send(b"GET /api/counter?count=100000&interval=0 HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.read_until(b"id: 0")
        assert (await ask(server, "/")).status == 200
        assert len(server.ended) == 1


# Text


@pytest.mark.parametrize("text", ["Grüße, 東京 \N{ROCKET}!", "a\r\nb\0c", "é" * 300])
async def test_text_comes_in_whole_characters(server: Served, text: str) -> None:
    body = json.dumps({"text": text, "cps": 1000}).encode()
    head = f"POST /api/type HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with connect(server.port) as client:
        await client.send(head + body)
        received = await client.read_until(b"\r\n0\r\n\r\n")
    fields, _, wire = received.partition(b"\r\n\r\n")
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(c.encode()), c.encode()) for c in text])
    assert wire == chunks + b"0\r\n\r\n"
    assert b"content-type: text/plain; charset=utf-8" in fields
    assert f"cache-control: {LIVE}".encode() in fields


async def test_the_pace_of_typing(server: Served) -> None:
    begin = time.monotonic()
    answer = await ask(server, "/api/type", "POST", body=b'{"text": "123456789", "cps": 16}')
    assert answer.body == b"123456789"
    assert time.monotonic() - begin >= 0.49
    begin = time.monotonic()
    await ask(server, "/api/type", "POST", body=b'{"text": "12345"}')
    assert time.monotonic() - begin >= 0.09
