"""A coroutine that runs at once, and becomes a task when it waits: no one in it can tell."""

import asyncio
import contextvars
import subprocess
import sys

import pytest

from streamserver.server import eager
from support.loops import SECONDS, Run

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


def test_what_does_not_wait_is_done_at_once_and_needs_no_task(run: Run) -> None:
    done = []

    async def work() -> None:
        done.append("done")

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks()
        assert eager.start(work(), loop) is None
        assert done == ["done"]
        assert asyncio.all_tasks() == tasks

    run(main)


def test_what_waits_has_run_as_far_as_it_could(run: Run) -> None:
    told = []

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        gate = loop.create_future()

        async def work() -> None:
            told.append("first")
            told.append(await gate)
            await asyncio.sleep(0)
            told.append("last")

        task = eager.start(work(), loop)
        assert told == ["first"]
        assert task is not None
        assert task in asyncio.all_tasks()
        gate.set_result("second")
        await task
        assert told == ["first", "second", "last"]

    run(main)


@pytest.mark.parametrize("waiting", [0, 0.001], ids=["a turn", "a while"])
def test_what_sleeps_goes_on(run: Run, waiting: float) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        seen = []

        async def work() -> None:
            for number in range(3):
                await asyncio.sleep(waiting)
                seen.append(number)

        task = eager.start(work(), loop)
        assert task is not None
        await task
        assert seen == [0, 1, 2]

    run(main)


# --- the current task -------------------------------------------------------------------------


def test_the_current_task_is_the_same_throughout(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        outer, seen = asyncio.current_task(), []

        async def work() -> None:
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        task = eager.start(work(), loop)
        assert asyncio.current_task() is outer, "as it was before"
        assert task is not None
        await task
        assert seen == [task, task]

    run(main)


def test_it_can_be_started_where_there_is_no_task(run: Run) -> None:
    """As in a protocol's ``data_received``."""

    async def main(loop: asyncio.AbstractEventLoop) -> None:
        seen, done = [], asyncio.Event()

        async def work() -> None:
            seen.append(asyncio.current_task() is not None)
            await asyncio.sleep(0)
            done.set()

        def callback() -> None:
            seen.append(asyncio.current_task() is not None)
            eager.start(work(), loop)
            seen.append(asyncio.current_task() is not None)

        loop.call_soon(callback)
        await done.wait()
        assert seen == [False, True, False]

    run(main)


def test_one_may_start_another(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        seen: dict[str, object] = {}

        async def inner() -> None:
            seen["inner"] = asyncio.current_task()
            await asyncio.sleep(0)

        async def outer() -> None:
            before = asyncio.current_task()
            seen["task"] = eager.start(inner(), loop)
            assert asyncio.current_task() is before
            seen["outer"] = before

        assert eager.start(outer(), loop) is None
        assert seen["inner"] is seen["task"]
        assert seen["inner"] is not seen["outer"]
        assert isinstance(seen["task"], asyncio.Task)
        await seen["task"]

    run(main)


ASK_THE_TASK = """
import asyncio
from streamserver.server import eager

async def work():
    task = asyncio.current_task()
    print(repr(task), task.get_name(), task.get_coro(), task.get_loop(), task.get_stack())
    task.add_done_callback(print)
    print("answered")

async def main():
    eager.start(work(), asyncio.get_running_loop())

asyncio.run(main())
"""


def test_the_current_task_answers_before_it_waits() -> None:
    """Libraries and debuggers ask it, and a crash would take the whole server along."""
    command = [sys.executable, "-c", ASK_THE_TASK]
    told = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert told.returncode == 0, told.stderr
    assert "answered" in told.stdout


# --- context and exceptions -------------------------------------------------------------------


def test_its_context_is_its_own_from_the_first_step_to_the_last(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        VARIABLE.set("outer")
        seen = []

        async def work(value: str) -> None:
            seen.append(VARIABLE.get())
            VARIABLE.set(value)
            await asyncio.sleep(0)
            seen.append(VARIABLE.get())

        first, second = eager.start(work("one"), loop), eager.start(work("two"), loop)
        assert VARIABLE.get() == "outer"
        VARIABLE.set("changed")
        assert first is not None
        assert second is not None
        await asyncio.gather(first, second)
        assert seen == ["outer", "outer", "one", "two"]
        assert VARIABLE.get() == "changed"

    run(main)


def test_an_exception_reaches_the_work_where_it_waits(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        gate, told = loop.create_future(), []

        async def work() -> None:
            try:
                await gate
            except ValueError as error:
                told.append(str(error))

        task = eager.start(work(), loop)
        assert task is not None
        gate.set_exception(ValueError("gate"))
        await task
        assert told == ["gate"]

    run(main)


def test_an_exception_that_the_work_lets_out_is_its_task_s(run: Run) -> None:
    async def main(loop: asyncio.AbstractEventLoop) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            raise ValueError("work")

        task = eager.start(work(), loop)
        assert task is not None
        with pytest.raises(ValueError, match="work"):
            await task

    run(main)
