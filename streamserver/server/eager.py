"""Run a coroutine until it first waits, and go on in its task only if it does.

A handler that has its answer ready needs no turn of the event loop: its first chunk leaves
in the very call that brought the request. Python 3.12 has eager tasks for this. Before it, a
task can only ask the loop to call its first step soon; so the loop's ``call_soon`` is held
for the moment in which the task asks, and that step is called at once. Either way it is a
whole task from its first line on: it can be named, cancelled and timed out.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

Work = Coroutine[Any, Any, None]

if sys.version_info >= (3, 12):

    def start(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished."""
        task = asyncio.Task(work, loop=loop, eager_start=True)
        return None if task.done() else task

else:
    _asked: list[Any] = []

    def _hold(step: Callable[[], object], *, context: Context) -> None:
        _asked.append(context)
        _asked.append(step)

    def start(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished."""
        attributes = vars(loop)
        attributes["call_soon"] = _hold
        try:
            task = asyncio.Task(work, loop=loop)
        finally:
            del attributes["call_soon"]
        step, context = _asked.pop(), _asked.pop()
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
