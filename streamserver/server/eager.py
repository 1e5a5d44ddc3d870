"""Run a coroutine until it first waits, and give it a task only if it does.

A handler that has its answer ready needs no task, no turn of the event loop and no place
in its queue; at tens of thousands of requests a second these are what costs. Python 3.12
has eager tasks for this. Before it, the same is done here by hand: the task object is
entered as the current one, so that ``asyncio.timeout`` and ``asyncio.TaskGroup`` work from
the first line, but it is initialised, and so scheduled, only when the coroutine waits.
"""

import asyncio
import sys
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

Work = Coroutine[Any, Any, None]

if sys.version_info >= (3, 12):

    def start(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished.

        ``work`` must handle its own exceptions.
        """
        task = asyncio.Task(work, loop=loop, eager_start=True)
        return None if task.done() else task

else:

    def start(work: Work, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Step ``work`` at once; the task that goes on with it, or None if it is finished.

        ``work`` must handle its own exceptions.
        """
        task: asyncio.Task[None] = asyncio.Task.__new__(asyncio.Task)
        context = copy_context()
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio.tasks._leave_task(loop, outer)
        asyncio.tasks._enter_task(loop, task)
        try:
            awaited = context.run(work.send, None)
        except StopIteration:
            return None
        finally:
            asyncio.tasks._leave_task(loop, task)
            if outer is not None:
                asyncio.tasks._enter_task(loop, outer)
        asyncio.Task.__init__(task, _Rest(work, awaited), loop=loop, context=context)
        return task


class _Rest(Coroutine[Any, Any, None]):
    """The rest of a coroutine that already waits for ``awaited``."""

    __slots__ = ("_awaited", "_work")

    def __init__(self, work: Work, awaited: Any) -> None:
        self._work = work
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        return self._work.__await__()

    def send(self, value: None) -> Any:
        awaited, self._awaited = self._awaited, _NOTHING
        return self._work.send(value) if awaited is _NOTHING else awaited

    def throw(self, *error: Any) -> Any:
        awaited, self._awaited = self._awaited, _NOTHING
        if awaited is _NOTHING or awaited is None:
            return self._work.throw(*error)
        # Cancelled before the task's first turn: what is awaited is cancelled, as ever,
        # and its cancellation wakes the task.
        awaited.cancel()
        return awaited

    def close(self) -> None:
        self._work.close()


_NOTHING: Any = object()
