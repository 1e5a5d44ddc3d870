"""The schedule of a replay: absolute times, other speeds, and reports of lateness."""

import asyncio
import hashlib
import json
import math
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cassettes.conftest import StartReplay
from streamserver.lab.cassettes.cassette import EndEntry, Entry, ReadEntry
from streamserver.lab.cassettes.replay import Schedule
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from support.asking import ask
from support.cassettes import make_entries
from support.rawsocket import connect, raw
from support.requests import get, post

MS = 1_000_000
HOUR = 3600 * 1000 * MS


@pytest.mark.parametrize(
    ("speed", "offsets"),
    [
        (1.0, [0, 7, 7, 10]),
        (2.0, [0, 4, 4, 5]),
        (0.5, [0, 14, 14, 20]),
        (3.0, [0, 2, 2, 3]),
        (math.inf, [None, None, None, None]),
    ],
)
def test_offsets_count_from_the_request(speed: float, offsets: list[int | None]) -> None:
    schedule = Schedule(speed)
    assert [schedule.offset(after) for after in (0, 7, 0, 3)] == offsets


@given(st.lists(st.integers(0, 10**12)), st.floats(0.01, 1000))
def test_offsets_never_drift(afters: list[int], speed: float) -> None:
    """Each is rounded by itself, from an exact sum."""
    schedule, total = Schedule(speed), 0
    for after in afters:
        total += after
        offset = schedule.offset(after)
        assert offset is not None
        assert abs(offset - total / speed) <= 1


async def test_nothing_is_early(play: StartReplay) -> None:
    """Lateness depends on the machine and is not asserted."""
    gap = 20 * MS
    target = await play(make_entries(b"a", b"b", b"c", gap=gap))
    async with connect(target.port) as client:
        begun = monotonic_ns()
        await client.send(get(b"/"))
        ends = b"\r\n\r\n", b"a\r\n", b"b\r\n", b"c\r\n", b"0\r\n\r\n"
        for number, enough in enumerate(ends, 1):
            await client.read_until(enough)
            assert monotonic_ns() - begun >= number * gap


async def test_a_thousand_times_as_fast(play: StartReplay) -> None:
    """At the recorded speed it would take more than twenty seconds."""
    target = await play(make_entries(*[b"x"] * 10, gap=2000 * MS), speed=1000)
    begun = monotonic_ns()
    assert (await ask(target, "/")).body == b"x" * 10
    assert monotonic_ns() - begun >= 12 * 2 * MS


async def test_without_delays(play: StartReplay) -> None:
    target = await play(make_entries(b"x", gap=HOUR), speed=math.inf)
    assert (await ask(target, "/")).body == b"x"


class Order(Observer):
    """The order of writes, by target."""

    sees_streams = True

    def __init__(self) -> None:
        self.targets: list[str] = []

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        self.targets.append(exchange.target)


async def test_the_first_due_is_the_first_sent(play: StartReplay) -> None:
    """Even if both are late, and in whatever order the requests arrive."""

    def one(due: int, target: str) -> list[Entry]:
        request, head, *_ = make_entries(target=target)
        return [request, head, ReadEntry(due * MS, b"x"), EndEntry(0, "complete", 1, 1)]

    order = Order()
    target = await play(one(300, "/slow"), one(20, "/fast"), observers=[order])
    await asyncio.gather(ask(target, "/slow"), ask(target, "/fast"))
    assert order.targets == ["/fast", "/slow"]


async def test_lateness_is_reported(play: StartReplay) -> None:
    target = await play(make_entries(b"a", b"b", gap=MS))
    await raw(target.port, get(b"/", b"Connection: close"))
    (exchange,) = target.ended
    notes = dict(exchange.attributes)
    assert 0 <= float(notes["late_mean_ms"]) <= float(notes["late_max_ms"])
    reported = json.loads((await ask(target, "/lab/lateness")).body)
    assert reported["count"] == 4, "the head, two reads and the end"
    assert reported["max_ms"] == pytest.approx(float(notes["late_max_ms"]), abs=0.001)


async def test_a_late_request_is_not_lateness_of_the_replay(
    play: StartReplay,
) -> None:
    target = await play(make_entries(b"a", method="POST", sha256=hashlib.sha256(b"ab").hexdigest()))
    async with connect(target.port) as client:
        await client.send(post(b"ab", fields=[b"Expect: 100-continue"])[:-2])
        await client.read_until(b"HTTP/1.1 100 ")
        await asyncio.sleep(0.1)
        await client.send(b"ab")
        await client.read_until(b"a\r\n0\r\n\r\n")
    (exchange,) = target.ended
    since_then = (exchange.ended - exchange.started) * 1000 - 100
    assert float(dict(exchange.attributes)["late_max_ms"]) < since_then


async def test_without_delays_nothing_is_late(play: StartReplay) -> None:
    target = await play(make_entries(b"a", b"b", gap=MS), speed=math.inf)
    await ask(target, "/")
    assert [exchange.attributes for exchange in target.ended] == [()]
    assert json.loads((await ask(target, "/lab/lateness")).body)["count"] == 0
