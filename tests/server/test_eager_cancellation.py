"""An eager coroutine that is cancelled, or has a timeout or a group of its own."""

import asyncio
from contextlib import suppress

import pytest

from streamserver.server import eager
from support.loops import SECONDS, Run


def test_cancelled_before_its_first_turn(run: Run) -> None:
    """The cancellation reaches the work where it waits."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        gate, told = loop.create_future(), []

        async def work() -> None:
            try:
                await gate
            except asyncio.CancelledError:
                told.append("cancelled")
                raise
            finally:
                told.append("finally")

        task = eager.start(work(), loop)
        assert task is not None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert told == ["cancelled", "finally"]
        assert task.cancelled()
        assert gate.cancelled()

    run(main)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_cancelled_after_some_turns(run: Run, turns: int) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def work() -> None:
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(SECONDS)
            finally:
                told.append("finally")

        task = eager.start(work(), loop)
        assert task is not None
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert told == ["finally"]
        assert task.cancelled()

    run(main)


def test_cancelled_before_its_first_turn_though_what_it_waits_for_is_there(run: Run) -> None:
    """As any task: the cancellation is not lost, or a client's leaving would be."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        gate, told = loop.create_future(), []

        async def work() -> None:
            await gate
            await asyncio.sleep(0)
            told.append("went on")

        task = eager.start(work(), loop)
        assert task is not None
        gate.set_result(None)
        task.cancel()
        await asyncio.wait([task])
        assert told == []
        assert task.cancelled()

    run(main)


def test_work_may_refuse_a_cancellation_and_go_on(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def work() -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(SECONDS)
            await asyncio.sleep(0)
            told.append("went on")

        task = eager.start(work(), loop)
        assert task is not None
        task.cancel()
        await task
        assert told == ["went on"]

    run(main)


def test_work_that_cancels_itself_is_cancelled_at_its_next_wait(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
            told.append("went on")

        task = eager.start(work(), loop)
        if task is not None:
            await asyncio.wait([task])
            assert task.cancelled()
        assert told == []

    run(main)


# --- timeouts and groups ----------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-1, 0, 0.01])
def test_a_timeout_that_begins_in_the_first_step(run: Run, seconds: float) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def work() -> None:
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.sleep(SECONDS)
            except TimeoutError:
                told.append("late")
            await asyncio.sleep(0)
            told.append("went on")

        task = eager.start(work(), loop)
        assert task is not None
        await task
        assert told == ["late", "went on"]

    run(main)


def test_a_timeout_that_is_not_needed(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def work() -> None:
            async with asyncio.timeout(SECONDS):
                told.append("at once")

        assert eager.start(work(), loop) is None
        assert told == ["at once"]

    run(main)


def test_a_group_that_begins_in_the_first_step(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def child(number: int) -> None:
            await asyncio.sleep(0)
            told.append(number)

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(child(1))
                group.create_task(child(2))
            told.append(3)

        task = eager.start(work(), loop)
        assert task is not None
        await task
        assert told == [1, 2, 3]

    run(main)


def test_a_group_whose_child_fails_cancels_the_work(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        told = []

        async def child() -> None:
            raise ValueError("child")

        async def work() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(child())
                    await asyncio.sleep(SECONDS)
            except* ValueError:
                told.append("failed")
            await asyncio.sleep(0)
            told.append("went on")

        task = eager.start(work(), loop)
        assert task is not None
        await task
        assert told == ["failed", "went on"]

    run(main)
