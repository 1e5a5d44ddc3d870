"""One timer for all waits, and one turn at a time for those who never wait, on both loops."""

import asyncio
from time import monotonic_ns

import pytest

from streamserver.lab.target.pacing import MAX_ABANDONED, Pacer
from support.loops import Run, runner
from support.waiting import wait_until

MS = 1_000_000


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test in a loop of either kind."""
    return runner(request.param)


def test_nobody_is_early_and_all_are_in_order(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer, begin, woken = Pacer(loop), monotonic_ns(), list[int]()

        async def wait(offset: int) -> None:
            assert await pacer.until(begin + offset) >= begin + offset
            assert monotonic_ns() >= begin + offset
            woken.append(offset)

        # The last is the first to be due, so that the timer must be set anew.
        offsets = [n * MS // 3 for n in (90, 1, 45, 44, 46, 45, 2, 3, 0)]
        await asyncio.gather(*map(wait, offsets))
        assert woken == sorted(offsets)

    run(main)


def test_one_that_is_due_sooner_does_not_put_others_off(run: Run) -> None:
    """New ones come all the time, each of them due a little sooner than those before it."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer, begin = Pacer(loop), monotonic_ns()
        first = asyncio.create_task(pacer.until(begin + 20 * MS))
        others: list[asyncio.Task[int]] = []
        while not first.done():
            others.append(asyncio.create_task(pacer.until(begin + 19 * MS - len(others) * 100)))
            await asyncio.sleep(0)
            assert len(others) < 1_000_000
        await asyncio.gather(*others)

    run(main)


def test_those_who_left_take_no_room_for_long(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer = Pacer(loop)
        for _ in range(20):
            waits = [asyncio.create_task(pacer.until(monotonic_ns() + 10**15)) for _ in range(50)]
            await asyncio.sleep(0)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
        assert len(pacer) <= 3 * MAX_ABANDONED
        # What goes on is not hurt by it.
        await pacer.until(monotonic_ns() + MS)

    run(main)


def test_of_those_who_never_wait_one_a_turn_goes_on(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer, turns, taken = Pacer(loop), 0, [0] * 10

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        async def greedy(number: int) -> None:
            while True:
                await pacer.pause()
                taken[number] += 1

        tasks = [asyncio.create_task(greedy(number)) for number in range(10)]
        turn()
        await wait_until(lambda: turns > 1000)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert turns / 2 <= sum(taken) <= turns + 1
        assert max(taken) - min(taken) <= 1  # each in its turn

    run(main)


def test_who_leaves_the_queue_does_not_stop_it(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer = Pacer(loop)
        first, second, third = [asyncio.create_task(pacer.pause()) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second, third])
        assert not third.cancelled()
        await pacer.pause()

    run(main)
