"""When a target plays what: at absolute times, as they were or faster, and how late it was."""

import asyncio
import hashlib
import json
import math
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cassettes.conftest import Play
from streamserver.lab.cassettes.form import End, Part, Read
from streamserver.lab.cassettes.replay import Tempo
from streamserver.server.exchange import Exchange
from streamserver.server.observer import Observer
from support.asking import ask
from support.cassettes import made
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
def test_offsets_are_counted_from_the_beginning(speed: float, offsets: list[int | None]) -> None:
    tempo = Tempo(speed)
    assert [tempo.offset(after) for after in (0, 7, 0, 3)] == offsets


@given(st.lists(st.integers(0, 10**12)), st.floats(0.01, 1000))
def test_they_never_drift(afters: list[int], speed: float) -> None:
    """Each is rounded by itself, from the sum of what came before."""
    tempo, total = Tempo(speed), 0
    for after in afters:
        total += after
        offset = tempo.offset(after)
        assert offset is not None
        assert abs(offset - total / speed) <= 1


async def test_nothing_comes_early(play: Play) -> None:
    """How late something comes is not asserted here: only the machine knows that."""
    gap = 20 * MS
    target = await play(made(b"a", b"b", b"c", gap=gap))
    async with connect(target.port) as client:
        begun = monotonic_ns()
        await client.send(get(b"/"))
        ends = b"\r\n\r\n", b"a\r\n", b"b\r\n", b"c\r\n", b"0\r\n\r\n"
        for number, enough in enumerate(ends, 1):
            await client.read_until(enough)
            assert monotonic_ns() - begun >= number * gap


async def test_a_thousand_times_as_fast(play: Play) -> None:
    """At its own pace it would take twenty seconds and more."""
    target = await play(made(*[b"x"] * 10, gap=2000 * MS), speed=1000)
    begun = monotonic_ns()
    assert (await ask(target, "/")).body == b"x" * 10
    assert monotonic_ns() - begun >= 12 * 2 * MS


async def test_at_once(play: Play) -> None:
    target = await play(made(b"x", gap=HOUR), speed=math.inf)
    assert (await ask(target, "/")).body == b"x"


class Order(Observer):
    """Whose pieces were written when."""

    sees_streams = True

    def __init__(self) -> None:
        self.targets: list[str] = []

    def wrote(self, exchange: Exchange, size: int, gap: float) -> None:
        self.targets.append(exchange.target)


async def test_whoever_is_due_first_comes_first(play: Play) -> None:
    """However late both are, and whoever was asked for first."""

    def one(due: int, target: str) -> list[Part]:
        asked, head, *_ = made(target=target)
        return [asked, head, Read(due * MS, b"x"), End(0, "complete", 1, 1)]

    order = Order()
    target = await play(one(300, "/slow"), one(20, "/fast"), observers=[order])
    await asyncio.gather(ask(target, "/slow"), ask(target, "/fast"))
    assert order.targets == ["/fast", "/slow"]


async def test_how_late_it_was_is_told(play: Play) -> None:
    target = await play(made(b"a", b"b", gap=MS))
    await raw(target.port, get(b"/", b"Connection: close"))
    (exchange,) = target.ended
    notes = dict(exchange.attributes)
    assert 0 <= float(notes["late_mean_ms"]) <= float(notes["late_max_ms"])
    told = json.loads((await ask(target, "/lab/lateness")).body)
    assert told["count"] == 4, "the head, two reads and the end"
    assert told["max_ms"] == pytest.approx(float(notes["late_max_ms"]), abs=0.001)


async def test_a_client_that_is_late_with_its_request_makes_nobody_else_late(play: Play) -> None:
    target = await play(made(b"a", method="POST", sha256=hashlib.sha256(b"ab").hexdigest()))
    async with connect(target.port) as client:
        await client.send(post(b"ab", fields=[b"Expect: 100-continue"])[:-2])
        await client.read_until(b"HTTP/1.1 100 ")
        await asyncio.sleep(0.1)
        await client.send(b"ab")
        await client.read_until(b"a\r\n0\r\n\r\n")
    (exchange,) = target.ended
    since_then = (exchange.ended - exchange.started) * 1000 - 100
    assert float(dict(exchange.attributes)["late_max_ms"]) < since_then


async def test_what_has_no_time_is_never_late(play: Play) -> None:
    target = await play(made(b"a", b"b", gap=MS), speed=math.inf)
    await ask(target, "/")
    assert [exchange.attributes for exchange in target.ended] == [()]
    assert json.loads((await ask(target, "/lab/lateness")).body)["count"] == 0
