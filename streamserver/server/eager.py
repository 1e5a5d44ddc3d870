"""Run a coroutine until it waits, in this call and not in a later iteration of the event loop.

A handler that does not wait needs no iteration of the loop: its first chunk is written in the
call that received the request. Python 3.12 has eager tasks for this. Before it, a task
can only ask the loop to call its first step soon. So the loop's ``call_soon`` is replaced for
the moment in which the task asks, and that step is called at once. Either way the coroutine is
a task from its first line: it can be named, cancelled and timed out.

In the same way ``resolve`` continues a waiting task in the call that has its result: a relay
sends the response in the call that received it from the upstream.

``call_soon`` is set as an attribute, because the use of an object's ``__dict__`` ends the
interpreter's fast access to its attributes: each iteration of the loop took 0.4 microseconds more.
"""

import asyncio
import sys
import threading
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class _Held(threading.local):
    """The calls of the replaced ``call_soon``, for the loop of this thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[Context, Callable[..., object], tuple[Any, ...]]] = []


_held = _Held()


def _hold(call: Callable[..., object], *args: Any, context: Context) -> None:
    _held.calls.append((context, call, args))


def resolve(waiter: "asyncio.Future[T]", result: T, loop: asyncio.AbstractEventLoop) -> None:
    """Set the result of ``waiter``, and run at once what waits for it."""
    if asyncio.current_task(loop) is not None:  # the running task must first return to the loop
        return waiter.set_result(result)
    loop.call_soon = _hold  # type: ignore[assignment,method-assign]  # until `del`
    try:
        waiter.set_result(result)
    finally:
        del loop.call_soon
    calls, _held.calls = _held.calls, []
    for context, call, args in calls:
        context.run(call, *args)


if sys.version_info >= (3, 12):

    def start(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[T] | None:
        """Run ``work`` until it waits; the task that continues it, or None if it is finished."""
        task = asyncio.Task(work, loop=loop, eager_start=True)
        return None if task.done() else task

else:

    def start(
        work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Task[T] | None:
        """Run ``work`` until it waits; the task that continues it, or None if it is finished."""
        loop.call_soon = _hold  # type: ignore[assignment,method-assign]  # until `del`
        try:
            task = asyncio.Task(work, loop=loop)
        finally:
            del loop.call_soon
        context, step, _ = _held.calls.pop()
        outer = asyncio.current_task(loop)
        if outer is None:
            context.run(step)
        else:
            _leave_task(loop, outer)
            try:
                context.run(step)
            finally:
                _enter_task(loop, outer)
        return None if task.done() else task
