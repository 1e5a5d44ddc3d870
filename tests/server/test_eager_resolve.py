"""Whoever waits goes on in the very call that has what they wait for; or soon, inside a task."""

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress

import pytest

from streamserver.server import eager
from support.loops import Run

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def outside(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call it where there is no task, as a protocol's ``data_received`` is; it may raise."""
    done = loop.create_future()

    def callback() -> None:
        try:
            call()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    loop.call_soon(callback)
    await done


def test_who_waits_goes_on_at_once(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter, told = loop.create_future(), []

        async def work() -> None:
            told.append(await waiter)
            await asyncio.sleep(0)
            told.append("last")

        task = eager.start(work(), loop)
        assert task is not None

        def resolve() -> None:
            eager.resolve(waiter, "result", loop)
            assert told == ["result"]

        await outside(loop, resolve)
        await task
        assert told == ["result", "last"]

    run(main)


def test_who_is_told_by_a_task_goes_on_when_that_has_ended_its_turn(run: Run) -> None:
    """There is one current task at a time."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter, told = loop.create_future(), []

        async def work() -> None:
            told.append(await waiter)

        task = eager.start(work(), loop)
        assert task is not None
        eager.resolve(waiter, "result", loop)
        assert told == []
        await task
        assert told == ["result"]

    run(main)


def test_several_go_on_in_the_order_in_which_they_came(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter, told = loop.create_future(), []

        async def work(name: str) -> None:
            VARIABLE.set(name)
            told.append((name, await waiter, VARIABLE.get(), asyncio.current_task()))

        names = ["first", "second", "third"]
        tasks = [eager.start(work(name), loop) for name in names]

        def resolve() -> None:
            eager.resolve(waiter, 1, loop)
            assert told == [(name, 1, name, task) for name, task in zip(names, tasks, strict=True)]
            assert asyncio.current_task() is None
            assert VARIABLE.get() == "unset"

        await outside(loop, resolve)

    run(main)


def test_who_goes_on_may_let_others_go_on(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        first, second, told = loop.create_future(), loop.create_future(), []

        async def work() -> None:
            eager.resolve(second, await first, loop)
            told.append("first")

        async def other() -> None:
            told.append(await second)

        tasks = [eager.start(work(), loop), eager.start(other(), loop)]
        await outside(loop, lambda: eager.resolve(first, "second", loop))
        await asyncio.gather(*filter(None, tasks))
        assert told == ["first", "second"]

    run(main)


def test_nobody_need_wait(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter = loop.create_future()
        await outside(loop, lambda: eager.resolve(waiter, "result", loop))
        assert await waiter == "result"

    run(main)


def test_an_exception_after_it_is_its_task_s(run: Run) -> None:
    """And not that of whoever had the result."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter = loop.create_future()

        async def work() -> None:
            raise ValueError(await waiter)

        task = eager.start(work(), loop)
        assert task is not None
        await outside(loop, lambda: eager.resolve(waiter, "work", loop))
        assert task.done()
        with pytest.raises(ValueError, match="work"):
            await task

    run(main)


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_done_already_is_an_error_that_leaves_the_loop_as_it_was(
    run: Run, inside: bool
) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter, turn = loop.create_future(), asyncio.Event()
        waiter.set_result("first")

        def resolve() -> None:
            with pytest.raises(asyncio.InvalidStateError):
                eager.resolve(waiter, "second", loop)
            loop.call_soon(turn.set)
            assert not turn.is_set()

        if inside:
            resolve()
        else:
            await outside(loop, resolve)
        await turn.wait()
        assert await waiter == "first"

    run(main)


def test_who_was_cancelled_does_not_go_on(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        waiter, told = loop.create_future(), []

        async def work() -> None:
            told.append(await asyncio.shield(waiter))

        task = eager.start(work(), loop)
        assert task is not None
        task.cancel()
        await outside(loop, lambda: eager.resolve(waiter, "result", loop))
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert told == []

    run(main)
