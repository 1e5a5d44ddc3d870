"""Writes the events of all answers that a process produces, over one connection.

While one round trip is under way, what producers append is collected for the next one: an event of
an idle process is written at once, and a thousand answers share their round trips.

What Redis did not confirm is written again. Nothing is added twice, since events are numbered.
"""

import asyncio
import logging
from time import monotonic
from typing import Any, Protocol

from streamserver.kit.backoff import Backoff
from streamserver.kit.tasks import cancel
from streamserver.resumable.redis_calls import Call, Scripts

log = logging.getLogger("streamserver")

BUFFERED = 64 * 1024 * 1024
"""Bytes of all answers that Redis has not confirmed, at most."""


class Writing(Protocol):
    """A producer, as the writer sees it."""

    def next_call(self) -> Call | None:
        """What to write next; None if there is nothing."""

    def on_written(self, result: Any) -> None:
        """The result of that script."""


class Writer:
    """Writes for producers; a task runs while there is something to write.

    ``buffered``: the bytes that are not written yet; producers count them, up to ``BUFFERED``.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self.buffered = 0
        self._waiting: dict[Writing, None] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, producer: Writing) -> None:
        """Write what a producer has, until its ``next_call`` is None."""
        self._waiting[producer] = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self, timeout: float) -> None:
        """Write what there is, for so many seconds at most."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
        if self._task is not None:
            await cancel([self._task])

    async def _run(self) -> None:
        backoff, began, is_failing = Backoff(first=0.05, bound=1.0, calm=1.0), monotonic(), False
        try:
            while self._waiting:
                error = await self._write()
                if error is not None:
                    if not is_failing:
                        log.error("answers cannot be written to Redis, trying again: %s", error)
                    await asyncio.sleep(backoff.delay(monotonic() - began))
                    began = monotonic()
                elif is_failing:
                    log.warning("answers are written to Redis again")
                is_failing = error is not None
        finally:
            self._task = None

    async def _write(self) -> Exception | None:
        """Write once for each producer; an error, if anything was not written."""
        calls = {}
        for producer in list(self._waiting):
            if (call := producer.next_call()) is None:
                del self._waiting[producer]
            else:
                calls[producer] = call
        failures = self._scripts.connections.failures
        try:
            results = await self._scripts.run_all([*calls.values()]) if calls else []
        except failures as error:
            return error
        failed = None
        for producer, result in zip(calls, results, strict=True):
            if isinstance(result, Exception):
                failed = result
            else:
                producer.on_written(result)
        return failed
