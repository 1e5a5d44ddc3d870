"""A task that repeats something with Redis, as long as it is needed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from streamserver.kit.tasks import cancel

log = logging.getLogger("streamserver")


class Periodic:
    """Awaits ``action`` every ``period`` seconds while ``is_needed``, and after each ``wake``.

    The argument of ``action`` is whether the period is over. Its failures are logged, once until
    it succeeds; those of the classes ``known`` without a traceback. ``timeout``: seconds until an
    action fails.
    """

    def __init__(
        self,
        action: Callable[[bool], Awaitable[None]],
        is_needed: Callable[[], object],
        period: float,
        timeout: float,
        known: tuple[type[Exception], ...],
    ) -> None:
        self._action = action
        self._is_needed = is_needed
        self._period = period
        self._timeout = timeout
        self._known = known
        self._is_failing = False
        self._task: asyncio.Task[None] | None = None
        self._is_woken = asyncio.Event()

    def start(self) -> None:
        """Begin, unless it runs."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Await the action soon."""
        self._is_woken.set()
        self.start()

    async def close(self) -> None:
        """End the task."""
        if self._task is not None:
            await cancel([self._task])

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._period
        try:
            while self._is_needed():
                if self._is_failing:
                    await asyncio.sleep(due - loop.time())
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(due):
                            await self._is_woken.wait()
                self._is_woken.clear()
                is_due = loop.time() >= due
                if is_due:
                    due = loop.time() + self._period
                await self._act(is_due)
        finally:
            self._task = None

    async def _act(self, is_due: bool) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._action(is_due)
            self._is_failing = False
        except Exception as error:  # of any kind: the task serves all answers
            if not self._is_failing:
                traceback = None if isinstance(error, self._known) else error
                message = "answers in Redis cannot be kept alive, trying again: %s"
                log.error(message, error or "no reply", exc_info=traceback)
            self._is_failing = True
