"""A job: it publishes its state at each step and at its end, to a feed of its own.

During a long step the state is published again. So a feed without a new event means that the worker
of the job is gone; then a ``Watchdog`` at another worker publishes the end of the job.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from math import ceil
from typing import Any

from streamserver.demo.commands import Commands
from streamserver.feed.feed import Feed
from streamserver.kit.pace import Pace
from streamserver.kit.tasks import cancel
from streamserver.wire.problem import HTTPError

HEARTBEAT = 2.0
"""Seconds between two events of a running job, at most."""

KEPT = 600.0
"""Seconds that the feed of a job is kept after its end."""

RETRY = 1.0
"""Seconds until the end of a job is published again after a failure."""

SILENCE = 7.0
"""Seconds without an event after which a job is lost: three heartbeats are missing."""

CHECKS = 4
"""Checks in that time. Several, so that neither an outage of the store nor a pause of the watching
worker counts as silence of the job."""

MAX_WATCHED = 1000
"""Jobs that a worker watches."""


class Job:
    """A job that this process runs; ``feed`` is its own."""

    def __init__(self, id: str, feed: Feed, steps: int) -> None:
        self.id = id
        self.feed = feed
        self.state: dict[str, Any] = {"id": id, "state": "running", "step": 0, "steps": steps}
        self.task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it works; its end may not be published yet when it does not."""
        return bool(self.state["state"] == "running")

    async def publish(self) -> None:
        """Publish the state. HTTPError 503 as ``Feed.publish``."""
        await self.feed.publish(self.state)

    def start(self, interval: float, fail_at: int | None) -> asyncio.Task[None]:
        """Work in a task, which ends when the end is published."""
        self.task = asyncio.create_task(self._run(interval, fail_at))
        return self.task

    def cancel(self) -> bool:
        """Cancel the work; False if it has ended."""
        return self.is_running and self.task is not None and self.task.cancel()

    async def _run(self, interval: float, fail_at: int | None) -> None:
        end = "cancelled"
        try:
            async with aclosing(work(self.state["steps"], interval, fail_at)) as steps:
                async for step in steps:
                    self.state["step"] = step
                    with suppress(HTTPError):  # a later event has this step too
                        if step < self.state["steps"]:
                            await self.publish()
            end = "done"
        except asyncio.CancelledError:
            pass
        except Exception as error:
            end = "failed"
            self.state["error"] = str(error)
        finally:
            self.state["state"] = end  # from now on ``cancel`` does nothing
            await self._publish_end()

    async def _publish_end(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT):
                while True:
                    with suppress(HTTPError):
                        await self.feed.publish(self.state, last=True, key="end")
                        return
                    await asyncio.sleep(RETRY)


async def work(steps: int, interval: float, fail_at: int | None) -> AsyncGenerator[int, None]:
    """Steps that take ``interval`` seconds each; during a long one the step before is yielded
    again. RuntimeError at the step ``fail_at``."""
    beats = max(1, ceil(interval / HEARTBEAT))  # of a step
    pace = Pace(interval / beats)
    for beat in range(1, steps * beats + 1):
        await pace.until(beat)
        step = beat // beats
        if step == fail_at:
            raise RuntimeError(f"step {step} fails on request")
        yield step


class Watchdog:
    """Watches jobs of other workers, and publishes the end of those whose worker is gone.

    A worker that was only slow is sent a command to cancel the job.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def watch(self, id: str, feed: Feed) -> None:
        """Watch a job until its end."""
        if id not in self._tasks and len(self._tasks) < MAX_WATCHED:
            task = self._tasks[id] = asyncio.create_task(self._watch(id, feed))
            task.add_done_callback(lambda _: self._tasks.pop(id))

    async def close(self) -> None:
        """Watch no more jobs."""
        await cancel(self._tasks.values())

    async def _watch(self, id: str, feed: Feed) -> None:
        last_id, checks = None, 0
        while True:
            newest = None
            with suppress(HTTPError):  # the job cannot publish either: count from 0 again
                newest = await feed.newest()
                if newest is None:
                    return
                state = json.loads(str(newest.data))
                if state["state"] != "running":
                    return
                checks = checks + 1 if newest.id == last_id else 0
                if checks >= CHECKS:
                    lost = {**state, "state": "lost", "error": "the worker that ran it is gone"}
                    await feed.publish(lost, last=True, key="lost")  # other workers may do so too
                    return await self._commands.send("cancel", id)
            last_id = None if newest is None else newest.id
            await asyncio.sleep(SILENCE / CHECKS)
