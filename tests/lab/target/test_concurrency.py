"""A target that answers a limited number of requests at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from streamserver.lab.target.app import make_target
from streamserver.lab.target.concurrency import SlotPool
from streamserver.wire.problem import HTTPError
from support.asking import ask
from support.inprocess import Serve, Served
from support.rawsocket import RawClient, connect
from support.requests import get
from support.waiting import wait_until

ENDLESS = b"/sse?count=1000&gap=1"


async def test_slots_are_passed_on_in_order_of_arrival() -> None:
    pool, order = SlotPool(1, 10), list[int]()

    async def visit(n: int) -> None:
        await pool.acquire()
        order.append(n)

    await visit(0)
    waiting = [asyncio.create_task(visit(n)) for n in (1, 2, 3)]
    await wait_until(lambda: pool.users == 4)
    waiting[1].cancel()
    for _ in range(3):
        pool.release()
    await asyncio.gather(waiting[0], waiting[2])
    assert (order, pool.users) == ([0, 1, 3], 0)


async def test_a_slot_passed_to_a_cancelled_waiter_is_passed_to_the_next() -> None:
    pool = SlotPool(1, 10)
    await pool.acquire()
    leaving, next_one = (asyncio.create_task(pool.acquire()) for _ in range(2))
    await wait_until(lambda: pool.users == 3)
    pool.release()
    leaving.cancel()
    await next_one
    assert (pool.users, leaving.cancelled()) == (1, True)
    pool.release()
    assert not pool.users


async def test_a_cancelled_waiter_gets_no_slot() -> None:
    pool = SlotPool(1, 10)
    await pool.acquire()
    leaving = asyncio.create_task(pool.acquire())
    await wait_until(lambda: pool.users == 2)
    leaving.cancel()
    pool.release()
    with contextlib.suppress(asyncio.CancelledError):
        await leaving
    assert not pool.users


async def test_a_full_queue_refuses() -> None:
    pool = SlotPool(1, 0)
    await pool.acquire()
    with pytest.raises(HTTPError, match="all 1 slots are taken, and 0 requests wait"):
        await pool.acquire()


@contextlib.asynccontextmanager
async def opened(target: Served, path: bytes) -> AsyncIterator[RawClient]:
    """A stream whose head was received."""
    async with connect(target.port) as client:
        await client.send(get(path))
        assert b"200 OK" in await client.read_until(b"\r\n\r\n")
        yield client


async def test_without_a_free_slot_a_request_waits_until_an_exchange_ends(target: Served) -> None:
    path = ENDLESS + b"&slots=1"
    async with connect(target.port) as waiting:
        async with opened(target, path):
            await waiting.send(get(path))
            # A stream of another pool starts: the request before it was received, and waits.
            async with opened(target, ENDLESS + b"&slots=1&pool=other"):
                assert waiting.received == b""
        assert b"200 OK" in await waiting.read_until(b"\r\n\r\n")


async def test_with_a_full_queue_a_request_is_refused_with_retry_after(target: Served) -> None:
    path = "/sse?slots=1&queue=0&count=1000"
    async with opened(target, path.encode()):
        refused = await ask(target, path)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert b"all 1 slots are taken" in refused.body


async def test_slots_may_be_given_as_fields(target: Served) -> None:
    fields = {"X-Lab-Slots": "1", "X-Lab-Queue": "0"}
    async with opened(target, ENDLESS + b"&slots=1&queue=0"):
        assert (await ask(target, "/get", fields=fields)).status == 503
    await wait_until(lambda: len(target.ended) == 2)
    assert (await ask(target, "/get", fields=fields)).status == 200


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("slots=-1", b"slots must be a whole number"),
        ("slots=1&queue=x", b"queue must be a whole number"),
        ("queue=1", b"queue and pool need slots"),
    ],
)
async def test_a_wrong_parameter_is_named(target: Served, query: str, named: bytes) -> None:
    answer = await ask(target, f"/get?{query}")
    assert answer.status == 400
    assert named in answer.body


async def test_a_pool_keeps_its_numbers_while_it_is_used(target: Served) -> None:
    async with opened(target, ENDLESS + b"&slots=2&pool=mine"):
        other = await ask(target, "/get?slots=3&pool=mine")
        assert (other.status, b"has slots=2 and queue=1000" in other.body) == (400, True)
    await wait_until(lambda: len(target.ended) == 2)
    assert (await ask(target, "/get?slots=3&pool=mine")).status == 200


async def test_the_target_has_slots_of_its_own(serve: Serve) -> None:
    target = await serve(make_target(slots=1, queue=0))
    async with opened(target, ENDLESS):
        assert (await ask(target, "/get")).status == 503
        assert (await ask(target, "/get?slots=1")).status == 200
