"""One timer for all waits, and a queue for streams that never wait, on both loops."""

import asyncio
from time import monotonic_ns

import pytest

from streamserver.lab.target.pacing import MAX_ABANDONED, Pacer
from support.loops import Run, runner
from support.waiting import wait_until

MS = 1_000_000


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a test in either event loop."""
    return runner(request.param)


def test_no_wait_ends_early_and_all_end_in_order(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer, begin, woken = Pacer(loop), monotonic_ns(), list[int]()

        async def wait(offset: int) -> None:
            assert await pacer.until(begin + offset) >= begin + offset
            assert monotonic_ns() >= begin + offset
            woken.append(offset)

        # The last one is due first, so the timer must be set again.
        offsets = [n * MS // 3 for n in (90, 1, 45, 44, 46, 45, 2, 3, 0)]
        await asyncio.gather(*map(wait, offsets))
        assert woken == sorted(offsets)

    run(main)


def test_earlier_waits_do_not_delay_others(run: Run) -> None:
    """New waits arrive all the time, each due a little earlier than those before it."""

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


def test_abandoned_waits_leave_the_heap(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer = Pacer(loop)
        for _ in range(20):
            waits = [asyncio.create_task(pacer.until(monotonic_ns() + 10**15)) for _ in range(50)]
            await asyncio.sleep(0)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
        assert len(pacer) <= 3 * MAX_ABANDONED
        # Others are not affected.
        await pacer.until(monotonic_ns() + MS)

    run(main)


def test_each_iteration_resumes_one_stream_of_the_queue(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        pacer, iterations, taken = Pacer(loop), 0, [0] * 10

        def iterate() -> None:
            nonlocal iterations
            iterations += 1
            loop.call_soon(iterate)

        async def greedy(number: int) -> None:
            while True:
                await pacer.pause()
                taken[number] += 1

        tasks = [asyncio.create_task(greedy(number)) for number in range(10)]
        iterate()
        await wait_until(lambda: iterations > 1000)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert iterations / 2 <= sum(taken) <= iterations + 1
        assert max(taken) - min(taken) <= 1  # in the order of the queue

    run(main)


def test_a_cancelled_stream_does_not_stop_the_queue(run: Run) -> None:
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
