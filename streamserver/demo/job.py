"""One job: it works step by step, tells its feed of each, and at last how it ended.

While a step takes long, the one before it is told again: who hears nothing for a while may be sure
that nobody works at the job any more.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from math import ceil
from typing import Any, Literal, TypeAlias

from streamserver.feed.feed import Feed
from streamserver.kit.pace import Pace
from streamserver.wire.problem import HTTPError

Ended: TypeAlias = Literal["done", "cancelled", "failed"]
"""How a job may end by itself."""

BEAT = 2.0
"""Seconds after which a job is heard of again, at most."""

KEPT = 600.0
"""Seconds for which a job can still be looked at after its end."""

RETRY = 1.0
"""Seconds until the end of a job is told again, where the feed's store was out of reach."""


class Job:
    """A job that this process runs; ``feed`` is its own."""

    __slots__ = ("feed", "id", "state", "task")

    def __init__(self, id: str, feed: Feed, steps: int) -> None:
        self.id = id
        self.feed = feed
        self.state: dict[str, Any] = {"id": id, "state": "running", "step": 0, "steps": steps}
        self.task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended: it may still have to tell its end."""
        return bool(self.state["state"] == "running")

    async def tell(self) -> None:
        """Tell how far it is. HTTPError 503 as ``publish`` has it."""
        await self.feed.publish(self.state)

    def start(self, interval: float, fail_at: int | None) -> asyncio.Task[None]:
        """Work, in the task that is returned, until the end has been told."""
        self.task = asyncio.create_task(self._run(interval, fail_at))
        return self.task

    def cancel(self) -> bool:
        """Have it end, unless it has ended; whether it had not."""
        return self.is_running and self.task is not None and self.task.cancel()

    async def _run(self, interval: float, fail_at: int | None) -> None:
        ended: Ended = "cancelled"
        try:
            async with aclosing(work(self.state["steps"], interval, fail_at)) as steps:
                async for step in steps:
                    self.state["step"] = step
                    with suppress(HTTPError):  # the next step is told all the same
                        if step < self.state["steps"]:
                            await self.tell()
            ended = "done"
        except asyncio.CancelledError:
            pass
        except Exception as error:
            ended = "failed"
            self.state["error"] = str(error)
        finally:
            self.state["state"] = ended  # from now on nothing can be cancelled
            await self._tell_end()

    async def _tell_end(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT):
                while True:
                    with suppress(HTTPError):
                        await self.feed.publish(self.state, last=True, key="end")
                        return
                    await asyncio.sleep(RETRY)


async def work(steps: int, interval: float, fail_at: int | None) -> AsyncGenerator[int, None]:
    """So many steps, so many seconds apart, the last again where the next takes long; RuntimeError
    at the step ``fail_at``, if any."""
    beats = max(1, ceil(interval / BEAT))  # of a step
    pace = Pace(interval / beats)
    for beat in range(1, steps * beats + 1):
        await pace.until(beat)
        step = beat // beats
        if step == fail_at:
            raise RuntimeError(f"step {step} was told to fail")
        yield step
