"""Run a coroutine until it waits, at once, and not in some later turn of the event loop.

A handler that has its answer ready needs no turn of the loop: its first chunk leaves in the
very call that brought the request. Python 3.12 has eager tasks for this. Before it, a task
can only ask the loop to call its first step soon; so the loop's ``call_soon`` is held for
the moment in which the task asks, and that step is called at once. Either way it is a
whole task from its first line on: it can be named, cancelled and timed out.

In the same way ``resolve`` lets a task that waits go on in the very call that has what it
waits for: a relay's answer leaves in the call that brought the upstream's.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class _Held(threading.local):
    """What was asked of a held ``call_soon``: of this thread's loop, for others have their own."""

    def __init__(self) -> None:
        self.calls: list[tuple[Context, Callable[..., object], tuple[Any, ...]]] = []


_held = _Held()


def _hold(call: Callable[..., object], *args: Any, context: Context) -> None:
    _held.calls.append((context, call, args))


def resolve(waiter: "asyncio.Future[T]", result: T, loop: asyncio.AbstractEventLoop) -> None:
    """Give ``waiter`` its result, and let those go on at once who wait for it."""
    if asyncio.current_task(loop) is not None:  # a task has its turn, and must end it first
        return waiter.set_result(result)
    attributes = vars(loop)
    attributes["call_soon"] = _hold
    try:
        waiter.set_result(result)
    finally:
        del attributes["call_soon"]
    calls, _held.calls = _held.calls, []
    for context, call, args in calls:
        context.run(call, *args)


if sys.version_info >= (3, 12):

    def start(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[T] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished."""
        task = asyncio.Task(work, loop=loop, eager_start=True)
        return None if task.done() else task

else:

    def start(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[T] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished."""
        attributes = vars(loop)
        attributes["call_soon"] = _hold
        try:
            task = asyncio.Task(work, loop=loop)
        finally:
            del attributes["call_soon"]
        context, step, _ = _held.calls.pop()
        outer = asyncio.current_task(loop)
        if outer is None:
            context.run(step)
        else:
            asyncio.tasks._leave_task(loop, outer)
            try:
                context.run(step)
            finally:
                asyncio.tasks._enter_task(loop, outer)
        return None if task.done() else task
