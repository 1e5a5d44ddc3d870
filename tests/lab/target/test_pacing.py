"""One timer for all waits, a queue for streams that never wait, and the figures of late events."""

import asyncio
import random
from time import monotonic_ns

import pytest

from streamserver.lab.target.pacing import MAX_ABANDONED, Lateness, Pacer
from support.loops import Run
from support.waiting import wait_until

MS = 1_000_000


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


def test_figures_are_right_within_three_percent() -> None:
    draw = random.Random(1)
    values = sorted(round(draw.lognormvariate(12, 2)) for _ in range(5000))
    lateness = Lateness()
    for value in values:
        lateness.add(value)
    for percent in (1.0, 50.0, 90.0, 99.0, 99.9, 100.0):
        exact = values[round(len(values) * percent / 100) - 1]
        assert exact <= lateness.percentile(percent) <= exact * 33 / 32
    summary = lateness.summary()
    assert summary["count"] == len(values)
    assert summary["max_ms"] == values[-1] / 1e6
    assert summary["mean_ms"] == pytest.approx(sum(values) / len(values) / 1e6, rel=1e-6)
    bounds = [bound for bound, _ in summary["histogram_ms"]]
    assert bounds == sorted(set(bounds))
    assert sum(count for _, count in summary["histogram_ms"]) == len(values)


@pytest.mark.parametrize("value", [0, 1, 31, 32, 33, 63, 64, 65, 2**20 - 1, 2**20, 2**40 + 7])
def test_no_value_lies_beyond_its_bucket(value: int) -> None:
    lateness = Lateness()
    lateness.add(value)
    lateness.add(value * 2)
    assert value <= lateness.percentile(50) <= value + value // 32
    assert lateness.percentile(100) == value * 2  # not beyond the maximum


def test_without_events_all_is_zero_as_after_a_reset() -> None:
    lateness = Lateness()
    nothing = lateness.summary()
    assert nothing["count"] == nothing["p99_ms"] == nothing["max_ms"] == nothing["mean_ms"] == 0
    lateness.add(5)
    lateness.reset()
    assert lateness.summary() == nothing


def test_its_size_does_not_grow() -> None:
    lateness = Lateness()
    lateness.add(10**18)
    assert lateness.summary()["max_ms"] == 10**12
    assert len(lateness.summary()["histogram_ms"]) == 1
