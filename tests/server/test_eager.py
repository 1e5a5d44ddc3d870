"""A coroutine that runs at once, and becomes a task when it waits: no one in it can tell."""

import asyncio
import contextvars
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from streamserver.server import eager
from support import peers

Main = Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]
Run = Callable[[Main], None]
SECONDS = 10.0
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine in a loop of this kind, in debug mode."""
    factory = None if request.param == "asyncio" else peers.module("uvloop").new_event_loop

    def run_in_loop(main: Main) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(main(asyncio.get_running_loop()), SECONDS)

        with asyncio.Runner(debug=True, loop_factory=factory) as runner:
            runner.run(bounded())

    return run_in_loop


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


# --- cancellation -----------------------------------------------------------------------------


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
